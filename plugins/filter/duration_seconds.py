# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import re
from typing import Any, Callable

from ansible.errors import AnsibleFilterError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
_PART = re.compile(r"(\d+)(ms|[smhdwy])")


def duration_seconds(value: Any, variable: str = "", minimum: float | None = None, maximum: float | None = None) -> float:
    """Seconds of a duration in Prometheus' notation, an int where they are whole.

    `variable` is what an error names; `minimum` and `maximum` are seconds. The notation is that of
    https://prometheus.io/docs/prometheus/latest/configuration/configuration/ (`<duration>`).
    """
    name = variable or "duration"
    text = str(value)
    if not _DURATION.fullmatch(text):
        raise AnsibleFilterError(f"{name}: '{text}' is not a duration. Write it like 5s, 500ms or 1m30s, with no space.")
    seconds = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if (minimum is not None and seconds < minimum) or (maximum is not None and seconds > maximum):
        raise AnsibleFilterError(f"{name}: {text} is out of range. Set it to something from {minimum:g}s to {maximum:g}s.")
    return int(seconds) if seconds == int(seconds) else seconds


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"duration_seconds": duration_seconds}
