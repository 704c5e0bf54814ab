# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.address import with_port
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import (
    HostVariables,
    VariableError,
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
    first = hosts[0]
    for (name, value), (_name, expected) in zip(_shared(variables, host), _shared(variables, first)):
        if value != expected:
            problem = f"it is not the same as on {first}, and the Alertmanagers of {', '.join(hosts)} form a cluster"
            raise VariableError(name, host, problem, "Set it for the group monitoring")


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


def _shared(variables: HostVariables, host: str) -> Iterator[tuple[str, Any]]:
    """What all members must have the same of, by variable: each Prometheus logs in to each member."""
    for name in _SHARED:
        yield name, variables.get(host, name)
    password = str(variables.get(host, "tls_prometheus_password") or "")
    yield "tls_prometheus_password", password
    yield "tls_prometheus_password_file", "" if password else _path(variables, host, "tls_prometheus_password_file")
    authority = str(variables.get(host, "tls_ca_certificate") or "").strip()
    yield "tls_ca_certificate", authority
    yield "tls_ca_dir", "" if authority else _path(variables, host, "tls_ca_dir")


def _path(variables: HostVariables, host: str, name: str) -> str:
    return os.path.expanduser(str(variables.get(host, name)))
