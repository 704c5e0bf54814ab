# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import errno
import grp
import os
import pwd
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import ManagedFile

_MODE = re.compile("0[0-7]{3,4}")


@dataclass
class FileState:
    """A file as it is: content, permission bits and numeric owner."""

    content: bytes = field(repr=False)
    mode: int
    uid: int
    gid: int

    def attributes(self) -> str:
        """Everything but the content, as lines of text."""
        return f"mode: {self.mode:04o}\nowner: {self.uid}\ngroup: {self.gid}\n"


@dataclass
class FileChange:
    """A file to be written, and the file that is there now. `taken_from` is the path that it had before."""

    path: str
    wanted: FileState
    present: Optional[FileState]
    on_change: str
    secret: bool
    taken_from: Optional[str] = None

    def diff(self) -> dict[str, str]:
        """The change in Ansible's form of a diff; of a secret it shows only that it changes."""
        if self.present and self.present.content == self.wanted.content:
            before, after = self.present.attributes(), self.wanted.attributes()
        elif self.secret:
            before, after = ("<secret>\n" if self.present else ""), "<secret changed>\n"
        else:
            before, after = (
                state.content.decode(errors="replace") if state else "" for state in (self.present, self.wanted)
            )
        return {"before_header": self.path, "after_header": self.path, "before": before, "after": after}


@contextmanager
def about(path: str) -> Iterator[None]:
    """Errors of the operating system as one message that names the file."""
    try:
        yield
    except OSError as error:
        raise ServiceError(f"files: {path}: {error.strerror}.") from error


def _number(option: str, value: str, look_up: Callable[[str], Any]) -> int:
    if value.isdigit():
        return int(value)
    try:
        return int(look_up(value)[2])
    except KeyError as error:
        raise ServiceError(
            f"files: {option} '{value}' is not known on this host. Give a name that is, or a number."
        ) from error


def wanted_state(file: ManagedFile) -> FileState:
    """The file as declared, for the host."""
    if not _MODE.fullmatch(file.mode):
        raise ServiceError(
            f"files: mode '{file.mode}' of {file.path} is not octal. Write it like \"0644\", with the quotes."
        )
    owner, group = _number("owner", file.owner, pwd.getpwnam), _number("group", file.group, grp.getgrnam)
    return FileState(file.content.encode(), int(file.mode, 8), owner, group)


def read(path: str) -> Optional[FileState]:
    """The file as it is; None if missing."""
    try:
        with about(path), open(path, "rb") as file:
            status = os.fstat(file.fileno())
            return FileState(file.read(), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    except ServiceError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise


def changes(files: list[ManagedFile], moved: Optional[dict[str, str]] = None) -> list[FileChange]:
    """The files that are not as declared. Those of `moved` keep the content that they have at another path."""
    changed = []
    for file in files:
        wanted, present, taken_from = wanted_state(file), read(file.path), (moved or {}).get(file.path)
        existing = read(taken_from) if taken_from else None
        if existing:
            wanted.content = existing.content
        if present and not file.force:
            wanted.content = present.content
        if wanted != present:
            changed.append(FileChange(file.path, wanted, present, file.on_change, file.secret, taken_from))
    return changed


def make_folder(path: str) -> None:
    """Make a folder and those above it, with mode 0755 whatever the umask."""
    if os.path.isdir(path):
        return
    make_folder(os.path.dirname(path))
    with about(path):
        os.mkdir(path)
        os.chmod(path, 0o755)


def missing_folders(paths: list[str]) -> list[str]:
    """The missing folders above the paths."""
    missing = set()
    for path in paths:
        folder = os.path.dirname(path)
        while not os.path.isdir(folder):
            missing.add(folder)
            folder = os.path.dirname(folder)
    return sorted(missing)


def remove_empty(folders: list[str]) -> list[str]:
    """Remove those of the folders that are empty, or become so by that; returns which."""
    removed = []
    for folder in sorted(folders, key=len, reverse=True):
        if os.path.isdir(folder) and not os.listdir(folder):
            with about(folder):
                os.rmdir(folder)
            removed.append(folder)
    return removed


def _save(path: str, state: FileState) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(state.content)
        os.fchown(descriptor, state.uid, state.gid)
        os.fchmod(descriptor, state.mode)
        file.flush()
        os.fsync(descriptor)


def write(path: str, state: FileState) -> None:
    """Put a file in place: written into a folder beside it, then renamed, so that no reader ever sees half of it."""
    with about(path):
        folder = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.gpu_monitoring")
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder, 0o700)
        try:
            _save(os.path.join(folder, "file"), state)
            os.replace(os.path.join(folder, "file"), path)
        finally:
            shutil.rmtree(folder)


def remove(path: str) -> None:
    """Remove a file."""
    with about(path):
        os.unlink(path)


def put_back(path: str, kept: Optional[str]) -> None:
    """Restore the kept file; None says that there was no file. A file that is restored already stays."""
    if kept is None:
        if os.path.lexists(path):
            remove(path)
        return
    was = read(kept)
    if was:
        _move(kept, path, was)


def _move(source: str, path: str, state: FileState) -> None:
    """Rename a file into place, which needs no room on the disk. On another disk it is written from `state` instead."""
    make_folder(os.path.dirname(path))
    try:
        with about(path):
            os.replace(source, path)
    except ServiceError as error:
        if getattr(error.__cause__, "errno", None) != errno.EXDEV:
            raise
        write(path, state)


def holder(path: str, folders: list[str]) -> Optional[str]:
    """The deepest of the folders that holds the path. The root folder does not count: it is never staged."""
    holding = [folder for folder in folders if folder != "/" and path.startswith(folder + "/")]
    return max(holding, key=len) if holding else None


class Staging:
    """The changed files of a service, complete on disk in folders beside the ones that they belong to, until they are
    renamed into place.

    Copies of the files that they replace lie beside them, so that these can be renamed back.
    """

    def __init__(self, service: str, paths: list[str], mounted: list[str]) -> None:
        self._service = service
        self._base = {path: holder(path, mounted) or os.path.dirname(path) for path in paths}
        self._mounted = set(mounted)

    def folders(self) -> list[str]:
        """All folders that may be made."""
        return [
            self._beside(base, kind) for base in sorted(set(self._base.values())) for kind in ("staged", "previous")
        ]

    def kept(self, changed: list[FileChange]) -> dict[str, Optional[str]]:
        """Where the files are kept that are there now, by path; None for one that is not."""
        return {change.path: self._within(change, "previous") if change.present else None for change in changed}

    def stage(self, changed: list[FileChange], with_folders: bool) -> dict[str, str]:
        """Write the changed files, keep the present ones, and return the staged folders by the folders that they stand
        for.

        With `with_folders`, mounted folders are copied first, so that a validator sees all that will be there.
        """
        staged = {base: self._beside(base, "staged") for base in {self._base[change.path] for change in changed}}
        for base, folder in staged.items():
            make_folder(os.path.dirname(folder))
            with about(folder):
                for made in (folder, self._beside(base, "previous")):
                    shutil.rmtree(made, ignore_errors=True)
                    os.mkdir(made, 0o700)
                if with_folders and base in self._mounted and os.path.isdir(base):
                    _copy_folder(base, folder)
                elif with_folders:
                    os.chmod(folder, 0o755)
        for change in changed:
            _put_into(self._within(change, "staged"), change.wanted)
            if change.taken_from:
                with about(change.taken_from):
                    shutil.copystat(change.taken_from, self._within(change, "staged"))
                    os.chmod(self._within(change, "staged"), change.wanted.mode)
            if change.present:
                _put_into(self._within(change, "previous"), change.present)
        return staged

    def put(self, change: FileChange) -> None:
        """Rename a staged file into place."""
        _move(self._within(change, "staged"), change.path, change.wanted)

    def _beside(self, base: str, kind: str) -> str:
        parent, name = os.path.split(base)
        return os.path.join(parent, f".{name}.{self._service}.{kind}")

    def _within(self, change: FileChange, kind: str) -> str:
        base = self._base[change.path]
        return os.path.join(self._beside(base, kind), os.path.relpath(change.path, base))


def _put_into(path: str, state: FileState) -> None:
    """Write a file that nobody reads yet."""
    make_folder(os.path.dirname(path))
    with about(path):
        if os.path.lexists(path):
            os.unlink(path)
        _save(path, state)


def _copy_folder(source: str, target: str) -> None:
    """Copy a folder with modes and owners, which decide what a validator that is not root can read."""
    _same_access(source, target)
    for entry in os.scandir(source):
        copy = os.path.join(target, entry.name)
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), copy)
        elif entry.is_dir():
            os.mkdir(copy)
            _copy_folder(entry.path, copy)
        elif entry.is_file():
            os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            shutil.copyfile(entry.path, copy)
            _same_access(entry.path, copy)


def _same_access(source: str, target: str) -> None:
    status = os.stat(source)
    os.chown(target, status.st_uid, status.st_gid)
    os.chmod(target, stat.S_IMODE(status.st_mode))
