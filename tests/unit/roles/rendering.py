"""What a role would hand to its modules: its variables and templates rendered by Ansible itself, for an inventory given
as a mapping.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.playbook.task import Task
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.fleet import evaluate
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables

# The answer of host_info for the GPU of a host.
GPU = {
    "present": True,
    "hardware": True,
    "gpus": [],
    "devices": ["0000:3b:00.0"],
    "lost_devices": [],
    "driver_version": "580.95.05",
    "hostengine": "",
    "error": "",
    "msg": "",
}
_SECRETS = {
    "certificate": "a certificate",
    "private_key": "a private key",
    "ca_certificate": "an authority",
    "certificate_metrics": (
        'gpu_monitoring_certificate_expiry_timestamp_seconds{kind="server",subject="CN=gpu1"} 1800000000\n'
    ),
    "exporter_password": "a password of the exporters",
    "exporter_password_bcrypt": "a hash of it",
    "exporter_password_sha512": "another hash of it",
    "prometheus_password": "a password of Prometheus",
    "prometheus_password_bcrypt": "a hash of that",
}
# What earlier tasks of the roles would have found.
_MISSING = {"exists": False, "sha256": ""}
_GRAFANA = "/etc/gpu_monitoring/grafana"
_FACTS = {
    "ansible_check_mode": False,
    "gpu_monitoring_host": {
        "gpu": GPU,
        "kernel": {"pressure": False},
        "engine": {
            "cdi_gpus": False,
            "runtimes": {"nvidia": "nvidia-container-runtime"},
            "nvidia_runtimes": ["nvidia"],
            "cgroup_driver": "systemd",
            "cgroup_parent": "",
        },
        "toolkit": {"cdi_folders": ["/var/run/cdi"]},
    },
    "grafana_host": {
        "files": {
            f"{_GRAFANA}/admin_password": _MISSING,
            f"{_GRAFANA}.previous_admin_password": _MISSING,
            f"{_GRAFANA}/secret_key": _MISSING,
        }
    },
}


def fleet(
    gpu_hosts: dict[str, dict[str, Any]], monitoring: dict[str, dict[str, Any]], variables: dict[str, Any] | None = None
) -> dict[str, Any]:
    """An inventory with both groups; `variables` are those of all hosts."""
    return {
        "all": {
            "vars": variables or {},
            "children": {"gpu_hosts": {"hosts": gpu_hosts}, "monitoring": {"hosts": monitoring}},
        }
    }


def arguments(
    role: str, task: str, inventory: dict[str, Any], host: str, folder: Path, facts: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The rendered arguments of the task with this name; the inventory is written to `folder` first. `facts` are what
    earlier tasks found.
    """
    for rendered in _rendered(
        role, lambda candidate: candidate.get_name().endswith(f" : {task}"), inventory, host, folder, facts
    ):
        return rendered
    raise LookupError(f"{role} has no task {task}")


def service(
    role: str, name: str, inventory: dict[str, Any], host: str, folder: Path, facts: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The rendered service of this name that the role deploys, as `arguments` renders a task."""
    deploys = "mlops.gpu_monitoring.container_service"
    for rendered in _rendered(
        role, lambda candidate: candidate.resolved_action == deploys, inventory, host, folder, facts
    ):
        for options in rendered["services"]:
            if options["name"] == name:
                return options
    raise LookupError(f"{role} deploys no service {name} on {host}")


def prometheus_folder(inventory: dict[str, Any], host: str, folder: Path) -> Path:
    """The folder with the files that the role prometheus puts before Prometheus; beside it, the inventory."""
    root = Path("/etc/gpu_monitoring/prometheus")
    rendered = service("prometheus", "prometheus", inventory, host, folder.parent)
    for file in rendered["files"] + rendered["secret_files"]:
        if root in Path(file["path"]).parents:
            path = folder / Path(file["path"]).relative_to(root)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file["content"])
    return folder


class _Loader(DataLoader):
    """Reads a file at each use, which takes less time than the copies that Ansible makes of what it has read."""

    def load_from_file(self, file_name: str, cache: str = "none", unsafe: bool = True, **options: Any) -> Any:
        return super().load_from_file(file_name, cache="none", unsafe=True, **options)


def _rendered(
    role: str,
    wanted: Callable[[Task], bool],
    inventory: dict[str, Any],
    host: str,
    folder: Path,
    facts: dict[str, Any] | None,
) -> Iterator[dict[str, Any]]:
    """The rendered arguments of the selected tasks of a role and its dependencies."""
    source = folder / "inventory.yml"
    source.write_text(json.dumps(inventory, sort_keys=True))
    loader = _Loader()
    hosts = InventoryManager(loader=loader, sources=[str(source)])
    variables = VariableManager(loader=loader, inventory=hosts)
    HostVars(inventory=hosts, variable_manager=variables, loader=loader)
    play = Play.load(
        {"hosts": "all", "gather_facts": False, "roles": [f"mlops.gpu_monitoring.{role}"]},
        variable_manager=variables,
        loader=loader,
    )
    for block in play.compile():
        for task in block.get_tasks():
            if wanted(task):
                known = variables.get_vars(play=play, host=hosts.get_host(host), task=task)
                known["ansible_search_path"] = task.get_search_path()
                known["ansible_play_hosts_all"] = [name.name for name in hosts.get_hosts()]
                of_fleet = HostVariables(loader, known, play, task)
                known["gpu_monitoring_fleet"] = evaluate(of_fleet, of_fleet.play_hosts)
                known["tls_secrets"] = {"hosts": dict.fromkeys(known["ansible_play_hosts_all"], _SECRETS)}
                known = {**_FACTS, **known, **(facts or {}), "tls_secrets_dir": str(folder)}
                yield Templar(loader=loader, variables=known).template(task.args)
