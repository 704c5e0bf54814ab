"""The EXAMPLES of modules that need no more than this machine."""

from __future__ import annotations

import contextlib
import importlib
import io
import json

import pytest
from ansible.module_utils.testing import patch_module_args

from tests import examples


@pytest.fixture
def run(tmp_path):
    """Runs the examples of a module with further options, and returns the results."""

    def all_of(module, **further):
        assert module in examples.run_by(__file__)
        code = importlib.import_module(f"ansible_collections.mlops.gpu_monitoring.plugins.modules.{module}")
        for example in examples.of(module):
            output = io.StringIO()
            options = {**examples.rendered(example, {}, tmp_path), **further}
            with patch_module_args(options), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
                code.main()
            result = json.loads(output.getvalue())
            assert not result.get("failed"), (example.name, result)
            yield result

    return all_of


def test_the_examples_change_the_configuration_of_the_engine(run, tmp_path):
    path = tmp_path / "daemon.json"
    contents = [json.loads(path.read_text()) for _result in run("docker_daemon_config", path=str(path))]
    assert contents == [
        {"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}},
        {},
        {"log-driver": "local", "log-opts": {"max-size": "10m"}},
    ]


def test_the_examples_look_at_this_machine(run, tmp_path):
    host_info, files = run("host_info", docker_host=f"unix://{tmp_path}/docker.sock")
    assert host_info["engine"]["reachable"] is False and "gpus" in host_info["gpu"]
    assert list(files["files"]) == ["/etc/gpu_monitoring/grafana/admin_password"]
