# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from pathlib import Path

PROCESSES = Path("/proc")
_NAME = "nv-hostengine"


def command_line(processes: Path) -> str:
    """The command line of DCGM's host engine if one runs on this host or in a container of it, else empty."""
    for process in processes.glob("[0-9]*"):
        try:
            if (process / "comm").read_text().strip() == _NAME:
                return (process / "cmdline").read_text(errors="replace").replace("\0", " ").strip()
        except OSError:
            # The process ended.
            continue
    return ""
