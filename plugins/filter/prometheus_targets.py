# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import ipaddress
from typing import Any, Callable, Mapping, Sequence

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.mlops.gpu_monitoring.plugins.filter.ip_address import ip_address
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.address import of_host, with_port


def prometheus_targets(
    hosts: Sequence[str],
    hostvars: Mapping[str, Any],
    watcher: str,
    port: int,
    container: str,
    container_port: int,
    port_variable: str = "",
    enabled_variable: str = "",
) -> list[dict[str, Any]]:
    """Target groups for Prometheus' file_sd_config, one for each host, with the label `host`.

    The watcher itself is reached as `container:container_port`, over the Docker network that they share. Another host is reached at its
    gpu_monitoring_address, else ansible_host, else its name, on the port that its `port_variable` says, else `port`. Hosts whose
    `enabled_variable` is false are left out. Two hosts with one address, and an address of the loopback, are an error.
    """
    targets: list[dict[str, Any]] = []
    owners: dict[str, str] = {}
    for host in hosts:
        variables = hostvars[host]
        name = str(host)
        if enabled_variable and not boolean(variables.get(enabled_variable, True)):
            continue
        given = of_host(name, variables)
        address = ip_address(given, f"gpu_monitoring_address of host {name}")
        if name != watcher and ipaddress.ip_address(address).is_loopback:
            raise AnsibleFilterError(
                f"gpu_monitoring_address of host {name}: '{given}' is {address}, which {watcher} cannot reach. Set it to an address of {name} on the network."
            )
        if address in owners:
            raise AnsibleFilterError(
                f"The hosts {owners[address]} and {name} have the same address, {address}. Give each its own gpu_monitoring_address or ansible_host."
            )
        owners[address] = name
        there = f"{container}:{container_port}" if name == watcher else with_port(address, int(variables.get(port_variable, port)))
        targets.append({"targets": [there], "labels": {"host": name}})
    return targets


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"prometheus_targets": prometheus_targets}
