# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a backup is written to."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Protocol

from ansible.errors import AnsibleActionFail
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import store
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.digests import Digest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.staging import StagedFile
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_files import HostFiles


class Target(Protocol):
    """The folder of a new backup."""

    def require_room(self, host: str, staged: list[StagedFile], more: int) -> None:
        """Raise an error if the disk has no room for the files that no earlier backup has, and for more bytes."""

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Keep other runs from writing to the folders of the host."""

    def begin(self, begun: Manifest) -> None:
        """Make the folder."""

    def add_staged(self, staged: list[StagedFile]) -> None:
        """Add files of the host that are not secrets, each under its name."""

    def add(self, name: str, content: bytes) -> None:
        """Add a file."""

    def finish(self, finished: Manifest, keep: int) -> list[str]:
        """Check the backup, mark it complete, and remove old ones, whose folders are returned."""

    def discard(self, host: str) -> None:
        """Remove the folder of a backup that failed."""


class ControllerTarget:
    """A folder on the controller."""

    def __init__(self, folder: str, host_files: HostFiles) -> None:
        self._folder = folder
        self._host_files = host_files
        self._earlier: str | None = None

    def require_room(self, host: str, staged: list[StagedFile], more: int) -> None:
        """Raise BackupError if the disk of the controller has no room."""
        store.require_room(self._folder, host, staged, more)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder with the backups of the host."""
        parent = os.path.dirname(self._folder)
        os.makedirs(parent, 0o700, exist_ok=True)
        descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise AnsibleActionFail(
                    f"{parent}: another run is making a backup there. Run this again later."
                ) from error
            yield
        finally:
            os.close(descriptor)

    def begin(self, begun: Manifest) -> None:
        """Make the folder."""
        store.begin(self._folder, begun)
        self._earlier = store.previous(self._folder, begun.host)

    def add_staged(self, staged: list[StagedFile]) -> None:
        """Read the files from the host. Files that an earlier backup has already are linked, and not read again."""
        for entry in staged:
            path = store.make_folder_of(self._folder, entry["name"])
            digest = Digest(size=entry["size"], sha256=entry["sha256"])
            if not store.reuse(self._earlier, entry["name"], digest, path):
                self._host_files.fetch(entry["path"], entry["size"], path)

    def add(self, name: str, content: bytes) -> None:
        """Write a file."""
        with open(
            os.open(store.make_folder_of(self._folder, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
        ) as file:
            file.write(content)

    def finish(self, finished: Manifest, keep: int) -> list[str]:
        """Check the backup and remove old ones."""
        return store.finish(self._folder, finished, keep)

    def discard(self, host: str) -> None:
        """Remove the folder."""
        store.discard(self._folder, host)


class HostTarget:
    """A folder on the host itself. `run_step` runs a step of the module there."""

    def __init__(self, folder: str, host_files: HostFiles, run_step: Callable[..., dict[str, Any]]) -> None:
        self._folder = folder
        self._host_files = host_files
        self._run_step = run_step

    def require_room(self, host: str, staged: list[StagedFile], more: int) -> None:
        """Fail if the disk of the host has no room."""
        self._run_step("room", folder=self._folder, staged=staged, more=more)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nothing: no lock outlives a step. Another run removes the frozen state, and this one fails."""
        yield

    def begin(self, begun: Manifest) -> None:
        """Make the folder."""
        self._run_step("place", folder=self._folder, manifest=asdict(begun))

    def add_staged(self, staged: list[StagedFile]) -> None:
        """Copy or link the files on the host."""
        self._run_step("place", folder=self._folder, staged=staged)

    def add(self, name: str, content: bytes) -> None:
        """Write a file."""
        self._host_files.write(os.path.join(self._folder, name), [content])

    def finish(self, finished: Manifest, keep: int) -> list[str]:
        """Check the backup and remove old ones."""
        return list(self._run_step("finish", folder=self._folder, manifest=asdict(finished), keep=keep)["removed"])

    def discard(self, host: str) -> None:
        """Nothing: the step that removes the frozen state removes the folder."""
