"""The playbook silence against a real Alertmanager, run for hosts that do not answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.conftest import COLLECTIONS, ROOT

# Nothing listens on this port, so that a task for the host would fail at once.
GPU_HOST = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9}
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}


@pytest.fixture(scope="module")
def url(start_alertmanager):
    return start_alertmanager()


@pytest.fixture
def silence(url, tmp_path):
    """Runs the playbook; whether it changed something, and its output."""
    hosts = {f"gpu{number}": {**GPU_HOST, "gpu_monitoring_address": f"10.0.0.{number}"} for number in (1, 2)}
    groups = {
        "gpu_hosts": {"hosts": hosts},
        "monitoring": {"hosts": {"monitor1": {**LOCAL, "gpu_monitoring_address": "10.0.0.9"}}},
    }
    variables = {"gpu_monitoring_tls": False, "silence_alertmanager_url": url}
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"all": {"children": groups, "vars": variables}}))

    def run(*arguments, code=0, **variables):
        program = Path(sys.executable).with_name("ansible-playbook")
        command = [
            program,
            "-i",
            inventory,
            "-e",
            json.dumps(variables),
            *arguments,
            ROOT / "playbooks" / "silence.yml",
        ]
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_HOME": str(tmp_path)}
        result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
        output = result.stdout + result.stderr
        assert result.returncode == code, output
        assert "UNREACHABLE" not in output
        return "changed: [monitor1]" in output, output

    yield run
    for given in requests.get(f"{url}/api/v2/silences", timeout=10).json():
        requests.delete(f"{url}/api/v2/silence/{given['id']}", timeout=10)


def silenced(url):
    silences = requests.get(f"{url}/api/v2/silences", timeout=10).json()
    active = [silence for silence in silences if silence["status"]["state"] == "active"]
    return sorted(matcher["value"] for silence in active for matcher in silence["matchers"])


def test_hosts_that_are_off_are_silenced_once_and_ended_one_by_one(silence, url):
    assert silence("--check", silence_hosts="gpu_hosts")[0] and not silenced(url)
    assert silence(silence_hosts="gpu_hosts", silence_duration="2h")[0]
    assert silenced(url) == ["gpu1", "gpu2"]
    assert not silence(silence_hosts="gpu1:gpu2", silence_duration="2h")[0]
    assert silence(silence_hosts="gpu1", silence_state="absent")[0]
    assert silenced(url) == ["gpu2"]


def test_alerts_of_all_hosts_are_silenced_by_matchers(silence, url):
    assert silence("--diff", silence_matchers=["alertname=GpuHot"])[0]
    assert silenced(url) == ["GpuHot"]


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        ([], {}, "silence_hosts: neither hosts nor matchers are given."),
        ([], {"silence_hosts": "gpu9"}, "silence_hosts: 'gpu9' is not a host or group of the inventory."),
        (["--limit=gpu1"], {"silence_hosts": "gpu1"}, "--limit: the run has no host of the group monitoring"),
        ([], {"silence_hosts": "gpu1", "silence_state": "gone"}, "silence_state on monitor1: "),
        (
            [],
            {"silence_hosts": "gpu1", "silence_duration": "long"},
            "silence_duration on monitor1: 'long' is not valid. Write it like 30m",
        ),
        (
            [],
            {"silence_hosts": "gpu1", "silence_alertmanager_url": ""},
            "silence_alertmanager_url: the monitoring hosts have no Alertmanager",
        ),
    ],
)
def test_bad_input_is_one_error(silence, url, arguments, variables, words):
    assert words in silence(*arguments, code=2, **variables)[1]
    assert not silenced(url)
