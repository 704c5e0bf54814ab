# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable


def gpu_presence(
    hosts: Mapping[str, Any], hostvars: Any, previous_targets: Sequence[Mapping[str, Any]] = ()
) -> dict[str, bool]:
    """Whether hosts have NVIDIA hardware, of those with a DCGM exporter for which it is known.

    The run's own look at a host counts, else the previous targets of Prometheus. A host that is in neither is left out.
    """
    # Targets that a user wrote may have other labels.
    presence = {str(group.get("labels", {}).get("host")): bool(group["targets"]) for group in previous_targets}
    expected = [host for host, facts in hosts.items() if "dcgm_exporter" in facts["exporters"]]
    for host in expected:
        gpu = hostvars.raw_get(host).get("gpu_monitoring_host", {}).get("gpu")
        if gpu:
            presence[host] = bool(gpu["hardware"])
    return {host: presence[host] for host in expected if host in presence}


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"gpu_presence": gpu_presence}
