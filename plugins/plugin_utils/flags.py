# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Command line arguments that a site adds to those of a role. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_FLAG = re.compile(r"--(?P<name>[a-zA-Z0-9][a-zA-Z0-9._-]*)(?:=.*)?", re.DOTALL)

# The flags that a role sets itself, each with the variable that changes it; empty if nothing does.
PROMETHEUS = {
    "agent": "",
    "config.file": "",
    "storage.agent.path": "",
    "storage.tsdb.path": "prometheus_volume",
    "storage.tsdb.retention": "prometheus_retention_time",
    "storage.tsdb.retention.size": "prometheus_retention_size",
    "storage.tsdb.retention.time": "prometheus_retention_time",
    "web.config.file": "gpu_monitoring_tls",
    "web.enable-lifecycle": "",
    "web.external-url": "prometheus_external_url",
    "web.listen-address": "prometheus_address and prometheus_port",
    "web.route-prefix": "prometheus_route_prefix",
}
ALERTMANAGER = {
    "cluster.advertise-address": "",
    "cluster.listen-address": "",
    "cluster.peer": "",
    "cluster.tls-config": "",
    "config.file": "",
    "data.maintenance-interval": "",
    "data.retention": "alertmanager_retention",
    "enable-feature": "",
    "storage.path": "alertmanager_volume",
    "web.config.file": "gpu_monitoring_tls",
    "web.external-url": "alertmanager_external_url",
    "web.listen-address": "alertmanager_address and alertmanager_port",
    "web.route-prefix": "alertmanager_route_prefix",
}
VICTORIA_METRICS = {
    "dedup.minScrapeInterval": "gpu_monitoring_scrape_interval and gpu_monitoring_topology",
    "enableTCP6": "",
    "http.pathPrefix": "",
    "httpAuth.password": "gpu_monitoring_tls",
    "httpAuth.username": "gpu_monitoring_tls",
    "httpListenAddr": "victoria_metrics_address and victoria_metrics_port",
    "retentionPeriod": "victoria_metrics_retention",
    "storage.minFreeDiskSpaceBytes": "victoria_metrics_min_free_disk",
    "storageDataPath": "victoria_metrics_volume",
    "tls": "gpu_monitoring_tls",
    "tlsCertFile": "gpu_monitoring_tls",
    "tlsKeyFile": "gpu_monitoring_tls",
}
CADVISOR = {
    "allow_dynamic_housekeeping": "",
    "containerd": "cadvisor_containerd_socket",
    "disable_metrics": "cadvisor_metrics",
    "disable_root_cgroup_stats": "",
    "docker_only": "",
    "enable_metrics": "cadvisor_metrics",
    "event_storage_event_limit": "",
    "housekeeping_interval": "cadvisor_housekeeping_interval",
    "jitter_factor": "",
    "listen_ip": "cadvisor_address",
    "max_procs": "",
    "port": "cadvisor_port",
    "prometheus_endpoint": "",
    "store_container_labels": "",
    "whitelisted_container_labels": "gpu_monitoring_container_labels",
}


def problem_of(flags: Sequence[Any], own: Mapping[str, str]) -> tuple[str, str] | None:
    """Problem and fix of the first flag that cannot be added to those of the role; None if all is well."""
    seen: set[str] = set()
    for flag in flags:
        matched = _FLAG.fullmatch(str(flag))
        if not matched:
            # The value of a flag may be anything, so it is not shown.
            return (
                "a flag does not begin with '--'",
                "Write each flag with its value in one text, like --log.level=debug",
            )
        name = matched["name"]
        set_by_role = name if name in own else name[len("no-") :] if name.startswith("no-") else ""
        if set_by_role in own:
            return f"--{name} is a flag that the role sets", f"Set {own[set_by_role]}" if own[
                set_by_role
            ] else "Remove it"
        if name in seen:
            return f"--{name} is listed twice", "Remove one of them"
        seen.add(name)
    return None
