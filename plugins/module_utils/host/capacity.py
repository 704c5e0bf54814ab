# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import re
from typing import TypedDict


class Capacity(TypedDict):
    """What a host has, in bytes; 0 if it is not known."""

    memory: int
    engine_disk: int


def ask(engine_root: str) -> Capacity:
    """Memory of this host, and the size of the file system with the volumes of the Docker engine, which may be one of
    their own.
    """
    return {"memory": _memory(), "engine_disk": _size(os.path.join(engine_root, "volumes")) or _size(engine_root)}


def _memory() -> int:
    with open("/proc/meminfo", encoding="ascii") as file:
        total = re.search(r"^MemTotal:\s+(\d+) kB$", file.read(), re.MULTILINE)
    return int(total[1]) * 1024 if total else 0


def _size(folder: str) -> int:
    if not os.path.isabs(folder):
        return 0
    try:
        status = os.statvfs(folder)
    except OSError:
        return 0
    return status.f_blocks * status.f_frsize
