# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import ipaddress
from typing import Any, Callable, Mapping, Sequence

from ansible_collections.mlops.gpu_monitoring.plugins.filter.ip_address import ip_address
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.address import of_host


def only_loopback(hosts: Sequence[str], hostvars: Mapping[str, Any]) -> bool:
    """Whether each of the hosts is reached at its loopback, so that nothing of them goes over a network."""
    return all(
        ipaddress.ip_address(ip_address(of_host(str(host), hostvars[host]), f"gpu_monitoring_address of host {host}")).is_loopback for host in hosts
    )


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"only_loopback": only_loopback}
