# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The list of what a backup has, with the SHA-256 of each file."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import digests
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.digests import Digest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError

NAME = "manifest.json"
KIND = "mlops.gpu_monitoring backup"
FORMAT = 1
ENCRYPTED = ".gz.vault"
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass
class Manifest:
    """What a backup of a monitoring host has. `made` is its time in UTC. `missing` has the reason for each file that is
    left out.
    """

    host: str
    made: str
    services: list[str]
    collection: str = ""
    images: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, Digest] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    complete: bool = False

    def size(self) -> int:
        """The bytes of all files."""
        return sum(digest["size"] for digest in self.files.values())

    def has_all_of(self, older: Manifest) -> bool:
        """Whether an older backup has neither a service nor secrets that this one lacks."""
        has_secrets, had_secrets = (any(map(_is_secret, manifest.files)) for manifest in (self, older))
        return set(older.services) <= set(self.services) and has_secrets >= had_secrets


def _is_secret(path: str) -> bool:
    return path.endswith(ENCRYPTED)


def text(manifest: Manifest) -> str:
    """The content of the file."""
    return json.dumps({"kind": KIND, "format": FORMAT, **asdict(manifest)}, indent=2, sort_keys=True) + "\n"


def write(folder: str, manifest: Manifest) -> None:
    """Write the manifest of a backup, on disk before this returns."""
    path = os.path.join(folder, NAME)
    with open(os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text(manifest))
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)


def is_ours(folder: str) -> bool:
    """Whether the folder has a manifest of this collection, of whatever format."""
    try:
        return bool(_parsed(folder).get("kind") == KIND)
    except BackupError:
        return False


def read(folder: str) -> Manifest:
    """The manifest of a backup. Raises BackupError for a folder that is not a backup or cannot be used."""
    content = _parsed(folder)
    if content.get("kind") != KIND:
        raise BackupError(f"{folder} is not a backup of mlops.gpu_monitoring: {NAME} is of another kind.")
    if content.get("format") != FORMAT:
        raise BackupError(
            f"{folder} has the format {content.get('format')} of backups, and this version of the collection reads"
            f" the format {FORMAT}. Use the version of the collection that made the backup"
            f" ({content.get('collection')})."
        )
    # Keys that a restore needs change the format. Other keys of a newer version do no harm.
    known = {option.name for option in fields(Manifest)}
    try:
        manifest = Manifest(**{name: value for name, value in content.items() if name in known})
        manifest.files = {
            path: Digest(size=digest["size"], sha256=digest["sha256"]) for path, digest in manifest.files.items()
        }
        damaged = [path for path, digest in manifest.files.items() if not _is_valid(path, digest)]
    except (TypeError, KeyError, AttributeError) as error:
        raise BackupError(f"{folder}: {NAME} is damaged: {error}. Use another backup.") from error
    if damaged:
        raise BackupError(f"{folder}: {NAME} is damaged: '{damaged[0]}' is not a file of a backup. Use another backup.")
    return manifest


def check(folder: str, manifest: Manifest) -> None:
    """Raise BackupError if a backup is not complete, or a file is not what the manifest says."""
    if not manifest.complete:
        raise BackupError(f"{folder} is half a backup: the run that made it did not end. Use another backup.")
    check_files(folder, manifest)


def check_files(folder: str, manifest: Manifest, advice: str = "Use another backup.") -> None:
    """Raise BackupError if a file is not what the manifest says."""
    for path, expected in manifest.files.items():
        try:
            digest = digests.of_file(os.path.join(folder, path))
        except OSError as error:
            raise BackupError(f"{folder}: {path} cannot be read: {error.strerror}. {advice}") from error
        if digest != expected:
            raise BackupError(
                f"{folder}: {path} is damaged: it has {digest['size']} bytes with the SHA-256 {digest['sha256']}, and"
                f" not {expected['size']} with {expected['sha256']}. {advice}"
            )


def _parsed(folder: str) -> dict[str, Any]:
    path = os.path.join(folder, NAME)
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError as error:
        raise BackupError(
            f"{folder} is not a backup: there is no {NAME}. Name the folder that has this file."
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise BackupError(f"{path} cannot be read: {reason}. Use another backup.") from error
    if not isinstance(content, dict):
        raise BackupError(f"{path} is not a manifest of a backup. Use another backup.")
    return content


def _is_valid(path: str, digest: Digest) -> bool:
    """Whether an entry is a file within the folder."""
    inside = path and not os.path.isabs(path) and os.path.normpath(path) == path and path.split("/")[0] != ".."
    return bool(inside and isinstance(digest["size"], int) and _SHA256.fullmatch(digest["sha256"]))
