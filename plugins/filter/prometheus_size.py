# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.duration import seconds
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.sizing import Size, fit


def prometheus_size(hosts: Any, scrape_interval: str, retention_time: str, memory: int = 0, disk: int = 0) -> Size:
    """Memory and size of the data of a Prometheus that fit the number of hosts and the host that it runs on."""
    try:
        return fit(len(hosts), seconds(str(scrape_interval)), seconds(str(retention_time)), memory, disk)
    except ValueError as error:
        raise AnsibleFilterError(f"prometheus_size: {error}") from error


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"prometheus_size": prometheus_size}
