# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Durations in configurations that a site writes itself. Pure."""

from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.duration import seconds


def problem_of(value: Any, place: str) -> tuple[str, str] | None:
    """Problem and fix of a duration at a place of a configuration; None if all is well. A 0 needs no unit."""
    if str(value) == "0":
        return None
    try:
        seconds(str(value))
    except ValueError as error:
        problem, _stop, fix = str(error).partition(". ")
        return f"{place}: {problem}", fix
    return None
