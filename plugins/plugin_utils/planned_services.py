# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import alertmanager_cluster
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables

# The containers of each role. With TLS, a proxy of its own publishes cAdvisor's port.
_CONTAINERS = {
    "alertmanager": ["alertmanager"],
    "cadvisor": ["cadvisor"],
    "container_gpu_collector": ["container-gpu-collector"],
    "dcgm_exporter": ["dcgm-exporter"],
    "grafana": ["grafana"],
    "node_exporter": ["node-exporter"],
    "prometheus": ["prometheus"],
    "victoria_metrics": ["victoria-metrics"],
}
_PROXY = "cadvisor-proxy"
_CLUSTER_PORT = "alertmanager_cluster_port"
_WITH_DATA = ("alertmanager", "grafana", "prometheus", "victoria_metrics")


def planned(variables: HostVariables, host: str, roles: Sequence[str]) -> list[dict[str, Any]]:
    """The containers that roles are about to make on a host, with their ports and volumes, as host_info takes them."""
    variables.use_defaults("common", "tls", *roles)
    prefix = variables.get(host, "gpu_monitoring_container_prefix")
    services: list[dict[str, Any]] = []
    for role in roles:
        if variables.is_true(host, f"{role}_enabled"):
            behind_proxy = role == "cadvisor" and variables.is_true(host, "tls_enabled")
            containers = [*_CONTAINERS[role], *([_PROXY] if behind_proxy else [])]
            network = str(variables.get(host, f"{role}_network") or "")
            services += [
                {"role": role, "container": f"{prefix}{name}", "service": name, "network": network}
                for name in containers
            ]
            address = _address(variables.get(host, f"{role}_address"))
            if address:
                services[-1] |= {"address": address, "port": int(variables.get(host, f"{role}_port"))}
            if role in _WITH_DATA and not variables.is_true(host, f"{role}_adopt_volume"):
                services[-1]["own_volume"] = str(variables.get(host, f"{role}_volume"))
            if address and role == "alertmanager" and _is_member(variables, host):
                port = {"port": int(variables.get(host, _CLUSTER_PORT)), "port_variable": _CLUSTER_PORT}
                services.append({"role": role, "container": services[-1]["container"], "address": address, **port})
    return services


def _is_member(variables: HostVariables, host: str) -> bool:
    """Whether the host's Alertmanager is a member of a cluster."""
    fleet = variables.get(host, "gpu_monitoring_fleet") or {}
    return host in alertmanager_cluster.clustered(fleet.get("alertmanagers", []))


def _address(value: Any) -> Optional[str]:
    """The IP address; None for a value that is not an IP address, which the role refuses."""
    try:
        return str(ipaddress.ip_address(str(value)))
    except ValueError:
        return None
