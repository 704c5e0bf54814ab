# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Callable

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.targets import TargetGroup, of_exporter


def prometheus_targets(
    hosts: Mapping[str, Any],
    exporter: str,
    monitoring_host: str,
    container: str,
    container_port: int,
    without: Collection[str] = (),
    own_instance: bool = False,
) -> list[TargetGroup]:
    """Target groups for Prometheus' file_sd_config, one for each host that has the exporter; `hosts` are those of
    `gpu_monitoring_fleet`.
    """
    return of_exporter(exporter, hosts, monitoring_host, container, container_port, without, own_instance)


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"prometheus_targets": prometheus_targets}
