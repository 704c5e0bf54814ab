"""The module docker_engine_info where no engine answers."""

from __future__ import annotations

import contextlib
import io
import json
import socket

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import docker_socket
from ansible_collections.mlops.gpu_monitoring.plugins.modules import docker_engine_info


def engine(path):
    output = io.StringIO()
    with patch_module_args({"docker_host": f"unix://{path}"}), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        docker_engine_info.main()
    return json.loads(output.getvalue())["engine"]


def test_none(tmp_path):
    there = engine(tmp_path / "docker.sock")
    assert not there["reachable"]
    assert "No such file" in there["error"]


def test_one_that_hangs(tmp_path, monkeypatch):
    monkeypatch.setattr(docker_socket, "TIMEOUT_SECONDS", 0.1)
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / "docker.sock"))
        hanging.listen()
        there = engine(tmp_path / "docker.sock")
    assert not there["reachable"]
    assert "timed out" in there["error"]
