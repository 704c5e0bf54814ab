# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import shutil
import tempfile
from typing import NamedTuple, Optional


class _Former(NamedTuple):
    """A file as it was."""

    content: bytes
    mode: int
    uid: int
    gid: int


class KeptFiles:
    """Files that are changed together, and whose previous content can be restored."""

    def __init__(self) -> None:
        self._former: dict[str, Optional[_Former]] = {}
        self._moved: list[tuple[str, str]] = []

    def write(self, path: str, text: str) -> None:
        """Write a file that everyone may read."""
        self._keep(path)
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        descriptor, staged = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".", suffix=".staged")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(staged, 0o644)
        os.replace(staged, path)

    def set_aside(self, path: str) -> None:
        """Rename a file to *.disabled; a file of that name gets a number."""
        target = f"{path}.disabled"
        if os.path.lexists(target):
            number = next(number for number in range(1, 10_000) if not os.path.lexists(f"{target}.~{number}~"))
            backup = f"{target}.~{number}~"
            os.rename(target, backup)
            self._moved.append((target, backup))
        os.rename(path, target)
        self._moved.append((path, target))

    def put_back(self) -> None:
        """Everything as it was."""
        for path, former in self._former.items():
            if former is None:
                if os.path.lexists(path):
                    os.unlink(path)
                continue
            descriptor, staged = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".", suffix=".staged")
            with os.fdopen(descriptor, "wb") as file:
                file.write(former.content)
            os.chmod(staged, former.mode)
            os.chown(staged, former.uid, former.gid)
            os.replace(staged, path)
        for path, target in reversed(self._moved):
            os.rename(target, path)

    def _keep(self, path: str) -> None:
        if path in self._former:
            return
        try:
            with open(path, "rb") as file:
                state = os.fstat(file.fileno())
                self._former[path] = _Former(file.read(), state.st_mode & 0o7777, state.st_uid, state.st_gid)
        except FileNotFoundError:
            self._former[path] = None


def restore_aside(path: str) -> None:
    """Rename a file that was set aside back, unless another has its name."""
    if os.path.lexists(f"{path}.disabled") and not os.path.lexists(path):
        os.rename(f"{path}.disabled", path)


def remove(path: str) -> None:
    """Remove a file or a folder that may be there."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
