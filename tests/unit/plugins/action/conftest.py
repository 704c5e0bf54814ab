"""Plays for hosts that do not exist."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
# What ssh does on a host whose storage hangs: the server answers, and the command does not end.
HANGING_SSH = """#!/bin/sh
echo "$$" >> {pids}
echo "$*" | grep -o 'BECOME-SUCCESS-[a-z]*' | head -n 1
exec sleep 600
"""


@pytest.fixture
def playbook(tmp_path):
    """Runs a playbook, a file or a list of plays, and gives its exit code and output. Every module finds a host that
    needs no change.
    """
    shared = {
        "ansible_connection": "unchanged_host",
        "ansible_python_interpreter": "/usr/bin/python3",
        "gpu_monitoring_secrets_dir": str(tmp_path / "secrets"),
        "grafana_admin_password": "a password of the test",
    }
    children = {"gpu_hosts": {"hosts": {}}, "monitoring": {"hosts": {"monitor1": {"ansible_host": "10.0.0.9"}}}}
    hosts = {"switch1": {"ansible_host": "no-such-host.invalid", "model_servers": []}}
    inventory = {"all": {"vars": shared, "hosts": hosts, "children": children}}
    environment = {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
        "ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "bench" / "many_hosts" / "connection"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
    }

    def run(source, *arguments, variables=None, gpu_hosts=2, monitoring=1):
        for number in range(1, gpu_hosts + 1):
            address = f"10.0.0.{number if number < 9 else number + 1}"
            children["gpu_hosts"]["hosts"].setdefault(f"gpu{number}", {"ansible_host": address})
        for number in range(2, monitoring + 1):
            children["monitoring"]["hosts"].setdefault(f"monitor{number}", {"ansible_host": f"10.0.1.{number}"})
        for members in (hosts, *(group["hosts"] for group in children.values())):
            for host in members:
                members[host].update((variables or {}).get(host, {}))
        (tmp_path / "inventory.json").write_text(json.dumps(inventory))
        if isinstance(source, list):
            plays = [{"hosts": "gpu_hosts", "gather_facts": False, **play} for play in source]
            source = tmp_path / "play.json"
            source.write_text(json.dumps(plays))
        command = [
            Path(sys.executable).with_name("ansible-playbook"),
            "-i",
            tmp_path / "inventory.json",
            source,
            *arguments,
        ]
        done = subprocess.run(
            command, env={**os.environ, **environment}, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def hanging_ssh(tmp_path):
    """The program, which is ended after the test. Ansible leaves it running when a task takes too long."""
    program, pids = tmp_path / "ssh", tmp_path / "pids"
    program.write_text(HANGING_SSH.format(pids=pids))
    program.chmod(0o755)
    yield program
    for pid in pids.read_text().split() if pids.exists() else []:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGTERM)
