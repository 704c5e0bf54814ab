# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import manifest, state
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.manifest import Manifest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import (
    Reload,
    ServiceSpec,
    parse_reload,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.volume_data import Copy

KIND = "journal"
# How far a run has come: nothing that runs changed yet, the change must be undone, or only the previous state must go.
PREPARING, CHANGING, DONE = "preparing", "changing", "done"
_STEPS = {"phase": (PREPARING, CHANGING, DONE), "container": ("keep", "create", "recreate", "start", "reload")}


@dataclass
class Reloadable:
    """What is needed of a service to make it read its files again; `container` is the name of its container."""

    name: str
    container: str
    networks: list[str]
    reload: Reload


def reloadable(service: ServiceSpec) -> Reloadable:
    """That of a service."""
    return Reloadable(service.name, service.container, service.networks, service.reload)


@dataclass
class Journal:
    """What a run changes of a service, and how to undo it. It is on disk from before the first step until the last.

    `previous_name` and `previous_id` are of the container that the service had before. `restarts` is how often the
    engine had restarted that container.
    """

    service: Reloadable
    container: str
    ran: bool
    files: dict[str, Optional[str]]
    folders: list[str]
    manifest: Manifest
    previous_name: str
    phase: str = PREPARING
    data: Optional[Copy] = None
    restarts: int = 0
    previous_id: str = ""

    @property
    def data_is_lost(self) -> bool:
        """Whether a new version may have changed data of which there is no copy, so that the previous version must not
        start.
        """
        return self.data is not None and not self.data.exists

    def enter(self, phase: str) -> None:
        """Write down that a phase begins."""
        content = {**asdict(self), "manifest": self.manifest.content(), "phase": phase}
        state.save_steps(self.service.name, KIND, content)
        self.phase = phase

    def close(self) -> None:
        """The run has ended: remove its folders and the journal."""
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        state.drop(self.service.name, KIND)


def pending(name: str) -> bool:
    """Whether a run of a service is at work or was killed."""
    return os.path.exists(state.path(name, KIND))


def read(name: str) -> Optional[Journal]:
    """The journal that a run left; None if missing."""
    return state.load_steps(name, KIND, _parse)


def _parse(kept: dict[str, Any]) -> Journal:
    service = kept["service"]
    # A journal of version 0.1.0 has no names of containers, which were those of the services.
    container = service.get("container", service["name"])
    reloaded = {"container": container, **service, "reload": parse_reload(service["reload"])}
    parts = {
        "service": state.build(Reloadable, reloaded),
        "manifest": manifest.parse(kept["manifest"]),
        "data": state.build(Copy, kept["data"]) if kept.get("data") else None,
    }
    left = state.build(Journal, {"previous_name": container, **kept, **parts})
    for key, known in _STEPS.items():
        if kept.get(key, known[0]) not in known:
            raise ValueError(f"the {key} '{kept[key]}' is unknown")
    return left
