# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.duration import seconds as parse


def duration_seconds(
    value: Any, variable: str = "", minimum: float | None = None, maximum: float | None = None
) -> float:
    """Seconds of a duration in Prometheus' notation, an int if they are whole.

    `variable` is what an error names; `minimum` and `maximum` are seconds.
    """
    name = variable or "duration"
    text = str(value)
    try:
        seconds = parse(text)
    except ValueError as error:
        raise AnsibleFilterError(f"{name}: {error}") from error
    if (minimum is not None and seconds < minimum) or (maximum is not None and seconds > maximum):
        raise AnsibleFilterError(
            f"{name}: {text} is out of range. Set it to something from {minimum:g}s to {maximum:g}s."
        )
    return int(seconds) if seconds == int(seconds) else seconds


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"duration_seconds": duration_seconds}
