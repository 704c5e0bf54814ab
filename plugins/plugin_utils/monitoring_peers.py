# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What must be equal on several monitoring hosts, since they use each other's services, and what only one may have."""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Callable

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import victoria_metrics
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import (
    HostVariables,
    VariableError,
    tls_switch,
)

# The role drops this label itself.
_REPLICA = "prometheus_replica"
_TARGETS_EXTRA = "prometheus_targets_extra"


def check_login(variables: HostVariables, host: str) -> None:
    """Raises VariableError if a monitoring host could not log in to the services of the others, or not trust them."""
    monitoring = variables.in_groups("monitoring")
    # Several hosts speak TLS unless a variable says otherwise.
    if host in monitoring and tls_switch(variables, host) is not False:
        reason = f"{', '.join(monitoring)} use each other's services"
        require_equal(host, monitoring[0], lambda member: _trust(variables, member), reason)


def check_labels(variables: HostVariables, host: str) -> None:
    """Raises VariableError if the samples and alerts of replicas would differ by a label."""
    monitoring = variables.in_groups("monitoring")
    if host in monitoring and variables.get(host, "gpu_monitoring_topology") == "replicas" and _shared(variables):
        reason = "each alert and each series would be there several times"
        require_equal(host, monitoring[0], lambda member: _labels(variables, member), reason)


def check_targets(variables: HostVariables, host: str) -> None:
    """Raises VariableError if two shards would scrape the same targets, since sums would count these targets twice.

    The files of file_sd_configs may differ between the hosts.
    """
    monitoring = variables.in_groups("monitoring")
    if host not in monitoring or variables.get(host, "gpu_monitoring_topology") != "shards":
        return
    own = _targets(variables, host)
    for earlier in monitoring[: monitoring.index(host)] if own else ():
        targets = [target for _index, target in _targets(variables, earlier)]
        same = next((index for index, target in own if target in targets), None)
        if same is not None:
            problem = f"[{same}] has targets of {earlier} too, and both shards would scrape these targets"
            fix = "Set it in host_vars of one monitoring host, or give each host a URL of its own"
            raise VariableError(_TARGETS_EXTRA, host, problem, fix)


def _targets(variables: HostVariables, host: str) -> list[tuple[int, tuple[Any, Any]]]:
    """The index of each entry, with its job and one of its lists or services. The check of the host itself refuses a
    value that is wrong.
    """
    try:
        entries = variables.get(host, _TARGETS_EXTRA)
    except VariableError:
        return []
    return [
        (index, (entry.get("job"), config))
        for index, entry in enumerate(entries if isinstance(entries, list) else [])
        if isinstance(entry, Mapping)
        for kind in ("http_sd_configs", "static_configs")
        for config in entry.get(kind) or []
    ]


def require_equal(host: str, first: str, values: Callable[[str], Iterable[tuple[str, Any]]], reason: str) -> None:
    """Raises VariableError for the first value of a host, by variable, that differs from that of the first host."""
    for (name, value), (_name, expected) in zip(values(host), values(first)):
        if value != expected:
            problem = f"it is not the same as on {first}, and {reason}"
            raise VariableError(name, host, problem, "Set it for the group monitoring")


def _shared(variables: HostVariables) -> bool:
    """Whether a monitoring host has a service to which the Prometheus of the others send."""
    return any(
        variables.is_true(host, "alertmanager_enabled") or victoria_metrics.is_enabled(variables, host)
        for host in variables.in_groups("monitoring")
    )


def _labels(variables: HostVariables, host: str) -> Iterator[tuple[str, dict[str, str]]]:
    labels = variables.get(host, "prometheus_external_labels")
    labels = labels if isinstance(labels, Mapping) else {}
    yield "prometheus_external_labels", {str(name): str(labels[name]) for name in labels if name != _REPLICA}


def _trust(variables: HostVariables, host: str) -> Iterator[tuple[str, str]]:
    """The login, and the authority: each Prometheus also scrapes the node exporter of another monitoring host."""
    if _shared(variables):
        password = str(variables.get(host, "tls_prometheus_password") or "")
        yield "tls_prometheus_password", password
        yield "tls_prometheus_password_file", "" if password else _path(variables, host, "tls_prometheus_password_file")

    authority = str(variables.get(host, "tls_ca_certificate") or "").strip()
    yield "tls_ca_certificate", authority
    yield "tls_ca_dir", "" if authority else _path(variables, host, "tls_ca_dir")


def _path(variables: HostVariables, host: str, name: str) -> str:
    return os.path.expanduser(str(variables.get(host, name)))
