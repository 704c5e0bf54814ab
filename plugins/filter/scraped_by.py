# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable


def scraped_by(fleet: Mapping[str, Any], monitoring_host: str) -> Mapping[str, Any]:
    """The hosts of the fleet that a monitoring host scrapes; `fleet` is `gpu_monitoring_fleet`."""
    hosts: Mapping[str, Any] = fleet["hosts"]
    # Without shards, no host has an owner.
    owners = fleet["scraped_by"]
    return {host: facts for host, facts in hosts.items() if owners.get(host, monitoring_host) == monitoring_host}


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"scraped_by": scraped_by}
