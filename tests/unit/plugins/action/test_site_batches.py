"""How the playbook site deploys GPU hosts in batches if some of them hang, fail or stop answering."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.plugins.action.unreachable_host import UNREACHABLE

SITE = Path(__file__).resolve().parents[4] / "playbooks" / "site.yml"
DEPLOYMENT = "mlops.gpu_monitoring.container_service"
# One that the role installs again.
OLD_TOOLKIT = {"packages": {"toolkit": []}, "toolkit": {"version": "1.0.0"}}
# The first play can evaluate the value, and the role cannot.
LATE = "{{ '/var/lib/docker' if gpu_monitoring_host is not defined else gpu_monitoring_host.no_such_key }}"


def targets(options: dict) -> dict[str, list[str]]:
    """The hosts in each file of targets that Prometheus gets."""
    (prometheus,) = (service for service in options["services"] if service["name"] == "prometheus")
    files = {Path(file["path"]): file["content"] for file in prometheus["files"] if "content" in file}
    return {
        path.name: [group["labels"]["host"] for group in json.loads(content)]
        for path, content in files.items()
        if path.parent.name == "targets"
    }


def test_a_host_that_hangs_fails_or_stops_answering_keeps_no_other_host_from_being_deployed(
    playbook, tmp_path, hanging_ssh
):
    def leaves(*modules):
        return {"unchanged_host_faults": dict.fromkeys((*modules, DEPLOYMENT), "unreachable")}

    hangs = {"ansible_connection": "ssh", "ansible_ssh_executable": str(hanging_ssh)}
    hangs_later = {"unchanged_host_faults": {DEPLOYMENT: "hang"}, "gpu_monitoring_deploy_timeout": "2s"}
    variables = {
        # The first batch as a whole.
        "gpu1": {
            **leaves("mlops.gpu_monitoring.nvidia_container_toolkit"),
            "gpu_monitoring_batch_size": 2,
            "unchanged_host_answers": {"mlops.gpu_monitoring.host_info": OLD_TOOLKIT},
            "nvidia_container_toolkit_allow_daemon_reload": True,
        },
        "gpu2": leaves("mlops.gpu_monitoring.nvidia_container_info"),
        "gpu3": {**hangs, "gpu_monitoring_address": "10.0.0.3", "gpu_monitoring_inspect_timeout": "3s"},
        "gpu4": {"cadvisor_docker_root": LATE},
        "gpu5": hangs_later,
        # Alone in its batch.
        "gpu7": {
            **leaves("mlops.gpu_monitoring.docker_daemon_config"),
            "unchanged_host_answers": {"mlops.gpu_monitoring.host_info": {"engine": {"live_restore": True}}},
            "docker_engine_https_proxy": "http://proxy.example:3128",
            "docker_engine_allow_restart": True,
        },
        "monitor2": {**UNREACHABLE, "gpu_monitoring_address": "10.0.0.8"},
        "monitor3": hangs_later,
    }
    hosts = [*(f"gpu{number}" for number in range(1, 8)), "monitor1", "monitor2", "monitor3"]
    variables = {host: {**variables.get(host, {}), "unchanged_host_record": str(tmp_path)} for host in hosts}
    code, output = playbook(SITE, variables=variables, gpu_hosts=7, monitoring=3)
    assert code == 4, output
    assert output.count("PLAY [Deploy the exporters]") == 4
    deployed = {path.name.partition(".")[0] for path in tmp_path.glob("*.container_service.json")}
    assert deployed == {"gpu4", "gpu6", "monitor1"}, output
    stopped = "Ansible cannot use the host: the stand-in stopped answering. Repair the host or the connection"
    for line in (
        "gpu1, gpu2: The exporters were not deployed, because the host stopped answering: ",
        f"gpu1: Install, configure or remove the toolkit: {stopped}",
        f"gpu2: Verify GPU access (nvidia_container_toolkit_verify_image): {stopped}",
        "gpu3: Inspect the host: Task failed: Timed out after 3 second",
        "gpu4: Deploy cAdvisor and its proxy: ",
        "gpu5: Deploy the collected services: Task failed: Timed out after 2 second",
        "monitor3: Deploy Grafana: Task failed: Timed out after 2 second",
        "gpu7: Check that the engine was restarted with the proxies: The engine may lack the proxies, because the host",
        "monitor2: Nothing was deployed: ",
    ):
        assert line in output, output
    options = json.loads((tmp_path / "monitor1.container_service.json").read_text())["ANSIBLE_MODULE_ARGS"]
    assert targets(options) == {
        "cadvisor.json": hosts[:7],
        "nvidia-gpu.json": hosts[:7],
        "node.json": hosts,
        "model-server.json": [],
    }
