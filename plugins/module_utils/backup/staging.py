# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A frozen state of the data of a monitoring host: hard links and copies in folders that only root can read.

The folders are in the volumes, since a hard link cannot leave its file system.
"""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass, field
from typing import TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import database, digests, links, room
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import state

FOLDER = ".gpu_monitoring.backup"
DATABASE = "grafana.db"
SNAPSHOTS = ("nflog", "silences")
EXCLUDED = "secrets are left out, as backup_secrets is 'excluded'"
ELSEWHERE = "the database is not in the volume; back it up with the tools of that database"
# What changes at any time and is made again.
_NO_CONFIGURATION = ("textfile",)


@dataclass(frozen=True)
class Sources:
    """Where the data is: the folders of the volumes by service, and folders and files of the host."""

    volumes: dict[str, str]
    secrets: bool
    database_in_volume: bool
    secret_key: str
    configuration: list[str]


class StagedFile(TypedDict):
    """A file of the frozen state: its name in the backup, its path on the host and its digest."""

    name: str
    path: str
    size: int
    sha256: str
    secret: bool


@dataclass
class Measured:
    """The bytes that a backup takes, clear and secret, and what is left out with the reason."""

    clear: int = 0
    secret: int = 0
    missing: dict[str, str] = field(default_factory=dict)


def measure(sources: Sources) -> Measured:
    """How large the backup is, before anything is written. Raises BackupError if data of Grafana is missing."""
    _require_grafana(sources)
    measured = Measured()
    for service, folder in sources.volumes.items():
        for path in _linked(service, folder):
            measured.clear += _size(path)
    reason = _no_database(sources)
    if reason and "grafana" in sources.volumes:
        measured.missing[f"grafana/{DATABASE}"] = reason
    elif "grafana" in sources.volumes:
        measured.secret = database.size(os.path.join(sources.volumes["grafana"], DATABASE))
    configuration = _configuration(sources)
    secret_files = [name for name, path in configuration.items() if _is_secret(path)]
    if not sources.secrets:
        measured.missing.update(dict.fromkeys(secret_files, EXCLUDED))
    for name, path in configuration.items():
        if name not in secret_files:
            measured.clear += _size(path)
        elif sources.secrets:
            measured.secret += _size(path)
    return measured


def require_room(sources: Sources) -> None:
    """Raise BackupError if the host has no room for the copy of Grafana's database."""
    folder = sources.volumes.get("grafana")
    if folder and not _no_database(sources):
        room.require(folder, database.size(os.path.join(folder, DATABASE)), "the copy of Grafana's database")


def stage(sources: Sources) -> list[StagedFile]:
    """Freeze the data and return all files. What an interrupted run left is removed first, since it takes room."""
    clean(sources)
    require_room(sources)
    staged: list[StagedFile] = []
    for service, folder in sources.volumes.items():
        target = os.path.join(folder, FOLDER)
        os.mkdir(target, 0o700)
        if service == "grafana":
            if not _no_database(sources):
                database.copy(os.path.join(folder, DATABASE), os.path.join(target, DATABASE))
            if os.path.isdir(os.path.join(folder, "plugins")):
                links.link_tree(os.path.join(folder, "plugins"), os.path.join(target, "plugins"))
        elif service == "prometheus":
            links.link_blocks(folder, os.path.join(target, "blocks"))
        else:
            for path in _linked(service, folder):
                links.link_file(path, os.path.join(target, os.path.basename(path)))
        staged += [
            _staged(f"{service}/{name}", os.path.join(target, name), name == DATABASE) for name in links.files(target)
        ]
    return staged + _stage_configuration(sources)


def clean(sources: Sources) -> None:
    """Remove the frozen state."""
    for folder in [*(os.path.join(volume, FOLDER) for volume in sources.volumes.values()), _configuration_folder()]:
        if os.path.isdir(folder) and not os.path.islink(folder):
            shutil.rmtree(folder)


def _stage_configuration(sources: Sources) -> list[StagedFile]:
    staged = []
    configuration = _configuration(sources)
    os.makedirs(state.MEMORY_FOLDER, 0o700, exist_ok=True)
    os.mkdir(_configuration_folder(), 0o700)
    for number, (name, path) in enumerate(sorted(configuration.items())):
        secret = _is_secret(path)
        if sources.secrets or not secret:
            target = os.path.join(_configuration_folder(), str(number))
            with open(digests.open_file(path), "rb") as read, open(target, "xb") as written:
                os.fchmod(written.fileno(), 0o600)
                shutil.copyfileobj(read, written)
            staged.append(_staged(name, target, secret))
    return staged


def _staged(name: str, path: str, secret: bool) -> StagedFile:
    try:
        return StagedFile(name=name, path=path, secret=secret, **digests.of_file(path))
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}.") from error


def _linked(service: str, folder: str) -> list[str]:
    """The files of a service's volume that are linked, and not copied."""
    if service == "prometheus":
        blocks = [os.path.join(folder, name) for name in links.blocks(folder)]
        return [os.path.join(block, name) for block in blocks for name in links.files(block)]
    if service == "grafana":
        plugins = os.path.join(folder, "plugins")
        return [os.path.join(plugins, name) for name in links.files(plugins)]
    paths = [os.path.join(folder, name) for name in SNAPSHOTS]
    return [path for path in paths if os.path.isfile(path) and not os.path.islink(path)]


def _no_database(sources: Sources) -> str:
    """Why Grafana's database is not in the backup; empty if it is."""
    if not sources.database_in_volume:
        return ELSEWHERE
    return "" if sources.secrets else EXCLUDED


def _require_grafana(sources: Sources) -> None:
    """Raise BackupError if there is no database or secret key: no backup without these may replace another."""
    folder = sources.volumes.get("grafana")
    if not folder or not sources.secrets:
        return
    if not _no_database(sources) and not os.path.isfile(os.path.join(folder, DATABASE)):
        raise BackupError(
            f"grafana_volume: there is no {DATABASE} in {folder}, and Grafana makes the file when it starts. Run the"
            " playbook site first, or leave grafana out."
        )
    if not os.path.isfile(sources.secret_key):
        raise BackupError(
            f"grafana_secret_key_file: there is no file '{sources.secret_key}', and nothing else opens the secrets in"
            " Grafana's database. Run the playbook site first, or leave grafana out."
        )


def _configuration(sources: Sources) -> dict[str, str]:
    """The files of the configuration by their names in the backup."""
    files = {}
    for folder in sources.configuration:
        for path, folders, names in os.walk(folder):
            # Folders that begin with a dot are of a deployment that is at work.
            folders[:] = [name for name in folders if not name.startswith(".") and name not in _NO_CONFIGURATION]
            for name in names:
                full = os.path.join(path, name)
                if os.path.isfile(full) and not os.path.islink(full) and full != sources.secret_key:
                    files["configuration" + full] = full
    if "grafana" in sources.volumes and os.path.isfile(sources.secret_key):
        files["grafana/secret_key"] = sources.secret_key
    return files


def _size(path: str) -> int:
    """The size of a file; 0 for a file that the service removed meanwhile."""
    try:
        return os.lstat(path).st_size
    except FileNotFoundError:
        return 0


def _is_secret(path: str) -> bool:
    """Whether a file is one that not all users of the host may read."""
    return not os.lstat(path).st_mode & stat.S_IROTH


def _configuration_folder() -> str:
    return os.path.join(state.MEMORY_FOLDER, "backup")
