# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Versions of servers and images, compared by their numbers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBERS = re.compile(r"v?(\d+(?:\.\d+)*)")


def numbers(version: str) -> tuple[int, ...]:
    """The version for comparisons; empty if it is not known."""
    match = _NUMBERS.match(version)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def is_before(version: str, *release: int) -> bool:
    """Whether the version is known and older than a release, such as `11, 3`."""
    known = numbers(version)
    return bool(known) and known < release


def newest(versions: Iterable[str]) -> str:
    """The newest of versions; empty for an empty list."""
    return max(versions, key=numbers, default="")
