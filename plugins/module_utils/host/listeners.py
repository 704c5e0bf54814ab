# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import glob
import os
import re

_LISTENING = "0A"
_SYSTEMD = 1


def program_at(port: int, proc: str = "/proc") -> str:
    """The program that listens at a TCP port of this host, in words."""
    sockets = {
        f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _inodes(os.path.join(proc, "net", table), port)
    }
    processes = sorted(int(name) for name in os.listdir(proc) if name.isdigit())
    process = next((process for process in processes if sockets & _open_files(os.path.join(proc, str(process)))), 0)
    if not process:
        return "a program that is not visible here"
    try:
        with open(os.path.join(proc, str(process), "comm"), encoding="utf-8", errors="replace") as file:
            name = file.read().strip()
    except OSError:
        return "a program that just ended"
    if process == _SYSTEMD and name == "systemd":
        return "systemd for a socket unit (`systemctl list-sockets` shows its name)"
    return f"the program {name} (process {process})"


def _inodes(table: str, port: int) -> set[str]:
    try:
        with open(table, encoding="ascii") as file:
            rows = [line.split() for line in file][1:]
    except FileNotFoundError:
        return set()
    return {row[9] for row in rows if row[3] == _LISTENING and int(re.sub(".*:", "", row[1]), 16) == port}


def _open_files(process: str) -> set[str]:
    targets = set()
    for descriptor in glob.glob(os.path.join(process, "fd", "*")):
        try:
            targets.add(os.readlink(descriptor))
        except OSError:
            continue
    return targets
