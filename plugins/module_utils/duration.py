# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
_PART = re.compile(r"(\d+)(ms|[smhdwy])")


def seconds(text: str) -> float:
    """Seconds of a duration in Prometheus' notation, such as 1m30s; raises ValueError for anything else.

    The notation is that of https://prometheus.io/docs/prometheus/latest/configuration/configuration/ (`<duration>`).
    """
    if not _DURATION.fullmatch(text):
        raise ValueError(f"'{text}' is not a duration. Write it like 5s, 500ms or 1m30s, with no space.")
    return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))
