# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""How far a long transfer is, told now and then."""

import time
from collections.abc import Callable

_EVERY_SECONDS = 10
_MEGABYTE = 1000**2


class Progress:
    """Counts the bytes of one transfer. `tell` gets a line every ten seconds."""

    def __init__(self, name: str, total: int, tell: Callable[[str], None]) -> None:
        self._name = name
        self._total = total
        self._tell = tell
        self._done = 0
        self._told = time.monotonic()

    def __call__(self, size: int) -> None:
        self._done += size
        if time.monotonic() - self._told >= _EVERY_SECONDS:
            self._told = time.monotonic()
            self._tell(f"{self._name}: {megabytes(self._done)} of {megabytes(self._total)}")


def megabytes(size: int) -> str:
    """A number of bytes as a person reads it."""
    return f"{size / _MEGABYTE:.0f} MB"
