# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Whether an answer is what was waited for. Pure."""

from typing import Optional, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.client import Series

_SHOWN = 10


class Until(TypedDict):
    """The conditions of the option `until`."""

    min_series: Optional[int]
    max_series: Optional[int]
    min_value: Optional[float]
    max_value: Optional[float]


def unmet(until: Until, series: list[Series]) -> str:
    """What the series lack of the option `until` in plain words, with the series themselves; empty if they lack
    nothing.
    """
    least, most = until["min_series"], until["max_series"]
    if least is None and most is None:
        least = 1
    wanted = ""
    if least is not None and len(series) < least:
        wanted = f"at least {least}"
    elif most is not None and len(series) > most:
        wanted = f"at most {most}"
    if wanted:
        return f"there are {len(series)} series, not {wanted}. {describe(series)}"
    low, high = until["min_value"], until["max_value"]
    if low is None and high is None:
        return ""
    off = [element for element in series if not _within(element["value"], low, high)]
    if not off:
        return ""
    least_value = [f"at least {low:g}"] if low is not None else []
    most_value = [f"at most {high:g}"] if high is not None else []
    bounds = " and ".join(least_value + most_value)
    return f"{len(off)} of {len(series)} series are not {bounds}. {describe(off)}"


def _within(value: Optional[float], low: Optional[float], high: Optional[float]) -> bool:
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def describe(series: list[Series]) -> str:
    """The series as Prometheus writes them, the first ten."""
    if not series:
        return "The last answer was empty."
    lines = [f"{_selector(element['labels'])} {_number(element['value'])}" for element in series[:_SHOWN]]
    more = f" and {len(series) - _SHOWN} more" if len(series) > _SHOWN else ""
    return f"The last answer: {'; '.join(lines)}{more}."


def _number(value: Optional[float]) -> str:
    return "not a finite number" if value is None else f"{value:g}"


def _selector(labels: dict[str, str]) -> str:
    inner = ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items()) if key != "__name__")
    return f"{labels.get('__name__', '')}{{{inner}}}"
