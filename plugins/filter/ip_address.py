# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.address import resolve


def ip_address(value: Any, variable: str = "") -> str:
    """The IP address of a name, or the address itself; names are resolved on the controller, to the lowest address where there are several, IPv4 first."""
    try:
        return resolve(str(value))
    except ValueError as error:
        raise AnsibleFilterError(f"{variable or 'address'}: {error}") from error


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"ip_address": ip_address}
