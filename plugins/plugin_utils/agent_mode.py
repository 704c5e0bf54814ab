# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What a Prometheus in agent mode cannot do: it scrapes and sends, without a database, queries and rules."""

from collections.abc import Iterator

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import victoria_metrics
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables

_WITHOUT_RULES = "an agent evaluates no rules and sends no alerts"
_WITHOUT_DATABASE = "an agent has no database"
# Variables that a site sets for what an agent does not have.
_USELESS = {
    "prometheus_rules_extra": _WITHOUT_RULES,
    "prometheus_alert_settings": _WITHOUT_RULES,
    "prometheus_alerts_disabled": _WITHOUT_RULES,
    "prometheus_alertmanagers": _WITHOUT_RULES,
    "prometheus_gpu_counts": _WITHOUT_RULES,
    "prometheus_remote_read": "an agent answers no queries",
    "prometheus_retention_time": _WITHOUT_DATABASE,
    "prometheus_retention_size": _WITHOUT_DATABASE,
}
# Prometheus itself refuses these flags with --agent.
_SERVER_FLAGS = ("storage.tsdb.", "storage.remote.read-", "rules.", "alertmanager.", "query.", "web.search.")


def problems(variables: HostVariables, host: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each variable of a host with an agent that cannot work, with problem and fix."""
    if not boolean(variables.get(host, "prometheus_agent_mode") or False):
        return
    for name, reason in _USELESS.items():
        if variables.is_set(host, name) and variables.get(host, name):
            yield name, (f"{reason} (prometheus_agent_mode)", "Remove it")
    for flag in variables.get(host, "prometheus_flags_extra") or []:
        if str(flag).removeprefix("--").removeprefix("no-").startswith(_SERVER_FLAGS):
            problem = f"{str(flag).partition('=')[0]} is not a flag of an agent (prometheus_agent_mode)"
            yield "prometheus_flags_extra", (problem, "Remove it")
    if variables.is_true(host, "prometheus_alerts_enabled"):
        fix = "Set it to false, and evaluate alerts where the samples go"
        yield "prometheus_alerts_enabled", (f"{_WITHOUT_RULES} (prometheus_agent_mode)", fix)
    if variables.is_true(host, "alertmanager_enabled"):
        problem = "no Prometheus would send alerts to this Alertmanager (prometheus_agent_mode)"
        yield "alertmanager_enabled", (problem, "Set it to false")
    if any(victoria_metrics.is_enabled(variables, member) for member in variables.in_groups("monitoring")):
        return
    if not variables.get(host, "prometheus_remote_write"):
        problem = "the list is empty, and the fleet has no VictoriaMetrics. An agent keeps no samples"
        fix = "Name a receiver, or set victoria_metrics_enabled on a monitoring host"
        yield "prometheus_remote_write", (problem, fix)
    if not variables.get(host, "gpu_monitoring_query_url") and not variables.is_set(host, "grafana_datasources"):
        problem = "it is empty, and the fleet has no VictoriaMetrics. Grafana cannot query an agent"
        fix = "Set it to the URL where the samples can be queried"
        yield "gpu_monitoring_query_url", (problem, fix)
