# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Data in a volume that a program changes for a new version: no older version runs on it, and a failed upgrade puts a copy back."""

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import Volume
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.files import about
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import Data
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.version_numbers import numbers

_TAG = re.compile(r":v?(\d+(?:\.\d+)+[^/:@]*)(?:@.*)?$")
COPY_FOLDER = ".gpu_monitoring.previous"


@dataclass
class Copy:
    """A copy of `files` in `folder`, the volume's own folder. A file that did not exist is False. `version` ran on the data."""

    volume: str
    version: str
    folder: str
    files: dict[str, bool]

    @property
    def exists(self) -> bool:
        """Whether the data was copied. The data of a volume that only the container can see is not."""
        return any(self.files.values())


def version_of(images: Iterable[str]) -> str:
    """The newest version that tags of images name; empty where none does."""
    tags = [match[1] for match in map(_TAG.search, images) if match]
    return max(tags, key=numbers, default="")


def refuse_older(data: Data, last: str) -> None:
    """Raise ServiceError where a newer version ran on the data. Unknown versions are not compared."""
    wanted, ran = numbers(data.version), numbers(last)
    # A tag such as 11.2 is any version that begins so.
    shared = min(len(wanted), len(ran))
    if wanted[:shared] < ran[:shared] and not data.allow_older:
        raise ServiceError(
            f"data: version {last} ran on the volume {data.volume} last, and {data.version} is older."
            f" An older version does not start on newer data, or damages the data. {data.advice}".rstrip()
        )


def changes_version(data: Data, last: str) -> bool:
    """Whether the version is another one than the one that ran on the data, as far as both are known."""
    return bool(numbers(data.version) and numbers(last) and numbers(data.version) != numbers(last))


def folder_of(volume: Volume) -> str:
    """The folder of the host that a volume is; for a volume that binds a folder, that folder."""
    options = volume.get("Options") or {}
    binds = "bind" in (options.get("o") or "").split(",")
    return options["device"] if binds and options.get("device") else volume["Mountpoint"]


def copies_to(folder: str) -> str:
    """The folder for copies: on the disk of the data, so that the copies are put back by renaming."""
    return os.path.join(folder, COPY_FOLDER)


def copy(data: Data, volume: Volume, last: str) -> Copy:
    """Copy the data. The program must not run."""
    folder = folder_of(volume)
    paths = {name: os.path.join(folder, name) for name in data.files}
    # A link in a volume would make this read a file of the host that the container must not have.
    linked = any(map(os.path.islink, paths.values()))
    made = Copy(data.volume, last, folder, {name: not linked and os.path.isfile(path) for name, path in paths.items()})
    if made.exists:
        with about(copies_to(folder)):
            shutil.rmtree(copies_to(folder), ignore_errors=True)
            os.mkdir(copies_to(folder), 0o700)
        for number, name in enumerate(data.files):
            if made.files[name]:
                _copy_file(os.path.join(folder, name), os.path.join(copies_to(folder), str(number)))
    return made


def put_back(made: Copy) -> None:
    """Put the copy back. A copy that was put back already changes nothing."""
    if not os.path.isdir(copies_to(made.folder)):
        return
    for number, (name, existed) in enumerate(made.files.items()):
        path, kept = os.path.join(made.folder, name), os.path.join(copies_to(made.folder), str(number))
        with about(path):
            if not existed and os.path.lexists(path):
                os.unlink(path)
            elif os.path.lexists(kept):
                os.replace(kept, path)
    shutil.rmtree(copies_to(made.folder), ignore_errors=True)


def _copy_file(source: str, target: str) -> None:
    with about(target):
        shutil.copy2(source, target)
        status = os.stat(source)
        os.chown(target, status.st_uid, status.st_gid)
        with open(target, "rb") as file:
            os.fsync(file.fileno())
