# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import public_url, shards, victoria_metrics
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError

_TOPOLOGIES = ("replicas", "shards")


def scraped_by(variables: HostVariables, hosts: Iterable[str]) -> dict[str, str]:
    """The monitoring host that scrapes each of the hosts; empty if each monitoring host scrapes all.

    Raises ValueError for wrong variables, for different topologies, and for shards whose data no datasource has.
    """
    monitoring = variables.in_groups("monitoring")
    topologies = {host: _topology(variables, host) for host in monitoring}
    for host in monitoring:
        _check_query_url(variables, host)
    if len({*topologies.values()}) > 1:
        shown = ", ".join(f"{host} {topology}" for host, topology in topologies.items())
        raise ValueError(
            f"gpu_monitoring_topology is not the same on all monitoring hosts ({shown})."
            " Set it for the group monitoring."
        )
    if len(monitoring) < 2 or topologies[monitoring[0]] == "replicas":
        return {}
    _check_query_datasource(variables, monitoring)
    return shards.divide(hosts, monitoring)


def _topology(variables: HostVariables, host: str) -> str:
    topology = variables.get(host, "gpu_monitoring_topology")
    if topology not in _TOPOLOGIES:
        raise VariableError(
            "gpu_monitoring_topology", host, f"'{topology}' is not a topology", "Set it to replicas or shards"
        )
    return str(topology)


def _check_query_url(variables: HostVariables, host: str) -> None:
    url = variables.get(host, "gpu_monitoring_query_url") or ""
    problem = public_url.problem_of(str(url), "https://thanos.example.com or https://mimir.example.com/prometheus")
    if problem:
        raise VariableError("gpu_monitoring_query_url", host, *problem)


def _check_query_datasource(variables: HostVariables, monitoring: list[str]) -> None:
    """Raises VariableError if no datasource has the data of all shards."""
    if any(victoria_metrics.is_enabled(variables, host) for host in monitoring):
        return
    for host in monitoring:
        if not all(variables.get(host, name) for name in ("gpu_monitoring_query_url", "prometheus_remote_write")):
            raise VariableError(
                "gpu_monitoring_topology",
                host,
                "with shards each Prometheus has only its part of the fleet, and no datasource has the data of all",
                "Set victoria_metrics_enabled to true for one of the monitoring hosts."
                " Or set gpu_monitoring_query_url and prometheus_remote_write for all of them",
            )
