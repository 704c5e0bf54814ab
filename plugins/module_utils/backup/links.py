# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hard links to files in a volume: a frozen state that takes no room.

A link shares owner and mode with the file of the service, so neither is ever changed. Folders are opened without
following symbolic links, which containers can make in their volumes.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError

# Of the name of a block: https://github.com/oklog/ulid
_BLOCK = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_ROUNDS = 10
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


def blocks(folder: str) -> list[str]:
    """The names of the complete blocks of Prometheus in its data folder: what is still written has another name."""
    names = filter(_BLOCK.fullmatch, os.listdir(folder))
    return sorted(name for name in names if os.path.isfile(os.path.join(folder, name, "meta.json")))


def link_blocks(folder: str, target: str) -> list[str]:
    """Link the blocks of Prometheus into a new folder and return their names.

    Prometheus compacts and deletes blocks meanwhile. The links are of the blocks of one moment: those that were removed
    by then go, and those that are new come.
    """
    linked: set[str] = set()
    os.mkdir(target, 0o700)
    for _round in range(_ROUNDS):
        wanted = set(blocks(folder))
        # Of a block that is removed while it is linked, there may be a part without meta.json.
        for name in set(os.listdir(target)) - (linked & wanted):
            shutil.rmtree(os.path.join(target, name))
        for name in sorted(wanted - linked):
            try:
                link_tree(os.path.join(folder, name), os.path.join(target, name))
            except FileNotFoundError:
                shutil.rmtree(os.path.join(target, name), ignore_errors=True)
        linked = set(blocks(target))
        if linked == wanted == set(blocks(folder)):
            return sorted(linked)
    raise BackupError(f"The blocks in {folder} changed {_ROUNDS} times while they were linked. Run the backup again.")


def link_tree(source: str, target: str) -> None:
    """Link all regular files of a folder and its folders into a new folder.

    Raises OSError, and BackupError for a file system without hard links.
    """
    os.mkdir(target, 0o700)
    with _folder(source) as read, _folder(target) as written:
        _link(read, written, source)


def link_file(source: str, target: str) -> None:
    """Link one file."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        _refuse(error, source)
        raise


def files(folder: str) -> Iterator[str]:
    """The paths of all regular files of a folder and its folders, relative to the folder."""
    for path, _folders, names in os.walk(folder):
        for name in sorted(names):
            full = os.path.join(path, name)
            if os.path.isfile(full) and not os.path.islink(full):
                yield os.path.relpath(full, folder)


def _link(read: int, written: int, source: str) -> None:
    with os.scandir(read) as entries:
        listed = list(entries)
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            os.mkdir(entry.name, 0o700, dir_fd=written)
            with _folder(entry.name, read) as inner, _folder(entry.name, written) as made:
                _link(inner, made, os.path.join(source, entry.name))
        elif entry.is_file(follow_symlinks=False):
            try:
                os.link(entry.name, entry.name, src_dir_fd=read, dst_dir_fd=written, follow_symlinks=False)
            except OSError as error:
                _refuse(error, os.path.join(source, entry.name))
                raise


def _refuse(error: OSError, path: str) -> None:
    if error.errno in _NO_LINKS:
        raise BackupError(
            f"{path} cannot be linked: {error.strerror}. A backup of a running service needs a volume of one file"
            " system with hard links."
        ) from error


@contextmanager
def _folder(path: str, within: Optional[int] = None) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
