# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.addresses import InterfaceAddress
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.targets import HostFacts
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import victoria_metrics
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError

# What dockerd calls its bridges. Other hosts never reach them, whatever their routes are.
_DOCKER_BRIDGE = re.compile(r"docker\d+|docker_gwbridge|br-[0-9a-f]{12}")


def check(variables: HostVariables, fleet: Mapping[str, HostFacts], hosts: Sequence[str]) -> None:
    """Raises VariableError for an address on which a host that was looked at cannot publish, or at which the others
    cannot reach it.
    """
    members = variables.in_groups("gpu_hosts", "monitoring")
    addresses = {host: fleet[host]["address"] for host in members if host in fleet}
    for host in hosts:
        look: Mapping[str, Any] = (variables.get(host, "gpu_monitoring_host") or {}).get("addresses") or {}
        if host not in fleet or not look.get("own"):
            continue
        own: dict[str, InterfaceAddress] = {entry["address"]: entry for entry in look["own"]}
        shown = ", ".join(f"{entry['address']} ({entry['interface']})" for entry in own.values() if not entry["bridge"])
        entry = own.get(fleet[host]["address"])
        if entry and entry["bridge"] and host in members:
            _check_bridge(
                variables, host, entry, [addresses.get(member) for member in members if member != host], shown
            )
        if not look["nonlocal_bind"]:
            _check_published(variables, fleet[host], host, {*own}, shown)


def _check_bridge(
    variables: HostVariables, host: str, entry: InterfaceAddress, others: Sequence[str | None], shown: str
) -> None:
    """A bridge of virtual machines may be a network that is routed, so an address that somebody set counts there."""
    network = ipaddress.ip_interface(entry["network"]).network
    outside = [other for other in others if not other or ipaddress.ip_address(other) not in network]
    trusted = variables.is_set(host, "gpu_monitoring_address") and not _DOCKER_BRIDGE.fullmatch(entry["interface"])
    if outside and not trusted:
        problem = (
            f"{entry['address']} is the address of the bridge {entry['interface']}, which other hosts cannot reach"
        )
        raise VariableError(
            "gpu_monitoring_address", host, problem, f"Set it to an address of the host on the network{_such_as(shown)}"
        )


def _check_published(variables: HostVariables, facts: HostFacts, host: str, own: set[str], shown: str) -> None:
    for name in _published(variables, facts, host):
        address = str(variables.get(host, name)) if variables.is_set(host, name) else facts["address"]
        try:
            ip = ipaddress.ip_address(address)
        except ValueError as error:
            raise VariableError(
                name, host, f"'{address}' is not an IP address", "Set it to an IP address of the host, or to 0.0.0.0"
            ) from error
        # A host does not say its link-local addresses, such as those of a cable between two hosts.
        if not (ip.is_loopback or ip.is_unspecified or ip.is_link_local) and str(ip) not in own:
            raise VariableError(
                name if variables.is_set(host, name) else "gpu_monitoring_address",
                host,
                f"{address} is not an address of the host, so Docker cannot publish a port on it",
                f"Set it to an address of the host{_such_as(shown)}. If another machine forwards {address} to the"
                f" host, leave it and set {name} and the addresses of the other services of the host to 0.0.0.0",
            )


def _published(variables: HostVariables, facts: HostFacts, host: str) -> Iterator[str]:
    """The variables with the addresses on which the services of a host publish their ports."""
    monitoring = variables.in_groups("monitoring")
    for exporter in facts["exporters"]:
        if monitoring != [host] or variables.is_set(host, f"{exporter}_address"):
            yield f"{exporter}_address"
    if host in monitoring:
        yield from ("prometheus_address", "grafana_address")
        if variables.is_true(host, "alertmanager_enabled"):
            yield "alertmanager_address"
        if victoria_metrics.is_enabled(variables, host):
            yield "victoria_metrics_address"


def _such_as(shown: str) -> str:
    return f", such as {shown}" if shown else ""
