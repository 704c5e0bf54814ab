# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Data in a volume that a program changes for a new version. No older version runs on it; a failed upgrade restores a
copy.
"""

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import Volume
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.files import about
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import Data
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.version_numbers import newest, numbers

_TAG = re.compile(r":v?(\d+(?:\.\d+)+[^/:@]*)(?:@.*)?$")
COPY_FOLDER = ".gpu_monitoring.previous"
# What stays free on the disk beside a copy and as much again: a full root disk kills jobs of users.
RESERVE = 256 << 20


@dataclass
class Copy:
    """A copy of `files` in `folder`, the volume's own folder. A file that did not exist is False. `version` ran on the
    data.

    `derived` are folders that do not fit the copy, and that the program makes again.
    """

    volume: str
    version: str
    folder: str
    files: dict[str, bool]
    derived: list[str] = field(default_factory=list)

    @property
    def exists(self) -> bool:
        """Whether the data was copied. The data of a volume that only the container can see is not."""
        return any(self.files.values())


def version_of(images: Iterable[str]) -> str:
    """The newest version that tags of images name; empty if none does."""
    return newest(match[1] for match in map(_TAG.search, images) if match)


def refuse_older(data: Data, last: str, reader: str) -> None:
    """Raise ServiceError if the version does not read the data. Unknown versions are not compared.

    `last` ran on the data, and `reader` is the oldest version that reads the data, if older versions may.
    """
    if data.allow_older or not _is_older(data.version, reader if data.oldest_reader else last):
        return
    if data.oldest_reader:
        reason = f"does not read the data of that version, which needs {reader} or newer."
    else:
        reason = "is older. An older version does not start on newer data, or damages the data."
    ran = f"data: version {last} ran on the volume {data.volume} last, and {data.version}"
    raise ServiceError(f"{ran} {reason} {data.advice}".rstrip())


def changes_version(data: Data, last: str, differing_images: Sequence[str]) -> bool:
    """Whether the version is another one than the last one, and the last one may not read the data of the version.

    `differing_images` are the references of the previous and the new image if the images differ. The versions differ
    then too, as far as the references tell. Versions that are not known change nothing.
    """
    if not numbers(data.version) or not numbers(last):
        return False
    changes = numbers(data.version) != numbers(last) or _hides_a_version(differing_images)
    return changes and (not data.oldest_reader or _is_older(last, data.oldest_reader))


def _hides_a_version(differing_images: Sequence[str]) -> bool:
    """Whether a tag is of no version, such as `latest`, or was moved from one image to the other."""
    references = set(differing_images)
    return len(references) == 1 or any(not version_of([reference]) for reference in references)


def _is_older(version: str, than: str) -> bool:
    """Whether a version is older, as far as both are known. A tag such as 11.2 is any version that begins so."""
    own, other = numbers(version), numbers(than)
    shared = min(len(own), len(other))
    return own[:shared] < other[:shared]


def folder_of(volume: Volume) -> str:
    """The folder of the host that a volume is; for a volume that binds a folder, that folder."""
    options = volume.get("Options") or {}
    binds = "bind" in (options.get("o") or "").split(",")
    return options["device"] if binds and options.get("device") else volume["Mountpoint"]


def give(volume: Volume, owner: str) -> None:
    """Give a volume that is empty to a user and group, as `uid:gid`. The engine gives a new one to root."""
    folder = folder_of(volume)
    with about(folder):
        if os.path.isdir(folder) and not os.listdir(folder):
            uid, gid = map(int, owner.split(":"))
            os.chown(folder, uid, gid)


def copies_to(folder: str) -> str:
    """The folder for copies: on the disk of the data, so that the copies are restored by renaming."""
    return os.path.join(folder, COPY_FOLDER)


def can_be_copied(data: Data, volume: Volume) -> bool:
    """Whether the host sees the data. A volume on a server may be seen only while a container has it."""
    return any(_visible(data, folder_of(volume)).values())


def _visible(data: Data, folder: str) -> dict[str, bool]:
    """Which of the files the host sees.

    None if one is a link, which could lead to a file of the host that the container must not have.
    """
    paths = {name: os.path.join(folder, name) for name in data.files}
    linked = any(map(os.path.islink, paths.values()))
    return {name: not linked and os.path.isfile(path) for name, path in paths.items()}


def refuse_full_disk(data: Data, volume: Volume) -> None:
    """Raise ServiceError if the copy, and what the new version writes, would fill the disk of the data."""
    folder = folder_of(volume)
    size = sum(
        os.path.getsize(os.path.join(folder, name)) for name, visible in _visible(data, folder).items() if visible
    )
    if not size:
        return
    needed, free = 2 * size + RESERVE, shutil.disk_usage(folder).free
    if free < needed:
        raise ServiceError(
            f"data: a copy of the data in the volume {data.volume} and the changes of a new version need"
            f" {needed >> 20} MiB in {folder}, and {free >> 20} MiB are free. Free disk space there."
        )


def copy(data: Data, volume: Volume, last: str) -> Copy:
    """Copy the data. The program must not run."""
    folder = folder_of(volume)
    made = Copy(data.volume, last, folder, _visible(data, folder), data.derived)
    if made.exists:
        with about(copies_to(folder)):
            shutil.rmtree(copies_to(folder), ignore_errors=True)
            os.mkdir(copies_to(folder), 0o700)
        for number, name in enumerate(data.files):
            if made.files[name]:
                _copy_file(os.path.join(folder, name), os.path.join(copies_to(folder), str(number)))
    return made


def has_copy(made: Copy) -> bool:
    """Whether the copy is there. The restore, or somebody, may have removed the copy."""
    return os.path.isdir(copies_to(made.folder))


def put_back(made: Copy) -> None:
    """Restore the copy. A copy that was already restored changes nothing."""
    if not has_copy(made):
        return
    for number, (name, existed) in enumerate(made.files.items()):
        path, kept = os.path.join(made.folder, name), os.path.join(copies_to(made.folder), str(number))
        with about(path):
            if not existed and os.path.lexists(path):
                os.unlink(path)
            elif os.path.lexists(kept):
                os.replace(kept, path)
    for name in made.derived:
        shutil.rmtree(os.path.join(made.folder, name), ignore_errors=True)
    # The previous version must not start beside a copy, which another attempt would restore over its data.
    with about(copies_to(made.folder)):
        shutil.rmtree(copies_to(made.folder))


def _copy_file(source: str, target: str) -> None:
    with about(target):
        shutil.copy2(source, target)
        status = os.stat(source)
        os.chown(target, status.st_uid, status.st_gid)
        with open(target, "rb") as file:
            os.fsync(file.fileno())
