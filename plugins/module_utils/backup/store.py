# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The folder with all backups of a monitoring host, on the controller or on the host."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import digests, manifest, room
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.digests import Digest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.manifest import Manifest

TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def now() -> str:
    """The time that a backup has in its manifest."""
    return time.strftime(TIME_FORMAT, time.gmtime())


def folder_name(made: str) -> str:
    """The name of a backup of that time."""
    return made.replace(":", "").replace("-", "")


def begin(folder: str, begun: Manifest) -> None:
    """Make the folder of a new backup, and remove what interrupted runs left of backups of the host."""
    os.makedirs(os.path.dirname(folder), 0o700, exist_ok=True)
    discard(folder, begun.host)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError as error:
        raise BackupError(f"{folder} exists already. Run the backup again in a second.") from error
    manifest.write(folder, begun)


def discard(folder: str, host: str) -> None:
    """Remove what interrupted runs left of backups of the host, beside a new one and of this one."""
    parent = os.path.dirname(folder)
    for name, left in _backups(parent, host).items() if os.path.isdir(parent) else []:
        if not left.complete:
            _remove(os.path.join(parent, name))


def finish(folder: str, finished: Manifest, keep: int) -> list[str]:
    """Check a backup and mark it complete. Then remove all but the newest `keep` backups of the host, or none for 0.

    A backup that has what the new one lacks stays. Returns the folders that were removed.
    """
    manifest.check_files(folder, finished, "Run the backup again.")
    # Older backups are removed then.
    digests.write_through(folder)
    manifest.write(folder, replace(finished, complete=True))
    parent = os.path.dirname(folder)
    others = {
        name: backup.made
        for name, backup in _backups(parent, finished.host).items()
        if name != os.path.basename(folder) and finished.has_all_of(backup)
    }
    newest_first = sorted(others, key=lambda name: others[name], reverse=True)
    removed = [os.path.join(parent, name) for name in (newest_first[keep - 1 :] if keep else [])]
    for path in removed:
        _remove(path)
    return removed


def previous(folder: str, host: str) -> Optional[str]:
    """The newest complete backup of the host beside a new one."""
    parent = os.path.dirname(folder)
    if not os.path.isdir(parent):
        return None
    complete = {name: backup.made for name, backup in _backups(parent, host).items() if backup.complete}
    newest = max(complete, key=lambda name: complete[name], default=None)
    return os.path.join(parent, newest) if newest else None


def require_room(folder: str, host: str, staged: Sequence[Mapping[str, Any]], more: int) -> None:
    """Raise BackupError if the disk has no room for the files that no earlier backup has, and for `more` bytes."""
    earlier = previous(folder, host)
    known = manifest.read(earlier).files if earlier else {}
    reused = {(name, digest["sha256"]) for name, digest in known.items()}
    new = [entry for entry in staged if (entry["name"], entry["sha256"]) not in reused]
    room.require(folder, sum(entry["size"] for entry in new) + more, "the backup")


def reuse(earlier: Optional[str], path: str, wanted: Digest, target: str) -> bool:
    """Link a file of an earlier backup that has not changed, and is not damaged, into the new one."""
    source = os.path.join(earlier, path) if earlier else ""
    try:
        if not source or os.path.getsize(source) != wanted["size"] or digests.of_file(source) != wanted:
            return False
        os.link(source, target, follow_symlinks=False)
    except OSError:
        return False
    return True


def make_folder_of(folder: str, path: str) -> str:
    """The full path of a file of a backup, whose folder is made."""
    full = os.path.join(folder, path)
    os.makedirs(os.path.dirname(full), 0o700, exist_ok=True)
    return full


def _remove(folder: str) -> None:
    """Remove a backup, its manifest last: the next run finds by the manifest what a killed run left."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        elif entry.name != manifest.NAME:
            os.unlink(entry.path)
    shutil.rmtree(folder)


def _backups(parent: str, host: str) -> dict[str, Manifest]:
    """The backups of the host in a folder, by name. Folders that are not backups are left alone, and so are links."""
    backups = {}
    for entry in os.scandir(parent):
        if entry.is_dir(follow_symlinks=False) and manifest.is_ours(entry.path):
            try:
                read = manifest.read(entry.path)
            except BackupError:
                continue
            if read.host == host:
                backups[entry.name] = read
    return backups
