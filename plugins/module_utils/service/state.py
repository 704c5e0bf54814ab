# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import os
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import files
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError

FOLDER = "/var/lib/gpu_monitoring"


def load(name: str, kind: str) -> Optional[dict[str, Any]]:
    """What is kept of a kind for a service; None where nothing is."""
    kept = files.read(path(name, kind))
    try:
        return dict(json.loads(kept.content)) if kept else None
    except (TypeError, ValueError) as error:
        raise ServiceError(f"name: {path(name, kind)} is damaged: {error}. Restore it, or remove it.") from error


def names(kind: str) -> list[str]:
    """The services for which a kind is kept."""
    kept = os.listdir(FOLDER) if os.path.isdir(FOLDER) else []
    return sorted(entry[: -len(kind) - 1] for entry in kept if entry.endswith(f".{kind}"))


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
