# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable


def scraped_elsewhere(fleet: Mapping[str, Any], monitoring_host: str) -> list[str]:
    """The hosts that another monitoring host scrapes; `fleet` is `gpu_monitoring_fleet`."""
    return [host for host, owner in fleet["scraped_by"].items() if owner != monitoring_host]


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"scraped_elsewhere": scraped_elsewhere}
