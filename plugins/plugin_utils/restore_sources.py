# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a backup is read from."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import manifest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_files import HostFiles


class Delivery(TypedDict):
    """A file of a backup by its name, and its place on the host: a path in a folder."""

    name: str
    folder: str
    path: str


class Source(Protocol):
    """The folder of a backup."""

    def manifest(self) -> Manifest:
        """The manifest, after all files were compared with it."""

    def content(self, name: str, size: int) -> bytes:
        """The content of a file."""

    def deliver(self, deliveries: list[Delivery], host_files: HostFiles) -> None:
        """Put files onto the host."""


class ControllerSource:
    """A folder on the controller."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def manifest(self) -> Manifest:
        """Read all files of the backup. Raises BackupError."""
        backup_manifest = manifest.read(self._folder)
        manifest.check(self._folder, backup_manifest)
        return backup_manifest

    def content(self, name: str, size: int) -> bytes:
        """Read a file."""
        return Path(self._folder, name).read_bytes()

    def deliver(self, deliveries: list[Delivery], host_files: HostFiles) -> None:
        """Send the files to the host."""
        for entry in deliveries:
            target = os.path.join(entry["folder"], entry["path"])
            host_files.put(os.path.join(self._folder, entry["name"]), target)


class HostSource:
    """A folder on the host itself.

    `host_manifest` is the manifest that the step `look` read. `run_step` runs a step of the module on the host.
    """

    def __init__(
        self, folder: str, host_manifest: dict[str, Any], host_files: HostFiles, run_step: Callable[..., dict[str, Any]]
    ) -> None:
        self._folder = folder
        self._host_manifest = host_manifest
        self._host_files = host_files
        self._run_step = run_step

    def manifest(self) -> Manifest:
        """The manifest that the step has checked."""
        return Manifest(**self._host_manifest)

    def content(self, name: str, size: int) -> bytes:
        """Read a file."""
        return b"".join(self._host_files.read(os.path.join(self._folder, name), size))

    def deliver(self, deliveries: list[Delivery], host_files: HostFiles) -> None:
        """Copy the files on the host."""
        self._run_step("copy", files={"all": deliveries})
