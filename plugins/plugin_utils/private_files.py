# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator

_WRITE = stat.S_IWGRP | stat.S_IWOTH
_ALL = stat.S_IRWXG | stat.S_IRWXO


def check_folder(path: str) -> None:
    """Raises ValueError with the fix for something that is not a folder, and for one that others can write to."""
    _is_there(path, stat.S_IFDIR, _WRITE)


def read(path: str, secret: bool) -> bytes | None:
    """The content of a file, None if missing.

    Raises ValueError with the fix for a link, and for a file that others can write to or, if it is secret, read.
    """
    if not _is_there(path, stat.S_IFREG, _ALL if secret else _WRITE):
        return None
    with open(path, "rb") as file:
        return file.read()


def write(path: str, content: bytes, secret: bool) -> None:
    """Puts a file in its place, whole or not at all. The caller holds the lock of its folder, so nobody else writes the
    temporary file.
    """
    staged = f"{path}.new"
    with open(staged, "wb", opener=_private) as file:
        os.fchmod(file.fileno(), 0o600 if secret else 0o644)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(staged, path)


@contextlib.contextmanager
def locked(folder: str) -> Iterator[None]:
    """Makes the folder if it is missing, and keeps other processes out of it.

    The lock is a file of its own, opened for writing, because NFS, where homes may be, locks nothing else
    (https://man7.org/linux/man-pages/man2/flock.2.html).
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(os.path.join(folder, "lock"), "ab", opener=_private) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _is_there(path: str, kind: int, forbidden: int) -> bool:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return False
    if stat.S_IFMT(mode) != kind:
        noun = "folder" if kind == stat.S_IFDIR else "file"
        raise ValueError(f"{path} is a link, or not a {noun}. Put the {noun} itself there")
    if mode & forbidden:
        rights = "w" if forbidden == _WRITE else "rwx"
        raise ValueError(
            f"{path} has the mode {stat.S_IMODE(mode):04o}. Remove the rights of others: chmod go-{rights} {path}"
        )
    return True
