# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.address import with_port
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import monitoring_peers
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import (
    HostVariables,
    port_of,
    reached_address,
    tls_switch,
)

# What decides who is notified of an alert. Any member may send the notification.
_SHARED = (
    *("alertmanager_receivers", "alertmanager_route", "alertmanager_time_intervals"),
    *("alertmanager_inhibit_rules_extra", "alertmanager_watchdog_receiver", "alertmanager_watchdog_interval"),
)


class Member(TypedDict):
    """An Alertmanager of several monitoring hosts: where its peers reach it, and the entry of Prometheus' alertmanagers
    for the Prometheus of other hosts.
    """

    host: str
    peer: str
    prometheus: dict[str, Any]


def hosts_of(variables: HostVariables) -> list[str]:
    """The hosts whose Alertmanagers all Prometheus of the site use; none if a single host monitors."""
    monitoring = variables.in_groups("monitoring")
    if len(monitoring) < 2:
        return []
    return [host for host in monitoring if variables.is_true(host, "alertmanager_enabled")]


def members(variables: HostVariables, addresses: Mapping[str, str]) -> list[Member]:
    """The Alertmanagers of these hosts, with the addresses at which the others reach them. `addresses` are those of
    hosts that are known.
    """
    return [_member(variables, host, addresses[host]) for host in hosts_of(variables) if host in addresses]


def clustered(alertmanagers: Sequence[Member]) -> list[str]:
    """The hosts whose Alertmanagers form a cluster: several."""
    return [member["host"] for member in alertmanagers] if len(alertmanagers) > 1 else []


def check(variables: HostVariables, host: str) -> None:
    """Raises VariableError if the Alertmanager of a host cannot be a member of the cluster of the monitoring hosts."""
    hosts = hosts_of(variables)
    # Several hosts speak TLS unless a variable says otherwise.
    if len(hosts) < 2 or host not in hosts or tls_switch(variables, host) is False:
        return
    reason = f"the Alertmanagers of {', '.join(hosts)} form a cluster"
    monitoring_peers.require_equal(
        host, hosts[0], lambda member: ((name, variables.get(member, name)) for name in _SHARED), reason
    )


def _member(variables: HostVariables, host: str, address: str) -> Member:
    others = [name for name in hosts_of(variables) if name != host]
    address = reached_address(variables, host, "alertmanager_address", address, others)
    entry: dict[str, Any] = {
        "static_configs": [{"targets": [with_port(address, port_of(variables, host, "alertmanager_port"))]}]
    }
    prefix = str(variables.get(host, "alertmanager_route_prefix") or "").rstrip("/")
    return {
        "host": host,
        "peer": with_port(address, port_of(variables, host, "alertmanager_cluster_port")),
        "prometheus": {**entry, **({"path_prefix": prefix} if prefix else {})},
    }
