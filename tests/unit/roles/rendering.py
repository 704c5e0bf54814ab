"""What a role would hand to its modules: its variables and templates rendered by Ansible itself, for an inventory given as a mapping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager


# What earlier tasks of the roles would have found.
_MISSING = {"stat": {"exists": False}}
_FACTS = {
    "ansible_check_mode": False,
    "tls_issued": {"certificate": "a certificate", "private_key": "a private key", "ca": "an authority"},
    "gpu_monitoring_host": {"gpu": {"uuids": ["GPU-1"]}, "kernel": {"pressure": False}},
    "grafana_password_on_host": _MISSING,
    "grafana_previous_password_on_host": _MISSING,
}


def fleet(gpu_hosts: dict[str, dict[str, Any]], monitoring: dict[str, dict[str, Any]], variables: dict[str, Any] | None = None) -> dict[str, Any]:
    """An inventory with both groups; `variables` are those of all hosts."""
    return {"all": {"vars": variables or {}, "children": {"gpu_hosts": {"hosts": gpu_hosts}, "monitoring": {"hosts": monitoring}}}}


def arguments(
    role: str, task: str, inventory: dict[str, Any], host: str, folder: Path, facts: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The rendered arguments of the task with this name; the inventory is written to `folder` first. `facts` are what earlier tasks found."""
    source = folder / "inventory.yml"
    source.write_text(yaml.safe_dump(inventory))
    loader = DataLoader()
    hosts = InventoryManager(loader=loader, sources=[str(source)])
    variables = VariableManager(loader=loader, inventory=hosts)
    HostVars(inventory=hosts, variable_manager=variables, loader=loader)
    play = Play.load({"hosts": "all", "gather_facts": False, "roles": [f"mlops.gpu_monitoring.{role}"]}, variable_manager=variables, loader=loader)
    for block in play.compile():
        for one in block.get_tasks():
            if one.get_name().endswith(f" : {task}"):
                known = variables.get_vars(play=play, host=hosts.get_host(host), task=one)
                known["ansible_search_path"] = one.get_search_path()
                known = {**_FACTS, **known, **(facts or {}), "tls_secrets_dir": str(folder)}
                return Templar(loader=loader, variables=known).template(one.args)
    raise LookupError(f"{role} has no task {task}")
