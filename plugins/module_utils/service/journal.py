# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import files

FOLDER = "/var/lib/gpu_monitoring"
# How far a run has come: nothing that runs is touched yet, it has to be taken back, or only what is left of before has to go.
PREPARING, CHANGING, DONE = "preparing", "changing", "done"


@dataclass
class Journal:
    """What a run changes of a service and how it is taken back, on disk from before the first step until the last: a killed run tells it the next."""

    service: dict[str, Any]
    container: str
    ran: bool
    files: dict[str, Optional[str]]
    folders: list[str]
    phase: str = PREPARING

    def enter(self, phase: str) -> None:
        """Write down that a phase begins."""
        path = _path(self.service["name"])
        files.make_folder(FOLDER)
        with files.about(path):
            with open(f"{path}.new", "w", encoding="utf-8") as new:
                json.dump({**asdict(self), "phase": phase}, new)
                new.flush()
                os.fsync(new.fileno())
            os.replace(new.name, path)
        self.phase = phase

    def close(self) -> None:
        """The run has ended: remove its folders and the journal."""
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        if pending(self.service["name"]):
            files.remove(_path(self.service["name"]))


def pending(name: str) -> bool:
    """Whether a run of a service is at work or was killed."""
    return os.path.exists(_path(name))


def read(name: str) -> Optional[Journal]:
    """The journal that a run left; None where there is none."""
    state = files.read(_path(name))
    return Journal(**json.loads(state.content)) if state else None


def _path(name: str) -> str:
    return os.path.join(FOLDER, f"{name}.journal")
