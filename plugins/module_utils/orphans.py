# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

# The services that the playbook site deploys on the hosts of each group.
SERVICES = {
    "gpu_hosts": {"cadvisor", "cadvisor-proxy", "container-gpu-collector", "dcgm-exporter", "node-exporter"},
    "monitoring": {"alertmanager", "grafana", "node-exporter", "prometheus", "victoria-metrics"},
}


def orphans(groups: Collection[str], containers: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of containers whose service the playbook site deploys on other groups than those of the host."""
    expected = {service for group in groups for service in SERVICES[group]}
    others = {service for services in SERVICES.values() for service in services} - expected
    return sorted(container["name"] for container in containers if container.get("service") in others)


def removal(names: Collection[str]) -> str:
    """What is left on a host, and how to remove it."""
    listed = ", ".join(names)
    return (
        f"Containers of an earlier deployment still run: {listed}. Their services belong to a group that the host is"
        f" not in. Run 'docker rm --force {' '.join(names)}' on the host. The volumes stay."
    )
