# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Size and SHA-256 of files. Symbolic links are never followed: containers can make links in their volumes."""

from __future__ import annotations

import errno
import hashlib
import os
from typing import TypedDict

PIECE_BYTES = 1 << 20


class Digest(TypedDict):
    """What a file is recognized by."""

    size: int
    sha256: str


def open_file(path: str) -> int:
    """The descriptor of a file that is not a symbolic link. Raises OSError."""
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)


def of_file(path: str) -> Digest:
    """The digest of a file. Raises OSError."""
    hashed, size = hashlib.sha256(), 0
    with open(open_file(path), "rb") as file:
        for piece in iter(lambda: file.read(PIECE_BYTES), b""):
            hashed.update(piece)
            size += len(piece)
    return Digest(size=size, sha256=hashed.hexdigest())


def write_through(folder: str) -> None:
    """Wait until all files of a folder and its folders are on the disk. Raises OSError."""
    for path, _folders, names in os.walk(folder):
        for name in (*names, "."):
            descriptor = open_file(os.path.join(path, name))
            try:
                os.fsync(descriptor)
            except OSError as error:
                # Some file systems cannot do this for folders.
                if error.errno != errno.EINVAL:
                    raise
            finally:
                os.close(descriptor)
