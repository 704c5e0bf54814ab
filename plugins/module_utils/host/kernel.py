# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from typing import TypedDict


class KernelState(TypedDict):
    """What the kernel of a host measures."""

    pressure: bool


def ask() -> KernelState:
    """What the kernel of this host measures."""
    return {"pressure": os.path.exists("/proc/pressure")}
