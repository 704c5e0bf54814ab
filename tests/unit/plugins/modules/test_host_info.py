"""The module host_info, with an nvidia-smi of new, old and broken drivers, and without an engine."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import socket
import time

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import docker_socket
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import hostengine, nvidia_smi, pci
from ansible_collections.mlops.gpu_monitoring.plugins.modules import host_info

NEW = "*mig.mode*) echo '0, GPU-aaaa, NVIDIA A100, 580.95.05, 81920, 00000000:3B:00.0, Enabled' ;;"
OLD = """*mig.mode*) echo 'Field "mig.mode.current" is not a valid field to query.'; exit 2 ;;
--query-gpu=*) echo '0, GPU-aaaa, Tesla V100, 418.67, 16130, 00000000:3B:00.0' ;;"""
BROKEN = "*) echo 'NVIDIA-SMI has failed.'; exit 9 ;;"


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """The module's answer, with an nvidia-smi of these cases and this hardware; `ask.warnings` are its warnings."""
    warnings = []
    monkeypatch.setattr(host_info.AnsibleModule, "warn", lambda _module, text: warnings.append(text))

    def call(cases=BROKEN, hardware=(), **options):
        smi = tmp_path / "nvidia-smi"
        smi.write_text(f'#!/bin/sh\ncase "$1" in\n{cases}\nesac\n')
        smi.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        on_bus = [pci.PciGpu(address, "nvidia") for address in hardware]
        monkeypatch.setattr(pci, "gpus", lambda _devices: on_bus)
        monkeypatch.setattr(hostengine, "PROCESSES", tmp_path / "proc")
        output = io.StringIO()
        options = {"docker_host": f"unix://{tmp_path}/docker.sock", **options}
        with patch_module_args(options), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
            host_info.main()
        return json.loads(output.getvalue())

    call.warnings = warnings
    return call


def test_a_driver_from_before_mig_says_its_version(ask):
    answer = ask(OLD)["gpu"]
    assert answer["driver_version"] == "418.67"
    assert (answer["gpus"][0]["memory_mib"], answer["gpus"][0]["mig_mode"]) == (16130, "[N/A]")


def test_mig_instances(ask):
    answer = ask(
        f"{NEW}\n-L) echo 'GPU 0: NVIDIA A100 (UUID: GPU-aaaa)'; echo '  MIG 3g.40gb     Device  0:"
        " (UUID: MIG-1111)' ;;"
    )
    assert answer["gpu"]["uuids"] == ["MIG-1111"]


def test_a_list_of_instances_that_fails_is_not_taken_for_none(ask):
    answer = ask(f"{NEW}\n-L) echo 'GPU is lost'; exit 15 ;;")
    assert "nvidia-smi -L" in answer["gpu"]["error"]
    assert "15: GPU is lost" in answer["gpu"]["error"]


def test_hardware_without_a_working_driver_is_a_warning_that_says_what_to_do(ask):
    answer = ask(BROKEN, ["0000:3b:00.0"])["gpu"]
    assert not answer["present"]
    (warning,) = ask.warnings
    assert answer["msg"] in warning
    assert "(0000:3b:00.0) but its driver shows no GPU: NVIDIA-SMI has failed. Install the NVIDIA driver" in warning


def test_a_driver_that_hangs_is_an_answer(ask, monkeypatch):
    """Neither the program nor its child ends when it is asked to, as a process that waits for a broken GPU."""
    monkeypatch.setattr(nvidia_smi, "TIMEOUT_SECONDS", 0.2)
    started = time.monotonic()
    answer = ask("*) trap '' TERM; sleep 50 ;;", ["0000:3b:00.0"])["gpu"]
    assert time.monotonic() - started < 40
    assert "its driver shows no GPU: nvidia-smi did not end within 0.2 s. The driver hangs" in answer["msg"]
    assert "Install" not in answer["msg"]


def test_instances_that_are_not_listed_in_time_are_not_taken_for_none(ask, monkeypatch):
    monkeypatch.setattr(nvidia_smi, "TIMEOUT_SECONDS", 0.2)
    answer = ask(f"{NEW}\n-L) sleep 50 ;;")
    assert "ended with 124: nvidia-smi did not end within 0.2 s" in answer["gpu"]["error"]


def test_a_host_without_hardware_is_no_warning(ask):
    assert ask(BROKEN)["gpu"]["msg"] == "This host has no NVIDIA GPU."
    assert not ask.warnings


def test_a_host_without_an_engine_is_an_answer(ask):
    engine = ask()["engine"]
    assert not engine["reachable"]
    assert "No such file" in engine["error"]


def test_an_engine_that_hangs_is_an_answer(ask, tmp_path, monkeypatch):
    monkeypatch.setattr(docker_socket, "TIMEOUT_SECONDS", 0.1)
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / "docker.sock"))
        hanging.listen()
        engine = ask()["engine"]
    assert not engine["reachable"]
    assert "timed out" in engine["error"]


def test_files_by_hash_without_their_content(ask, tmp_path):
    (tmp_path / "password").write_text("a secret")
    (tmp_path / "folder").mkdir()
    paths = [str(tmp_path / name) for name in ("password", "folder", "missing")]
    answer = ask(files=paths)
    assert [(answer["files"][path]["exists"], answer["files"][path]["sha256"]) for path in paths] == [
        (True, hashlib.sha256(b"a secret").hexdigest()),
        (True, ""),
        (False, ""),
    ]
    assert "a secret" not in json.dumps(answer)


def test_files_alone_ask_nothing_else_of_the_host(ask, tmp_path, monkeypatch):
    monkeypatch.setattr(host_info, "look", lambda *_given: pytest.fail("the whole host was asked"))
    answer = ask(f"*) touch {tmp_path}/asked ;;", ["0000:3b:00.0"], files=[str(tmp_path)], only_files=True)
    assert list(answer["files"]) == [str(tmp_path)]
    assert "gpu" not in answer
    assert not (tmp_path / "asked").exists()
    assert not ask.warnings
