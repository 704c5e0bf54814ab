"""The module docker_daemon_config on files as sites have them: merged right, or refused and left byte for byte as they
were.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.modules import docker_daemon_config

WANTED = {"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}
NVIDIA = WANTED["runtimes"]["nvidia"]

MERGED = {
    "empty": ("", {}),
    "blank": ("\n  \n", {}),
    "an empty object": ("{}", {}),
    "log options": (
        '{"log-driver": "json-file", "log-opts": {"max-size": "10m"}}',
        {"log-driver": "json-file", "log-opts": {"max-size": "10m"}},
    ),
    "features": ('{"features": {"containerd-snapshotter": true}}', {"features": {"containerd-snapshotter": True}}),
    "CDI off": ('{"features": {"cdi": false}}', {"features": {"cdi": False}}),
    "live-restore on": ('{"live-restore": true}', {"live-restore": True}),
    "live-restore off": ('{"live-restore": false}', {"live-restore": False}),
    "a default runtime": ('{"default-runtime": "runc"}', {"default-runtime": "runc"}),
    "mirrors": ('{"registry-mirrors": ["https://m"]}', {"registry-mirrors": ["https://m"]}),
    "insecure registries": ('{"insecure-registries": ["r:5000"]}', {"insecure-registries": ["r:5000"]}),
    "cgroup driver": ('{"exec-opts": ["native.cgroupdriver=systemd"]}', {"exec-opts": ["native.cgroupdriver=systemd"]}),
    "ulimits": ('{"default-ulimits": {"nofile": {"Hard": 64000}}}', {"default-ulimits": {"nofile": {"Hard": 64000}}}),
    "data root with letters of all kinds": ('{"data-root": "/srv/größe"}', {"data-root": "/srv/größe"}),
    "big numbers": (
        '{"max-concurrent-downloads": 12345678901234567890}',
        {"max-concurrent-downloads": 12345678901234567890},
    ),
    "Windows line ends": ('{\r\n  "debug": true\r\n}\r\n', {"debug": True}),
    "runtimes that are null": ('{"runtimes": null, "debug": true}', {"debug": True}),
}
UNCHANGED = {
    "the runtime": json.dumps(WANTED),
    "the runtime in another layout": '{"runtimes":{"nvidia":{"path":"nvidia-container-runtime"}}}',
    "the runtime with arguments": '{"runtimes": {"nvidia": {"path": "nvidia-container-runtime", "args": ["--debug"]}}}',
    "the runtime beside others": (
        '{"runtimes": {"kata": {"runtimeType": "io.containerd.kata.v2"}, "nvidia": {"path":'
        ' "nvidia-container-runtime"}}}'
    ),
}
REFUSED = {
    "a comment": '{\n  // our proxy\n  "debug": true\n}',
    "a comma too many": '{"debug": true,}',
    "cut off": '{"debug": tr',
    "a list": "[]",
    "a word": '"debug"',
    "not text": b"\xff\xfe{\x00}\x00",
    "a key twice": '{"runtimes": {"a": {"path": "a"}}, "runtimes": {"b": {"path": "b"}}}',
}


def run(path, check=False, state="present", config=None):
    """The module's result."""
    output = io.StringIO()
    arguments = {
        "path": str(path),
        "config": config or WANTED,
        "state": state,
        "_ansible_check_mode": check,
        "_ansible_tmpdir": str(path.parent),
    }
    with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        docker_daemon_config.main()
    return json.loads(output.getvalue())


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "daemon.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(("content", "kept"), MERGED.values(), ids=MERGED)
def test_everything_else_is_kept(file, content, kept):
    path = file(content)
    assert run(path, check=True)["changed"]
    assert path.read_bytes() == content.encode()
    result = run(path)
    assert result["changed"]
    assert json.loads(path.read_text()) == {**kept, "runtimes": {"nvidia": NVIDIA}}
    with open(result["backup_file"], "rb") as backup:
        assert backup.read() == content.encode()
    assert not run(path)["changed"]


@pytest.mark.parametrize("content", UNCHANGED.values(), ids=UNCHANGED)
def test_what_has_the_runtime_is_left_byte_for_byte(file, content):
    path = file(content)
    assert not run(path)["changed"]
    assert path.read_text() == content


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_merged_is_refused_and_left_byte_for_byte(file, content):
    path = file(content)
    result = run(path)
    assert result["failed"]
    assert str(path) in result["msg"]
    assert "left unchanged" in result["msg"]
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("check", [True, False])
def test_what_cannot_be_written_is_refused_and_left_alone(file, monkeypatch, check):
    path = file("{}")
    monkeypatch.setattr(os, "access", lambda *_arguments: False)
    assert f"path: {path} cannot be written" in run(path, check=check)["msg"]
    assert os.listdir(path.parent) == ["daemon.json"]
    assert path.read_text() == "{}"


def test_other_runtimes_and_arguments_stay(file):
    path = file('{"runtimes": {"kata": {"runtimeType": "k"}, "nvidia": {"path": "/old/runtime", "args": ["--debug"]}}}')
    assert run(path)["changed"]
    assert json.loads(path.read_text())["runtimes"] == {
        "kata": {"runtimeType": "k"},
        "nvidia": {**NVIDIA, "args": ["--debug"]},
    }


def test_a_missing_file_and_its_folder_are_made(tmp_path):
    path = tmp_path / "docker" / "daemon.json"
    assert run(path, check=True)["changed"]
    assert not path.parent.exists()
    os.makedirs(path.parent)
    assert "backup_file" not in run(path)
    assert json.loads(path.read_text()) == WANTED
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o666])
def test_the_permissions_stay(file, mode):
    path = file("{}")
    path.chmod(mode)
    assert run(path)["changed"]
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_link_stays_one(tmp_path):
    target = tmp_path / "managed" / "daemon.json"
    target.parent.mkdir()
    target.write_text("{}")
    link = tmp_path / "daemon.json"
    link.symlink_to(target)
    assert run(link)["changed"]
    assert link.is_symlink()
    assert json.loads(target.read_text()) == WANTED


REMOVED = {
    "all that there is": (WANTED, {}),
    "beside other settings": ({"debug": True, **WANTED}, {"debug": True}),
    "beside another runtime": (
        {"runtimes": {"kata": {"runtimeType": "k"}, "nvidia": NVIDIA}},
        {"runtimes": {"kata": {"runtimeType": "k"}}},
    ),
}
KEPT = {
    "no runtime": {"debug": True},
    "arguments of the site": {"runtimes": {"nvidia": {**NVIDIA, "args": ["--debug"]}}},
    "another program": {"runtimes": {"nvidia": {"path": "/opt/nvidia-container-runtime"}}},
    "runtimes that are null": {"runtimes": None},
}


@pytest.mark.parametrize(("before", "after"), REMOVED.values(), ids=REMOVED)
def test_what_was_merged_in_is_taken_out(file, before, after):
    path = file(json.dumps(before))
    assert run(path, check=True, state="absent")["changed"]
    assert json.loads(path.read_text()) == before
    result = run(path, state="absent")
    assert result["changed"]
    assert json.loads(path.read_text()) == after
    assert os.path.exists(result["backup_file"])
    assert not run(path, state="absent")["changed"]


@pytest.mark.parametrize("content", KEPT.values(), ids=KEPT)
def test_what_is_not_just_what_was_merged_in_stays(file, content):
    path = file(json.dumps(content))
    assert not run(path, state="absent")["changed"]
    assert path.read_text() == json.dumps(content)


def test_nothing_is_taken_out_of_no_file(tmp_path):
    assert not run(tmp_path / "daemon.json", state="absent")["changed"]
    assert not (tmp_path / "daemon.json").exists()


def test_the_difference_shows_no_password_of_a_proxy(file):
    diff = run(file('{"proxies": {"http-proxy": "http://me:secret@proxy:3128"}, "debug": true}'))["diff"]
    assert "secret" not in json.dumps(diff)
    assert json.loads(diff["before"]) == {"proxies": {"http-proxy": "********"}, "debug": True}
    assert json.loads(diff["after"]) == {"proxies": {"http-proxy": "********"}, "debug": True, **WANTED}


@pytest.mark.parametrize(("mode", "expected"), [(0o644, 0o640), (0o600, 0o600), (None, 0o640)])
def test_a_password_of_a_proxy_is_not_for_everybody(file, tmp_path, mode, expected):
    path = file("{}") if mode else tmp_path / "daemon.json"
    if mode:
        path.chmod(mode)
    assert run(path, config={"proxies": {"https-proxy": "http://me:secret@proxy:3128"}})["changed"]
    assert stat.S_IMODE(path.stat().st_mode) == expected


@pytest.fixture
def dockerd(tmp_path, monkeypatch):
    """Puts a dockerd that does this into the search path."""

    def put(script):
        program = tmp_path / "dockerd"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return put


def test_what_dockerd_refuses_is_not_put_in_place(file, dockerd):
    dockerd(
        """case "$*" in --help) echo ' --validate' ;;"""
        """ *) echo "unable to configure the Docker daemon" >&2; cat "$3" >&2; exit 1 ;; esac"""
    )
    path = file('{"debug": true}')
    result = run(path)
    assert result["failed"]
    assert "dockerd refuses the merged configuration" in result["msg"]
    assert "left unchanged" in result["msg"]
    assert "nvidia-container-runtime" in result["msg"]
    assert path.read_text() == '{"debug": true}'
    assert not list(path.parent.glob("daemon.json.*"))


def test_an_engine_that_cannot_validate_is_not_asked_to(file, dockerd):
    dockerd("""case "$*" in --help) echo ' --config-file' ;; *) exit 1 ;; esac""")
    assert run(file("{}"))["changed"]
