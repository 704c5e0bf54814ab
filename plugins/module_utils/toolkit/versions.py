# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import re
from typing import NamedTuple

_NUMBERS = re.compile(r"(?:\d+:)?v?(\d+(?:\.\d+)*)(.*)")


class Order(NamedTuple):
    """What versions are compared by: a pre-release comes before its release."""

    numbers: tuple[int, ...]
    released: bool


class Escape(NamedTuple):
    """A known way out of a container, the version without it, and NVIDIA's bulletin."""

    cve: str
    fixed: str
    bulletin: str


_BULLETIN = "https://nvidia.custhelp.com/app/answers/detail/a_id/"
# Flaws by which a container reaches the host. Distributions may have brought a fix to an older version.
ESCAPES = (
    Escape("CVE-2024-0132", "1.16.2", f"{_BULLETIN}5582"),
    Escape("CVE-2024-0133", "1.16.2", f"{_BULLETIN}5582"),
    Escape("CVE-2024-0134", "1.17.0", f"{_BULLETIN}5585"),
    Escape("CVE-2024-0135", "1.17.3", f"{_BULLETIN}5599"),
    Escape("CVE-2024-0136", "1.17.3", f"{_BULLETIN}5599"),
    Escape("CVE-2024-0137", "1.17.3", f"{_BULLETIN}5599"),
    Escape("CVE-2025-23359", "1.17.4", f"{_BULLETIN}5616"),
    Escape("CVE-2025-23266", "1.17.8", f"{_BULLETIN}5659"),
    Escape("CVE-2025-23267", "1.17.8", f"{_BULLETIN}5659"),
    Escape("CVE-2026-24260", "1.19.1", f"{_BULLETIN}5850"),
)


def order(version: str) -> Order:
    """What a version is compared by. Raises ValueError if it is not a version."""
    match = _NUMBERS.fullmatch(version.strip())
    if not match:
        raise ValueError(f"'{version}' is not a version. Write it like 1.20.1")
    numbers = [int(number) for number in match[1].split(".")]
    return Order(tuple(numbers + [0] * (4 - len(numbers))), re.search("rc|alpha|beta", match[2]) is None)


def known_escapes(version: str) -> tuple[Escape, ...]:
    """The flaws that a version of the toolkit has."""
    return tuple(escape for escape in ESCAPES if order(version) < order(escape.fixed))
