# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Variables of other collections: those with the same names and another form of values, and those that only they have.

Sources: the defaults of the roles of https://github.com/prometheus-community/ansible (its roles were those of
cloudalchemy) and https://github.com/grafana/grafana-ansible-collection.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError

_PROMETHEUS = "prometheus.prometheus"
_GRAFANA = "grafana.grafana"
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)+([._-][A-Za-z0-9._-]+)?")
_PROVISIONING_KEYS = {"basicAuth", "basicAuthUser", "editable", "isDefault", "jsonData", "orgId", "secureJsonData"}

# Variables that only other collections have, by role: the collection, and the variable of this one.
_WITHOUT_EFFECT = {
    "alertmanager": {
        "alertmanager_config_flags_extra": (_PROMETHEUS, "alertmanager_flags_extra"),
        "alertmanager_http_config": (_PROMETHEUS, "alertmanager_global"),
        "alertmanager_inhibit_rules": (_PROMETHEUS, "alertmanager_inhibit_rules_extra"),
        "alertmanager_opsgenie_api_key": (_PROMETHEUS, "alertmanager_global and alertmanager_secret_files"),
        "alertmanager_resolve_timeout": (_PROMETHEUS, "alertmanager_global"),
        "alertmanager_slack_api_url": (_PROMETHEUS, "alertmanager_global and alertmanager_secret_files"),
        "alertmanager_smtp": (_PROMETHEUS, "alertmanager_global and alertmanager_secret_files"),
        "alertmanager_template_files": (_PROMETHEUS, "alertmanager_templates"),
        "alertmanager_web_external_url": (_PROMETHEUS, "alertmanager_external_url"),
        "alertmanager_web_listen_address": (_PROMETHEUS, "alertmanager_address and alertmanager_port"),
    },
    "prometheus": {
        "prometheus_alert_rules": (_PROMETHEUS, "prometheus_rules_extra"),
        "prometheus_alertmanager_config": (_PROMETHEUS, "prometheus_alertmanagers"),
        "prometheus_config_flags_extra": (_PROMETHEUS, "prometheus_flags_extra"),
        "prometheus_global": (_PROMETHEUS, "prometheus_scrape_interval"),
        "prometheus_storage_retention": (_PROMETHEUS, "prometheus_retention_time"),
        "prometheus_storage_retention_size": (_PROMETHEUS, "prometheus_retention_size"),
        "prometheus_targets": (_PROMETHEUS, "prometheus_targets_extra, or prometheus_scrape_configs"),
        "prometheus_web_config": (_PROMETHEUS, "gpu_monitoring_tls"),
        "prometheus_web_external_url": (_PROMETHEUS, "prometheus_external_url"),
        "prometheus_web_listen_address": (_PROMETHEUS, "prometheus_address and prometheus_port"),
    },
    "node_exporter": {
        "node_exporter_basic_auth_users": (_PROMETHEUS, "gpu_monitoring_tls"),
        "node_exporter_disabled_collectors": (_PROMETHEUS, "node_exporter_collectors"),
        "node_exporter_enabled_collectors": (_PROMETHEUS, "node_exporter_collectors"),
        "node_exporter_tls_server_config": (_PROMETHEUS, "gpu_monitoring_tls"),
        "node_exporter_web_listen_address": (_PROMETHEUS, "node_exporter_address and node_exporter_port"),
    },
    "cadvisor": {
        "cadvisor_disable_metrics": (_PROMETHEUS, "cadvisor_metrics"),
        "cadvisor_enable_metrics": (_PROMETHEUS, "cadvisor_metrics"),
        "cadvisor_listen_ip": (_PROMETHEUS, "cadvisor_address"),
        "cadvisor_store_container_labels": (_PROMETHEUS, "gpu_monitoring_container_labels"),
        "cadvisor_whitelisted_container_labels": (_PROMETHEUS, "gpu_monitoring_container_labels"),
    },
    "grafana": {
        "grafana_environment": (_GRAFANA, "grafana_environment_extra"),
        "grafana_ini": (_GRAFANA, "grafana_environment_extra"),
        "grafana_ldap": (_GRAFANA, "grafana_environment_extra"),
        "grafana_security": (_GRAFANA, "grafana_admin_user and grafana_admin_password"),
    },
}


def check(variables: HostVariables, role: str, host: str) -> None:
    """Raises VariableError for a value of a variable of the role that has the form of another collection."""
    for name, problem_of in _FORMS.items():
        if _is_of_role(name, role) and variables.is_set(host, name):
            problem = problem_of(variables.get(host, name))
            if problem:
                raise VariableError(name, host, *problem)


def without_effect(role: str, first_hosts: Mapping[str, str]) -> list[str]:
    """A warning for each variable of another collection, of variables of the role by the first host that sets each."""
    return [
        f"{name} on {first_hosts[name]} is a variable of {collection}, and has no effect here. Use {ours}."
        for name, (collection, ours) in _WITHOUT_EFFECT.get(role, {}).items()
        if name in first_hosts
    ]


def is_foreign(role: str, name: str) -> bool:
    """Whether a variable is one that only another collection has."""
    return name in _WITHOUT_EFFECT.get(role, {})


def _is_of_role(name: str, role: str) -> bool:
    return name.startswith(f"{role}_")


def _version(value: Any) -> tuple[str, str] | None:
    text = str(value)
    if _VERSION.fullmatch(text):
        return None
    return f"'{text}' is not a version", "Write it like 3.13.5, without a leading v and in quotation marks"


def _entries_with(keys: set[str], form: str, fix: str) -> Callable[[Any], tuple[str, str] | None]:
    """A check for lists of dictionaries, which refuses entries with one of these keys."""

    def problem_of(value: Any) -> tuple[str, str] | None:
        entries = value if isinstance(value, list) else []
        foreign = [key for entry in entries if isinstance(entry, Mapping) for key in entry if key in keys]
        return (f"the key {foreign[0]} is one of {form}", fix) if foreign else None

    return problem_of


def _collectors(value: Any) -> tuple[str, str] | None:
    entries = value if isinstance(value, list) else []
    if any(isinstance(entry, Mapping) for entry in entries):
        form = f"an entry is a dictionary, as in node_exporter_enabled_collectors of {_PROMETHEUS}"
        return (
            form,
            "Give only the names of collectors, like [cpu, meminfo], and further arguments like"
            " filesystem.mount-timeout=5s",
        )
    flags = [str(entry) for entry in entries if not re.fullmatch(r"[a-z][a-z0-9_]*([.][a-z0-9.-]+(=.*)?)?", str(entry))]
    return (
        (f"'{flags[0]}' is not the name of a collector", "Write it without --collector., like cpu") if flags else None
    )


def _alertmanagers(value: Any) -> tuple[str, str] | None:
    entries = value if isinstance(value, list) else []
    if all(isinstance(entry, Mapping) and "targets" not in entry for entry in entries):
        return None
    return (
        "an entry is not an alertmanager_config of Prometheus",
        "Write it like [{static_configs: [{targets: ['alertmanager.example.com:9093']}]}]",
    )


_DATASOURCES = _entries_with(
    _PROVISIONING_KEYS,
    f"Grafana's provisioning files, as in {_GRAFANA}",
    "Write the entry as the module grafana_datasource takes it, like {uid: x, name: X, type: prometheus,"
    " url: ..., json_data: {}}",
)
_DASHBOARDS = _entries_with(
    {"dashboard_id", "revision_id"},
    f"{_GRAFANA}, which downloads dashboards",
    "Download the dashboard's JSON, and write {uid: x, model: \"{{ lookup('ansible.builtin.file', 'x.json') }}\"}",
)
_RULES = _entries_with(
    {"alert", "record"},
    f"a rule, as in prometheus_alert_rules of {_PROMETHEUS}",
    "Put rules into a group, like [{name: site, rules: [...]}]",
)
_FORMS: dict[str, Callable[[Any], tuple[str, str] | None]] = {
    "alertmanager_version": _version,
    "cadvisor_proxy_version": _version,
    "cadvisor_version": _version,
    "container_gpu_collector_python_version": _version,
    "dcgm_exporter_version": _version,
    "grafana_dashboards": _DASHBOARDS,
    "grafana_dashboards_extra": _DASHBOARDS,
    "grafana_datasources": _DATASOURCES,
    "grafana_datasources_extra": _DATASOURCES,
    "grafana_version": _version,
    "node_exporter_collectors": _collectors,
    "node_exporter_collectors_extra": _collectors,
    "node_exporter_version": _version,
    "prometheus_alertmanagers": _alertmanagers,
    "prometheus_rules_extra": _RULES,
    "prometheus_version": _version,
    "victoria_metrics_version": _version,
}
