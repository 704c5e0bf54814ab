# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service on a host whose data is restored, and what must hold before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import database, room
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.engine_confinement import Confinement
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import journal, volume_data
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import Container
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.version_numbers import numbers

FOLDER = ".gpu_monitoring.restore"
# Of a version, as many numbers as say which data a program reads. Prometheus reads the data of its major version.
_NUMBERS_OF_FORMAT = {"grafana": 3, "prometheus": 1, "alertmanager": 2}


@dataclass(frozen=True)
class Service:
    """A service whose data is restored. `secret_key_file` is the place of Grafana's secret key."""

    name: str
    folder: str
    container: Container
    owner: tuple[int, int]
    secret_key_file: str = ""

    @property
    def delivered(self) -> str:
        """The folder for files of the backup."""
        return os.path.join(self.folder, FOLDER)


def find(engine: Engine, name: str, volume: str, secret_key_file: str) -> Service:
    """The service on this host. Raises BackupError if it is not deployed, or is being changed."""
    containers = [container for container in map(engine.container, engine.owned(name)) if container]
    existing_volume = engine.volume(volume)
    if len(containers) != 1 or existing_volume is None:
        raise BackupError(
            f"{name} is not deployed on this host, or is being deployed: it has {len(containers)} containers"
            f" {'and the' if existing_volume else 'and no'} volume {volume}. Run the playbook site first."
        )
    if journal.pending(name):
        raise BackupError(f"An interrupted deployment of {name} is on this host. Run the playbook site first.")
    folder = volume_data.folder_of(existing_volume)
    if not os.path.isdir(folder):
        raise BackupError(f"{name}_volume: the host does not see the folder of the volume {volume}, '{folder}'.")
    _require_sole_user(engine, name, volume)
    if name == "grafana":
        database.require_sqlite()
    owner = _owner(containers[0], engine.confinement())
    return Service(name, os.path.realpath(folder), containers[0], owner, secret_key_file if name == "grafana" else "")


def refuse_older(service: Service, images: Sequence[str]) -> None:
    """Raise BackupError if the data is of a newer version than the one that is deployed.

    `images` are those of the service's containers at the backup, which are several if an upgrade was interrupted.
    """
    made, deployed = volume_data.version_of(images), volume_data.version_of([service.container["Config"]["Image"]])
    count = _NUMBERS_OF_FORMAT[service.name]
    if made and deployed and numbers(deployed)[:count] < numbers(made)[:count]:
        raise BackupError(
            f"{service.name}: version {made} made the data of the backup, and {deployed} is deployed, which does not"
            f" read it. Set {service.name}_version to {made} or newer, and run the playbook site first."
        )


def require_room(services: list[Service], needed: Mapping[str, int]) -> None:
    """Raise BackupError if the data does not fit beside the present data, which stays. Volumes may share a disk."""
    disks: dict[int, list[Service]] = {}
    for service in services:
        disks.setdefault(room.device(service.folder), []).append(service)
    for sharing in disks.values():
        names = " and ".join(service.name for service in sharing)
        size = sum(needed[service.name] for service in sharing)
        room.require(sharing[0].folder, size, f"the data of {names} beside the present data")


def _require_sole_user(engine: Engine, name: str, volume: str) -> None:
    """Raise BackupError if the service does not use the volume, or a running container of somebody else does."""
    users = {user["Names"][0].lstrip("/"): user for user in engine.users_of_volume(volume) if user.get("Names")}
    own = engine.owned(name)
    if not set(own) & set(users):
        raise BackupError(
            f"{name}_volume: the container {own[0]} does not use the volume {volume}. Run the playbook site first."
        )
    others = sorted(user for user in set(users) - set(own) if users[user].get("State") == "running")
    if others:
        raise BackupError(
            f"{name}_volume: the container {others[0]} uses the volume {volume} too. Stop {others[0]} first, since the"
            " data is replaced."
        )


def _owner(container: Container, confinement: Confinement) -> tuple[int, int]:
    """User and group of the container, as the host knows them."""
    user, _colon, group = container["Config"]["User"].partition(":")
    remapping = None if container["HostConfig"].get("UsernsMode") == "host" else confinement.remapping
    uid, gid = int(user), int(group or user)
    return (uid + remapping.uid, gid + remapping.gid) if remapping else (uid, gid)
