"""How the playbook site deploys GPU hosts in batches if some of them hang, fail or stop answering."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest

SITE = Path(__file__).resolve().parents[4] / "playbooks" / "site.yml"
DEPLOYMENT = "mlops.gpu_monitoring.container_service"
# The first play can evaluate the value, and the role cannot.
LATE = "{{ '/var/lib/docker' if gpu_monitoring_host is not defined else gpu_monitoring_host.no_such_key }}"
# What ssh does on a host whose storage hangs: the server answers, and the command does not end.
HANGING_SSH = """#!/bin/sh
echo "$$" >> {pids}
echo "$*" | grep -o 'BECOME-SUCCESS-[a-z]*' | head -n 1
exec sleep 600
"""


def deployed(output: str) -> set[str]:
    """The hosts on which the services were deployed."""
    tasks = re.findall(r"^TASK \[Deploy the collected services\] \*+\n(.*?)\n\n", output, re.MULTILINE | re.DOTALL)
    return {host for task in tasks for host in re.findall(r"^(?:ok|changed): \[(\w+)\]", task, re.MULTILINE)}


def targets(options: dict) -> dict[str, list[str]]:
    """The hosts in each file of targets that Prometheus gets."""
    (prometheus,) = (service for service in options["services"] if service["name"] == "prometheus")
    files = {Path(file["path"]): file["content"] for file in prometheus["files"] if "content" in file}
    return {
        path.name: [group["labels"]["host"] for group in json.loads(content)]
        for path, content in files.items()
        if path.parent.name == "targets"
    }


@pytest.fixture
def hanging_ssh(tmp_path):
    """The program, which is ended after the test. Ansible leaves it running when a task takes too long."""
    program, pids = tmp_path / "ssh", tmp_path / "pids"
    program.write_text(HANGING_SSH.format(pids=pids))
    program.chmod(0o755)
    yield program
    for pid in pids.read_text().split() if pids.exists() else []:
        os.kill(int(pid), signal.SIGTERM)


def test_a_host_that_hangs_fails_or_stops_answering_keeps_no_other_host_from_being_deployed(
    playbook, tmp_path, hanging_ssh
):
    leaves = {"unchanged_host_faults": {DEPLOYMENT: "unreachable"}}
    hangs = {"ansible_connection": "ssh", "ansible_ssh_executable": str(hanging_ssh)}
    variables = {
        # The first batch as a whole.
        "gpu1": {**leaves, "gpu_monitoring_batch_size": 2},
        "gpu2": leaves,
        "gpu3": {**hangs, "gpu_monitoring_address": "10.0.0.3", "gpu_monitoring_inspect_timeout": "3s"},
        "gpu4": {"cadvisor_docker_root": LATE},
        "gpu5": {"unchanged_host_faults": {DEPLOYMENT: "hang"}, "gpu_monitoring_deploy_timeout": "1s"},
        "monitor1": {"unchanged_host_record": str(tmp_path)},
    }
    code, output = playbook(SITE, variables=variables, gpu_hosts=6)
    assert code == 2, output
    assert output.count("PLAY [Deploy the exporters]") == 3
    assert deployed(output) == {"gpu4", "gpu6", "monitor1"}, output
    for line in (
        "gpu1, gpu2: The exporters were not deployed, because the host stopped answering: ",
        "gpu3: Inspect the host: Task failed: Timed out after 3 second",
        "gpu4: Deploy cAdvisor and its proxy: ",
        "gpu5: Deploy the collected services: Task failed: Timed out after 1 second",
    ):
        assert line in output, output
    options = json.loads((tmp_path / "monitor1.container_service.json").read_text())["ANSIBLE_MODULE_ARGS"]
    gpu_hosts = [f"gpu{number}" for number in range(1, 7)]
    assert targets(options) == {
        "cadvisor.json": gpu_hosts,
        "nvidia-gpu.json": gpu_hosts,
        "node.json": [*gpu_hosts, "monitor1"],
        "model-server.json": [],
    }
