# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Optional, TypeVar

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.collection import VERSION
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import files
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError

FOLDER = "/var/lib/gpu_monitoring"
# Locks, and copies of secrets, which are not written onto a disk.
MEMORY_FOLDER = "/run/gpu_monitoring"
COLLECTION = "collection"
T = TypeVar("T")


def load(name: str, kind: str) -> Optional[dict[str, Any]]:
    """What is kept of a kind for a service; None if nothing is."""
    kept = files.read(path(name, kind))
    try:
        return dict(json.loads(kept.content)) if kept else None
    except (TypeError, ValueError) as error:
        raise ServiceError(f"name: {path(name, kind)} is damaged: {error}. Restore it, or remove it.") from error


def names(kind: str) -> list[str]:
    """The services for which a kind is kept."""
    kept = os.listdir(FOLDER) if os.path.isdir(FOLDER) else []
    return sorted(entry[: -len(kind) - 1] for entry in kept if entry.endswith(f".{kind}"))


def build(made: Callable[..., T], kept: Mapping[str, Any]) -> T:
    """A dataclass from its kept form. Raises ValueError if it has another key, which a newer version wrote."""
    unknown = sorted(set(kept) - {field.name for field in fields(made)})  # type: ignore[arg-type]
    if unknown:
        raise ValueError(f"the key '{unknown[0]}' is unknown")
    return made(**kept)


def load_steps(name: str, kind: str, parse: Callable[[dict[str, Any]], T]) -> Optional[T]:
    """What a killed run left for a service; None if nothing is kept.

    `parse` raises KeyError, TypeError or ValueError for steps of another version. To leave such a step out could lose
    data, so ServiceError is raised.
    """
    kept = load(name, kind)
    if kept is None:
        return None
    writer = kept.pop(COLLECTION, "")
    try:
        return parse(kept)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        problem = f"the key {error} is missing" if isinstance(error, KeyError) else error
        raise ServiceError(
            f"name: {path(name, kind)} has an interrupted change of version {writer or 'unknown'} of the collection,"
            f" and version {VERSION} cannot complete the change: {problem}."
            " Run the playbook site of the newer version once."
        ) from error


def save_steps(name: str, kind: str, content: dict[str, Any]) -> None:
    """Keep what a run is about to do, with the version of the collection."""
    save(name, kind, {**content, COLLECTION: VERSION})


def save(name: str, kind: str, content: dict[str, Any]) -> None:
    """Keep it, on disk before this returns."""
    target = path(name, kind)
    files.make_folder(FOLDER)
    with files.about(target):
        with open(f"{target}.new", "w", encoding="utf-8") as new:
            json.dump(content, new)
            new.flush()
            os.fsync(new.fileno())
        os.replace(new.name, target)


def drop(name: str, kind: str) -> None:
    """Keep it no longer."""
    if os.path.exists(path(name, kind)):
        files.remove(path(name, kind))


def path(name: str, kind: str) -> str:
    """The file in which it is kept."""
    return os.path.join(FOLDER, f"{name}.{kind}")
