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
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError

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
    """A file to be written, and the file that is there now."""

    path: str
    wanted: FileState
    present: Optional[FileState]
    on_change: str
    secret: bool

    def diff(self) -> dict[str, str]:
        """The change in Ansible's form of a diff; of a secret it shows only that it changes."""
        if self.present and self.present.content == self.wanted.content:
            before, after = self.present.attributes(), self.wanted.attributes()
        elif self.secret:
            before, after = ("<secret>\n" if self.present else ""), "<secret changed>\n"
        else:
            before, after = (state.content.decode(errors="replace") if state else "" for state in (self.present, self.wanted))
        return {"before_header": self.path, "after_header": self.path, "before": before, "after": after}


@contextmanager
def _about(path: str) -> Iterator[None]:
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
        raise ServiceError(f"files: {option} '{value}' is not known on this host. Give a name that is, or a number.") from error


def wanted_state(options: dict[str, Any]) -> FileState:
    """The file that an item of `files` or `secret_files` asks for."""
    if not _MODE.fullmatch(options["mode"]):
        raise ServiceError(f"files: mode '{options['mode']}' of {options['path']} is not octal. Write it like \"0644\", with the quotes.")
    mode = int(options["mode"], 8)
    owner, group = _number("owner", options["owner"], pwd.getpwnam), _number("group", options["group"], grp.getgrnam)
    return FileState(options["content"].encode(), mode, owner, group)


def read(path: str) -> Optional[FileState]:
    """The file as it is; None where there is none."""
    try:
        with _about(path), open(path, "rb") as file:
            status = os.fstat(file.fileno())
            return FileState(file.read(), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    except ServiceError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise


def changes(files: list[dict[str, Any]], secret_files: list[dict[str, Any]]) -> list[FileChange]:
    """The files that are not as they are wanted."""
    found = []
    for secret, items in ((False, files), (True, secret_files)):
        for item in items:
            wanted, present = wanted_state(item), read(item["path"])
            if wanted != present:
                found.append(FileChange(item["path"], wanted, present, item["on_change"], secret))
    return found


def make_folder(path: str) -> None:
    """Make a folder and those above it, with mode 0755 whatever the umask."""
    if os.path.isdir(path):
        return
    make_folder(os.path.dirname(path))
    with _about(path):
        os.mkdir(path)
        os.chmod(path, 0o755)


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
    with _about(path):
        folder = tempfile.mkdtemp(dir=os.path.dirname(path), prefix=".gpu_monitoring.")
        try:
            _save(os.path.join(folder, "file"), state)
            os.replace(os.path.join(folder, "file"), path)
        finally:
            shutil.rmtree(folder)


def remove(path: str) -> None:
    """Remove a file."""
    with _about(path):
        os.unlink(path)


def restore(change: FileChange) -> None:
    """Put back what was there before the change."""
    if change.present:
        write(change.path, change.present)
    elif os.path.exists(change.path):
        remove(change.path)


def holder(path: str, folders: list[str]) -> Optional[str]:
    """The deepest of the folders that holds the path. The root folder does not count: it is never staged."""
    holding = [folder for folder in folders if folder != "/" and path.startswith(folder + "/")]
    return max(holding, key=len) if holding else None


class Staging:
    """The changed files of a service, complete on disk in folders beside the ones that they belong to, until they are renamed into place.

    The folders are there for as long as it is not known that the service runs with its files: after a kill they tell the next run.
    """

    def __init__(self, service: str, paths: list[str], mounted: list[str]) -> None:
        self._base = {path: holder(path, mounted) or os.path.dirname(path) for path in paths}
        self._folder = {base: _beside(base, service) for base in self._base.values()}
        self._mounted = set(mounted)

    def interrupted(self) -> list[str]:
        """Paths of the files that a killed run may have put in place without the service knowing."""
        return [path for path, base in self._base.items() if os.path.isdir(self._folder[base])]

    def folders(self) -> dict[str, str]:
        """The staged folders by the folders that they stand for."""
        return {base: folder for base, folder in self._folder.items() if os.path.isdir(folder)}

    def stage(self, changed: list[FileChange], whole: bool) -> None:
        """Write the changed files; with `whole`, mounted folders are copied first, so that a validator sees all that will be there."""
        for base in {self._base[change.path] for change in changed} | set(self.folders()):
            folder = self._folder[base]
            make_folder(os.path.dirname(folder))
            with _about(folder):
                shutil.rmtree(folder, ignore_errors=True)
                os.mkdir(folder, 0o700)
                if whole and base in self._mounted and os.path.isdir(base):
                    _copy_folder(base, folder)
                elif whole:
                    os.chmod(folder, 0o755)
        for change in changed:
            staged = self._staged(change)
            make_folder(os.path.dirname(staged))
            with _about(change.path):
                if os.path.lexists(staged):
                    os.unlink(staged)
                _save(staged, change.wanted)

    def put(self, change: FileChange) -> None:
        """Rename a staged file into place."""
        make_folder(os.path.dirname(change.path))
        try:
            with _about(change.path):
                os.replace(self._staged(change), change.path)
        except ServiceError as error:
            if getattr(error.__cause__, "errno", None) != errno.EXDEV:
                raise
            write(change.path, change.wanted)

    def remove(self) -> None:
        """Remove what is left of the staged folders."""
        for folder in self._folder.values():
            shutil.rmtree(folder, ignore_errors=True)

    def _staged(self, change: FileChange) -> str:
        base = self._base[change.path]
        return os.path.join(self._folder[base], os.path.relpath(change.path, base))


def _beside(base: str, service: str) -> str:
    parent, name = os.path.split(base)
    return os.path.join(parent, f".{name}.{service}.staged")


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
