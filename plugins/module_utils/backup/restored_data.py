# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Data of a backup in the volume of a service: beside the present data first, then in its place."""

from __future__ import annotations

import os
import re
import shutil
from typing import Optional, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import database, digests, links
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.digests import Digest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.restored_service import Service
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.staging import DATABASE
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import apply, replaced_data
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.replaced_data import Replacement

KEPT = ".gpu_monitoring.before_restore"
# What the data of a backup replaces. Everything else in a volume stays.
_REPLACED = {
    "grafana": re.compile(r"grafana\.db(-wal|-shm|-journal)?|plugins|unified-search"),
    "prometheus": re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}(\.tmp-.+)?|wal|wbl|chunks_head"),
    "alertmanager": re.compile("nflog|silences"),
}
# What Grafana makes for its database. SQLite writes a journal of one database into another one of that name.
_MADE = {"grafana": ("grafana.db-wal", "grafana.db-shm", "grafana.db-journal", "unified-search")}
_SECRET_KEY = "secret_key"


class Delivered(TypedDict):
    """A file of the backup on the host: its path in the folder of the service, and its digest."""

    path: str
    size: int
    sha256: str


def prepare(service: Service) -> None:
    """Make an empty folder for the files of the backup."""
    with apply.lock(service.name):
        _remove(service.delivered)
        os.mkdir(service.delivered, 0o700)


def check(service: Service, delivered: list[Delivered]) -> None:
    """Raise BackupError if a file did not arrive as it is in the backup, or the database is damaged.

    The caller has the lock of the service, so that no other restore changes the files after this.
    """
    unknown = set(links.files(service.delivered)) - {entry["path"] for entry in delivered}
    if unknown:
        raise BackupError(
            f"{service.name}: another restore is sending {min(unknown)}. Run this again when that restore has ended."
        )
    for entry in delivered:
        path = os.path.join(service.delivered, entry["path"])
        try:
            digest: Optional[Digest] = digests.of_file(path)
        except OSError:
            digest = None
        if digest != Digest(size=entry["size"], sha256=entry["sha256"]):
            raise BackupError(f"{service.name}: {entry['path']} did not arrive as it is in the backup. Run this again.")
    if os.path.exists(os.path.join(service.delivered, DATABASE)):
        database.check(os.path.join(service.delivered, DATABASE))


def replace(engine: Engine, service: Service, time: str) -> str:
    """Put the data in place and start the service. Returns the folder that has the previous data.

    The caller has the lock of the service.
    """
    digests.write_through(service.delivered)
    kept = os.path.join(service.folder, f"{KEPT}.{time}")
    name = service.container["Name"].lstrip("/")
    os.mkdir(kept, 0o700)
    try:
        # What a killed run left would be taken for the present key.
        _remove_previous_key(service)
        made = [os.path.join(service.folder, path) for path in _MADE.get(service.name, ())]
        ran = service.container["State"]["Running"]
        replacement = Replacement(service.name, name, ran, new=_new_data(service), made=made)
        replaced_data.carry_out(engine, replacement, lambda: _present_data(service, kept))
    except BaseException:
        _remove_without_data(kept)
        raise
    _remove_previous_key(service)
    _remove(service.delivered)
    return kept


def discard(service: Service) -> None:
    """Remove the files of the backup that are not in place. The next run needs these to take a replacement back."""
    with apply.lock(service.name):
        if replaced_data.pending(service.name):
            return
        _remove(service.delivered)
        if service.secret_key_file and os.path.lexists(_restored_key(service)):
            os.unlink(_restored_key(service))


def _remove_previous_key(service: Service) -> None:
    if service.secret_key_file and os.path.lexists(_previous_key(service)):
        os.unlink(_previous_key(service))


def _new_data(service: Service) -> list[list[str]]:
    """The renames of the delivered files, whose owner is set. The secret key goes beside the present one first."""
    moves = []
    key = os.path.join(service.delivered, _SECRET_KEY)
    if service.secret_key_file and os.path.exists(key):
        _copy_key(key, _restored_key(service), service.owner)
        os.unlink(key)
        moves.append([_restored_key(service), service.secret_key_file])
    for name in sorted(os.listdir(service.delivered)):
        _give(os.path.join(service.delivered, name), service.owner)
        moves.append([os.path.join(service.delivered, name), os.path.join(service.folder, name)])
    return moves


def _present_data(service: Service, kept: str) -> list[list[str]]:
    """The renames of the present data.

    The present key is on another file system than the volume, so that a copy of the key is kept.
    """
    names = [name for name in sorted(os.listdir(service.folder)) if _REPLACED[service.name].fullmatch(name)]
    moves = [[os.path.join(service.folder, name), os.path.join(kept, name)] for name in names]
    if service.secret_key_file and os.path.exists(service.secret_key_file):
        _copy_key(service.secret_key_file, os.path.join(kept, _SECRET_KEY), service.owner)
        moves.append([service.secret_key_file, _previous_key(service)])
    return moves


def _give(path: str, owner: tuple[int, int]) -> None:
    """Set owner and mode of delivered files. Plugins of Grafana are programs."""
    mode = 0o755 if os.path.basename(path) == "plugins" else 0o644
    for folder, folders, names in os.walk(path):
        for name in folders:
            _own(os.path.join(folder, name), owner, 0o755)
        for name in names:
            _own(os.path.join(folder, name), owner, mode)
    _own(path, owner, 0o755 if os.path.isdir(path) else 0o640)


def _own(path: str, owner: tuple[int, int], mode: int) -> None:
    if os.path.islink(path):
        raise BackupError(f"{path} is a symbolic link, which no backup has.")
    os.chmod(path, mode)
    os.chown(path, *owner)


def _remove_without_data(kept: str) -> None:
    """Remove the folder for previous data if all data was restored."""
    if not set(os.listdir(kept)) - {_SECRET_KEY}:
        shutil.rmtree(kept)


def _previous_key(service: Service) -> str:
    return f"{service.secret_key_file}.previous"


def _restored_key(service: Service) -> str:
    return f"{service.secret_key_file}.restored"


def _copy_key(source: str, target: str, owner: tuple[int, int]) -> None:
    if os.path.lexists(target):
        os.unlink(target)
    with (
        open(source, "rb") as read,
        open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb") as written,
    ):
        shutil.copyfileobj(read, written)
        os.fchown(written.fileno(), *owner)


def _remove(folder: str) -> None:
    if os.path.isdir(folder) and not os.path.islink(folder):
        shutil.rmtree(folder)
