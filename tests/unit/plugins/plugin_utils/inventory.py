"""The variables of an inventory, as the actions that run once for all hosts see them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables


def host_variables(
    folder: Path,
    gpu_hosts: dict[str, dict[str, Any]],
    monitoring: dict[str, dict[str, Any]],
    variables: dict[str, Any] | None = None,
    play_variables: dict[str, Any] | None = None,
    facts: dict[str, dict[str, Any]] | None = None,
    others: dict[str, dict[str, Any]] | None = None,
) -> HostVariables:
    """`variables` are those of the group all, `facts` what was gathered of hosts, `others` hosts outside the groups;
    the task runs for the first host.
    """
    source = folder / "inventory.yml"
    groups = {"gpu_hosts": {"hosts": gpu_hosts}, "monitoring": {"hosts": monitoring}}
    content = {"all": {"vars": variables or {}, "hosts": others or {}, "children": groups}}
    source.write_text(yaml.safe_dump(content))
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(source)])
    manager = VariableManager(loader=loader, inventory=inventory)
    HostVars(inventory=inventory, variable_manager=manager, loader=loader)
    for host, known in (facts or {}).items():
        manager.set_host_facts(host, known)
    play_file = folder / "play.yml"
    play_file.write_text(yaml.safe_dump({"hosts": "all", "gather_facts": False, "vars": play_variables or {}}))
    play = Play.load(
        loader.load_from_file(str(play_file), trusted_as_template=True), variable_manager=manager, loader=loader
    )
    names = [host.name for host in inventory.get_hosts()]
    known = manager.get_vars(play=play, host=inventory.get_host(next(iter(gpu_hosts or monitoring))))
    return HostVariables(loader, {**known, "ansible_play_hosts_all": names}, play)
