# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""When a file changed."""

import os

# Inode, size and time of the last change. Programs that replace a file change the inode.
Stamp = tuple[int, int, int]


def stamp(path: str) -> Stamp:
    """The stamp of a file. Raises OSError if it does not exist."""
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns
