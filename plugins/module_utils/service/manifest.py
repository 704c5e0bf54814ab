# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import files, state
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import Data, ServiceSpec
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.version_numbers import newest, numbers

KIND = "manifest"


@dataclass
class Manifest:
    """What the module put on the host for a service beside its container; `kept` are files that are made once, which
    count as data as `volumes` do.

    `versions` has, by volume, the version of the program that last ran on the data, and `readers` the oldest version
    that reads the data. `unknown` has the keys of a newer version of the collection, whose removal needs them.
    """

    files: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    readers: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, Any] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """The form in which it is kept."""
        known = asdict(self)
        return {**known.pop("unknown"), **known}

    def with_all_of(self, other: Manifest) -> Manifest:
        """What one of the two has."""
        lists: dict[str, Any] = {
            name: sorted({*mine, *asdict(other)[name]}) for name, mine in asdict(self).items() if isinstance(mine, list)
        }
        return replace(
            self, **lists, versions={**self.versions, **other.versions}, readers={**self.readers, **other.readers}
        )

    def with_data_of(self, data: Optional[Data]) -> Manifest:
        """With the version whose data it is, if that is known. The newest of the oldest readers counts."""
        if data is None or not numbers(data.version):
            return self
        reader = newest([self.readers.get(data.volume, ""), data.oldest_reader])
        readers = {**self.readers, data.volume: reader} if reader else self.readers
        return replace(self, versions={**self.versions, data.volume: data.version}, readers=readers)


def parse(kept: Mapping[str, Any]) -> Manifest:
    """A manifest from the form in which it is kept."""
    known = {option.name for option in fields(Manifest)} - {"unknown"}
    unknown = {key: value for key, value in kept.items() if key not in known}
    return Manifest(**{key: value for key, value in kept.items() if key in known}, unknown=unknown)


def wanted(service: ServiceSpec) -> Manifest:
    """What there is of a service that is as its options want it, but for folders."""
    return Manifest(
        files=sorted(file.path for file in service.files if file.force),
        kept=sorted(file.path for file in service.files if not file.force),
        volumes=sorted(mount.source for mount in service.mounts if mount.type == "volume"),
        networks=sorted(service.networks),
    )


def read(name: str) -> Manifest:
    """Present parts of a service; empty for a service that this module does not know."""
    return parse(state.load(name, KIND) or {})


def deployed() -> list[str]:
    """The services that are deployed on this host: of a removed service only data may be noted."""
    return [name for name in state.names(KIND) if read(name).networks or read(name).files]


def files_of_others(name: str, removed: Collection[str] = ()) -> set[str]:
    """Files that other services have too, but for those that are removed before."""
    return {path for other in state.names(KIND) if other != name and other not in removed for path in read(other).files}


def _made_above(paths: list[str]) -> list[str]:
    """Folders above the paths, made by the module for any service. The removal of the last service removes them."""
    made = {folder for name in state.names(KIND) for folder in read(name).folders}
    return [folder for folder in made if any(path.startswith(folder + "/") for path in paths)]


def begin(service: ServiceSpec) -> None:
    """Note what a run may add: missing folders, and folders that were made for another service."""
    before, paths = read(service.name), [file.path for file in service.files]
    folders = Manifest(folders=[*files.missing_folders(paths), *_made_above(paths)])
    _note(service.name, before, before.with_all_of(wanted(service)).with_all_of(folders))


def settle(service: ServiceSpec) -> None:
    """Note that the service is as its options want it: of what it had before files do not count on."""
    _note(service.name, read(service.name), _after(service))


def settled(service: ServiceSpec) -> bool:
    """Whether that is noted."""
    return read(service.name) == _after(service)


def _after(service: ServiceSpec) -> Manifest:
    before, now = read(service.name), wanted(service)
    kept = sorted({*filter(os.path.lexists, before.kept), *now.kept} - {*now.files})
    volumes, networks = sorted({*before.volumes, *now.volumes}), sorted({*before.networks, *now.networks})
    return replace(before, files=now.files, kept=kept, volumes=volumes, networks=networks).with_data_of(service.data)


def note_data(name: str, data: Data) -> None:
    """Note that a version of the program runs on the data in a volume."""
    before = read(name)
    _note(name, before, before.with_data_of(data))


def forget_data(name: str, volume: str) -> None:
    """Note that a volume was removed: a new volume of that name has data of no version."""
    before = read(name)
    versions, readers = (
        {key: kept[key] for key in kept if key != volume} for kept in (before.versions, before.readers)
    )
    _note(name, before, replace(before, versions=versions, readers=readers))


def restore(name: str, before: Manifest, data_is_lost: bool) -> None:
    """Note the state before a change that was undone, and remove the folders that the change made.

    If `data_is_lost`, the data is that of the new version.
    """
    now = read(name)
    files.remove_empty([folder for folder in now.folders if folder not in before.folders])
    if data_is_lost:
        before = replace(
            before, versions={**before.versions, **now.versions}, readers={**before.readers, **now.readers}
        )
    if before == Manifest():
        state.drop(name, KIND)
    else:
        _note(name, read(name), before)


def _note(name: str, before: Manifest, after: Manifest) -> None:
    if after != before:
        state.save(name, KIND, after.content())


def orphans(service: ServiceSpec) -> list[str]:
    """Files of the service that its options no longer ask for, and that no other service has."""
    asked = {file.path for file in service.files}
    left = [path for path in read(service.name).files if path not in asked and os.path.lexists(path)]
    # Most runs leave no file, and do not read what the other services have.
    of_others = files_of_others(service.name) if left else set()
    return [path for path in left if path not in of_others]


def moved(service: ServiceSpec) -> dict[str, str]:
    """Missing files that are made once, each with the path at which the service has a file of that name."""
    existing, asked = [path for path in read(service.name).kept if os.path.lexists(path)], wanted(service).kept
    missing = [path for path in asked if not os.path.lexists(path)]
    return {
        new: old
        for new in missing
        for old in existing
        if old not in asked and os.path.basename(old) == os.path.basename(new)
    }


def unknown_keys(name: str) -> list[str]:
    """Keys of a newer version of the collection that have a value: only that version can remove what they name."""
    return sorted(key for key, value in read(name).unknown.items() if value)


def leave(name: str, data: bool) -> None:
    """Note that the service was removed, and with `data` its data: what is left is remembered, and empty folders go."""
    removed = read(name)
    files.remove_empty(removed.folders)
    folders = [folder for folder in removed.folders if os.path.isdir(folder)]
    left = replace(removed, files=[], networks=[], folders=folders)
    if data:
        left = Manifest(folders=folders, unknown=removed.unknown)
    if left.kept or left.volumes or unknown_keys(name):
        state.save(name, KIND, left.content())
    else:
        state.drop(name, KIND)
        files.remove_empty([state.FOLDER])
