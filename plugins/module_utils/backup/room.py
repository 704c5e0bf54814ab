# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a disk has room for what a backup or a restore writes."""

from __future__ import annotations

import os

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError

# A twentieth of the disk stays free, at most 1 GiB: services and jobs write to the disk too.
_RESERVE_SHARE, _RESERVE_BYTES = 20, 1 << 30
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def require(folder: str, needed: int, subject: str) -> None:
    """Raise BackupError if the disk of a folder, which may not exist yet, has no room for so many bytes."""
    existing = folder
    while not os.path.isdir(existing):
        existing = os.path.dirname(existing)
    disk = os.statvfs(existing)
    reserve = min(_RESERVE_BYTES, disk.f_blocks * disk.f_frsize // _RESERVE_SHARE)
    free = disk.f_bavail * disk.f_frsize
    if free < needed + reserve:
        raise BackupError(
            f"{folder}: {readable(free)} are free, and {subject} needs {readable(needed)}. {readable(reserve)} stay"
            " free in addition. Make room, or choose another folder."
        )


def device(folder: str) -> int:
    """The file system of a folder."""
    return os.stat(folder).st_dev


def readable(size: float) -> str:
    """A number of bytes as people read it."""
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{size:.0f} B"
