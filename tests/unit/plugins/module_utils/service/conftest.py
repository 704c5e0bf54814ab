"""Options as the module gives them."""

from __future__ import annotations

import os

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import health, state, undo
from fake_engine import FakeEngine


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """No waiting, and locks and journals of this test's own."""
    locks = tmp_path / "locks"
    locks.mkdir()
    monkeypatch.setattr(state, "MEMORY_FOLDER", str(locks))
    monkeypatch.setattr(state, "FOLDER", str(locks))
    monkeypatch.setattr(undo, "COME_BACK_SECONDS", 0)
    monkeypatch.setattr(health, "POLL_SECONDS", 0)
    monkeypatch.setattr(health, "STEADY_SECONDS", 0)


@pytest.fixture
def file_options(tmp_path):
    """An item of `files` that belongs to whoever runs the test."""

    def make(path, content, on_change="recreate", mode="0644"):
        own = {"owner": str(os.getuid()), "group": str(os.getgid())}
        return {
            "path": str(tmp_path / path),
            "content": content,
            "mode": mode,
            "on_change": on_change,
            "force": True,
            **own,
        }

    return make


@pytest.fixture
def options(tmp_path, file_options):
    """Every option of the module, for a service with a file that is reloaded and a secret file that recreates."""
    return {
        "name": "app",
        "state": "present",
        "remove_data": False,
        "image": "app:1",
        "pull": "missing",
        "also_pull": [],
        "command": None,
        "env": {"TZ": "UTC"},
        "user": None,
        "hostname": None,
        "mounts": [{"type": "bind", "source": f"{tmp_path}/etc/", "target": "/etc/app", "read_only": True}],
        "tmpfs": [],
        "networks": ["monitoring"],
        "ports": [],
        "cap_add": ["SYS_PTRACE"],
        "cap_drop": ["ALL"],
        "read_only": True,
        "security_opts": ["no-new-privileges"],
        "devices": [],
        "gpus": "none",
        "memory": "64m",
        "pids_limit": None,
        "ulimits": {},
        "labels": {},
        "log_options": {},
        "restart_policy": "unless-stopped",
        "stop_timeout": 10,
        "files": [file_options("etc/app.conf", "one\n", "reload")],
        "secret_files": [file_options("etc/secret", "password: correct-horse-battery\n", "recreate", "0600")],
        "validate": None,
        "reload": {"signal": "HUP", "http": None},
        "health": {"http": None, "command": ["ready"], "image": False, "timeout": 0},
        "docker_host": "unix:///var/run/docker.sock",
    }
