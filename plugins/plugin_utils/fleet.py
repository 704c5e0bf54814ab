# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence
from typing import TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.duration import seconds
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.targets import HostFacts, TargetGroup
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import (
    alertmanager_cluster,
    target_labels,
    topology,
    victoria_metrics,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_addresses import AddressError, HostAddresses
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import (
    HostVariables,
    VariableError,
    port_of,
    tls_switch,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.model_servers import target_groups

# The exporters, and the groups whose hosts get them.
EXPORTERS = {"cadvisor": ["gpu_hosts"], "dcgm_exporter": ["gpu_hosts"], "node_exporter": ["gpu_hosts", "monitoring"]}
# The roles whose variables are evaluated.
ROLES = ("common", "tls", "alertmanager", "victoria_metrics", *EXPORTERS)


class Fleet(TypedDict):
    """What the hosts of a fleet know of each other."""

    hosts: dict[str, HostFacts]
    model_servers: list[TargetGroup]
    victoria_metrics: list[victoria_metrics.Instance]
    # The monitoring host that scrapes a host; empty if each monitoring host scrapes all.
    scraped_by: dict[str, str]
    tls: bool
    addresses: str
    alertmanagers: list[alertmanager_cluster.Member]


def check_groups(variables: HostVariables) -> None:
    """Raises ValueError if there is nothing to monitor, or nothing that monitors."""
    for group in ("gpu_hosts", "monitoring"):
        if not variables.in_groups(group):
            raise ValueError(
                f"The inventory group {group} is empty: put at least one host into it (see inventories/fleet;"
                " one machine may be in both groups)."
            )


def check_limit(hosts: Sequence[str]) -> None:
    """Raises ValueError if a run has no host of the groups."""
    if not hosts:
        raise ValueError(
            "--limit: the run has no host of the groups gpu_hosts and monitoring. Name at least one of these hosts."
        )


def check_interval(variables: HostVariables, host: str, name: str) -> None:
    """Raises VariableError for an interval that is not a duration from 1 to 60 s."""
    text = str(variables.get(host, name))
    try:
        duration = seconds(text)
    except ValueError as error:
        problem, _stop, fix = str(error).partition(". ")
        raise VariableError(name, host, problem, fix) from error
    if not 1 <= duration <= 60:
        raise VariableError(name, host, f"{text} is out of range", "Set it to something from 1s to 60s")


def evaluate(variables: HostVariables, others: Sequence[str] = ()) -> Fleet:
    """Evaluate the addresses and targets of the hosts of both groups and of `others`. Raises VariableError with the fix
    for what is wrong.

    A run that leaves out the monitoring hosts needs the addresses of its own hosts alone. Names of other hosts are not
    resolved then.
    """
    variables.use_defaults(*ROLES)
    members, monitoring = variables.in_groups("gpu_hosts", "monitoring"), variables.in_groups("monitoring")
    addresses = HostAddresses(variables, members)
    needs_all = not {*monitoring}.isdisjoint(variables.play_hosts)
    facts: dict[str, HostFacts] = {}
    switches: dict[str, bool | None] = {}
    servers: list[TargetGroup] = []
    evaluated = dict.fromkeys([*members, *others])
    for host in dict.fromkeys([*evaluated, *variables.in_groups("all")]):
        needed = needs_all or host in variables.play_hosts
        if not needed and host not in monitoring and addresses.needs_resolver(host):
            switches.update({host: tls_switch(variables, host)} if host in evaluated else {})
            continue
        try:
            model_servers = variables.get(host, "model_servers") or []
            labels = _labels(variables, host) if host in evaluated or model_servers else {}
            if host in evaluated:
                switches[host] = tls_switch(variables, host)
                facts[host] = {
                    "address": addresses.of(host),
                    "labels": labels,
                    "exporters": _exporters(variables, host),
                }
            servers += target_groups(host, model_servers, functools.partial(addresses.of, host), monitoring, labels)
        except AddressError:
            if needed:
                raise
    scraped_by = topology.scraped_by(variables, dict.fromkeys([*members, *facts, *variables.in_groups("all")]))
    known = {host: facts[host]["address"] for host in members if host in facts}
    _check_addresses(variables, known, members)
    is_open = len(members) > 1 or not all(ipaddress.ip_address(host["address"]).is_loopback for host in facts.values())
    tls = _tls(switches, is_open)
    return {
        "hosts": facts,
        "model_servers": servers,
        "victoria_metrics": victoria_metrics.instances(variables, known, tls),
        "scraped_by": scraped_by,
        "tls": tls,
        "addresses": addresses.summary(),
        "alertmanagers": alertmanager_cluster.members(variables, known) if tls else [],
    }


def _exporters(variables: HostVariables, host: str) -> dict[str, int]:
    """The port of each exporter that Prometheus should expect of a host."""
    ports = {}
    for exporter, groups in EXPORTERS.items():
        if host in variables.in_groups(*groups) and variables.is_true(host, f"{exporter}_enabled"):
            ports[exporter] = port_of(variables, host, f"{exporter}_port")
    return ports


def _labels(variables: HostVariables, host: str) -> dict[str, str]:
    """The labels that a site gives to all targets of a host."""
    labels = variables.get(host, "gpu_monitoring_labels") or {}
    problem = target_labels.problem_of(labels, target_labels.OF_SERIES)
    if problem:
        raise VariableError("gpu_monitoring_labels", host, *problem)
    return {str(name): str(value) for name, value in labels.items()}


def _tls(switches: dict[str, bool | None], default: bool) -> bool:
    answers = {*switches.values()}
    if len(answers) > 1:
        shown = ", ".join(f"{host} {'not set' if answer is None else answer}" for host, answer in switches.items())
        raise ValueError(f"gpu_monitoring_tls is not the same on all hosts ({shown}). Set it for the group all.")
    answer = answers.pop() if answers else None
    return default if answer is None else answer


def _check_addresses(variables: HostVariables, addresses: dict[str, str], members: Sequence[str]) -> None:
    """Raises an error for two hosts with one address, and for one that the other hosts cannot reach.

    Only people need to reach a monitoring host, so its own gpu_monitoring_address may be of the loopback.
    """
    owners: dict[str, str] = {}
    for host, ip in addresses.items():
        if ip in owners:
            raise ValueError(
                f"The hosts {owners[ip]} and {host} have the same address, {ip}. Give each its own"
                " gpu_monitoring_address or ansible_host. One machine has the same name in both groups."
            )
        owners[ip] = host
        others = [member for member in members if member != host]
        is_closed = variables.in_groups("monitoring") == [host] and variables.is_set(host, "gpu_monitoring_address")
        if others and not is_closed and ipaddress.ip_address(ip).is_loopback:
            problem = f"{ip} is an address of the loopback, which {others[0]} cannot reach"
            raise VariableError(
                "gpu_monitoring_address", host, problem, f"Set it to an address of {host} on the network"
            )
