# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import re
import stat
from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import Container

# Entries of these file systems are always current, and have no inode numbers that last.
_ALWAYS_CURRENT = ("proc", "sysfs")
_LONGEST_CHAIN = 40
_ESCAPED = re.compile(r"\\([0-7]{3})")


def replaced(container: Container, proc: str = "/proc") -> dict[str, str]:
    """What a running container has mounted and the host has no longer at that path: targets with the reason.

    Engines mount by path when a container starts. What is renamed, restored or removed later stays mounted.
    Raises PermissionError if this process cannot look into the container.
    """
    process = os.path.join(proc, str(container["State"].get("Pid") or "none"))
    try:
        mounted, host_root = _mount_points(process), _host_root(process, proc)
    except (FileNotFoundError, ProcessLookupError):
        return {}
    reasons = {}
    for mount in container["Mounts"]:
        target = resolve(f"{process}/root", mount["Destination"])
        source = mount.get("Source", "")
        if (
            mount["Type"] in ("bind", "volume")
            and source
            and target in mounted
            and mounted[target] not in _ALWAYS_CURRENT
        ):
            reason = _difference(f"{process}/root{target}", source, host_root)
            if reason:
                reasons[os.path.normpath(mount["Destination"])] = reason
    return reasons


def resolve(root: str, path: str) -> str:
    """The path without symbolic links, as a process resolves it whose root folder is `root`."""
    pending, resolved, followed = path.split("/")[::-1], "", 0
    while pending:
        part = pending.pop()
        if part in ("", "."):
            continue
        if part == "..":
            resolved = os.path.dirname(resolved).rstrip("/")
            continue
        try:
            link = os.readlink(f"{root}{resolved}/{part}")
        except OSError:
            resolved = f"{resolved}/{part}"
            continue
        followed += 1
        if followed > _LONGEST_CHAIN:
            break
        resolved = "" if link.startswith("/") else resolved
        pending += link.split("/")[::-1]
    return resolved or "/"


def _difference(inside: str, source: str, host_root: str) -> str:
    try:
        held: Optional[os.stat_result] = os.stat(inside)
    except (FileNotFoundError, ProcessLookupError):
        return ""
    except PermissionError:
        raise
    except OSError:
        # A dead mount, such as one of a FUSE file system that ended.
        held = None
    try:
        current = os.stat(host_root + resolve(host_root, source) if host_root else source)
    except FileNotFoundError:
        return f"{source} no longer exists on the host"
    except OSError:
        return ""
    if held and (held.st_dev, held.st_ino) == (current.st_dev, current.st_ino):
        return ""
    return f"the container holds a {_kind(held or current)} that is no longer at {source}"


def _kind(status: os.stat_result) -> str:
    if stat.S_ISDIR(status.st_mode):
        return "folder"
    return "socket" if stat.S_ISSOCK(status.st_mode) else "file"


def _mount_points(process: str) -> dict[str, str]:
    """Types of the file systems by mount point."""
    points = {}
    with open(f"{process}/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            mount, _separator, filesystem = line.partition(" - ")
            point = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), mount.split()[4])
            points[point] = filesystem.split()[0]
    return points


def _host_root(process: str, proc: str) -> str:
    """The root folder in which the engine resolves sources; empty if it is that of this process.

    The container's parent starts it. As a snap, for example, the engine has mounts of its own.
    """
    with open(f"{process}/stat", encoding="utf-8", errors="replace") as file:
        parent = os.path.join(proc, file.read().rpartition(")")[2].split()[1])
    try:
        shared = os.readlink(f"{parent}/ns/mnt") == os.readlink(os.path.join(proc, "self", "ns", "mnt"))
    except FileNotFoundError:
        return ""
    return "" if shared else f"{parent}/root"
