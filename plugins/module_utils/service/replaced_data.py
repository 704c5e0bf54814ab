# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Other data for a service: its container stops, files are renamed, and the container starts.

What is replaced stays beside the new data. A record on disk lets the next run take an interrupted replacement back.
"""

from __future__ import annotations

import functools
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import files, health, state
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError

KIND = "replaced_data"
STEADY_SECONDS = 5.0
POLL_SECONDS = 0.25
COME_BACK_SECONDS = 60


@dataclass
class Replacement:
    """A replacement of the data of a service, whose `container` ran before or not.

    `aside` are the renames of the previous data, each a path and the path that the file gets; None until the container
    stopped. `new` are those of the new data, which follow. `made` are paths of files that the container makes beside
    its data, such as a journal, and that do not fit the previous data.
    """

    service: str
    container: str
    ran: bool
    aside: Optional[list[list[str]]] = None
    new: list[list[str]] = field(default_factory=list)
    made: list[str] = field(default_factory=list)


def pending(service: str) -> bool:
    """Whether a replacement is at work or was killed."""
    return os.path.exists(state.path(service, KIND))


def carry_out(engine: Engine, replacement: Replacement, present: Callable[[], list[list[str]]]) -> None:
    """Replace the data and start the container. If that fails, the previous data is restored.

    `present` gives the renames of the previous data, and is asked after the stop: a program makes and removes files
    until then. The caller has the lock of the service. Raises ServiceError.
    """
    state.save_steps(replacement.service, KIND, asdict(replacement))
    try:
        if replacement.ran:
            engine.stop(replacement.container)
        replacement.aside = present()
        state.save_steps(replacement.service, KIND, asdict(replacement))
        for path, moved in (*replacement.aside, *replacement.new):
            _rename(path, moved)
        engine.start(replacement.container)
        _wait_until_steady(engine, replacement.container)
    except ServiceError as error:
        outcome = _taken_back(engine, replacement)
        raise ServiceError(f"{error.reason} {outcome}", error.output) from error
    except BaseException:
        take_back(engine, replacement)
        raise
    state.drop(replacement.service, KIND)


def recover(engine: Engine, service: str) -> bool:
    """Finish or take back a killed replacement; returns whether there was one. The caller has the lock."""
    left = state.load_steps(service, KIND, functools.partial(state.build, Replacement))
    if left is None:
        return False
    if _runs_on_new_data(engine, left):
        state.drop(service, KIND)
    else:
        take_back(engine, left)
    return True


def _runs_on_new_data(engine: Engine, left: Replacement) -> bool:
    """Whether all data was replaced and the container runs on it. What users changed since must not be lost."""
    engine.wait_for_answer(COME_BACK_SECONDS)
    aside = left.aside is not None and all(os.path.lexists(moved) for _path, moved in left.aside)
    if not aside or any(os.path.lexists(path) for path, _moved in left.new) or not _is_own(engine, left):
        return False
    try:
        _wait_until_steady(engine, left.container)
    except ServiceError:
        return False
    return True


def _is_own(engine: Engine, replacement: Replacement) -> bool:
    """Whether the container is still that of the service: somebody may have made another one of that name."""
    return replacement.container in engine.owned(replacement.service)


def take_back(engine: Engine, replacement: Replacement) -> None:
    """Put the previous data back, and start the container if it ran. Raises ServiceError; the record then stays."""
    engine.wait_for_answer(COME_BACK_SECONDS)
    container = engine.container(replacement.container) if _is_own(engine, replacement) else None
    if container and container["State"]["Running"]:
        engine.stop(replacement.container)
    if replacement.aside is not None:
        _put_back(replacement.aside, replacement.new, replacement.made)
    if container and replacement.ran:
        engine.start(replacement.container)
    state.drop(replacement.service, KIND)


def _put_back(aside: list[list[str]], new: list[list[str]], made: list[str]) -> None:
    """Undo the renames that were made. All previous data is aside before the first file of the new data moves."""
    if all(os.path.lexists(moved) for _path, moved in aside):
        for path, moved in reversed(new):
            if os.path.lexists(moved) and not os.path.lexists(path):
                with files.about(path):
                    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
                _rename(moved, path)
    # Once all previous data is back, such a file is of that data.
    if any(os.path.lexists(moved) for _path, moved in aside):
        for path in set(made) - {path for path, _moved in aside}:
            _remove(path)
    for path, moved in reversed(aside):
        if os.path.lexists(moved):
            # Present files were made by the container while it ran on the new data.
            _remove(path)
            _rename(moved, path)


def _taken_back(engine: Engine, replacement: Replacement) -> str:
    try:
        take_back(engine, replacement)
    except ServiceError as error:
        return f"Restoring the previous data failed too: {error.reason} The next run tries again."
    return "The previous data was restored."


def _rename(source: str, target: str) -> None:
    with files.about(target):
        os.rename(source, target)


def _remove(path: str) -> None:
    with files.about(path):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)


def _wait_until_steady(engine: Engine, name: str) -> None:
    """Raise ServiceError if the container ends on the new data."""
    deadline = time.monotonic() + STEADY_SECONDS
    restarts: Optional[int] = None
    while True:
        container = engine.container(name)
        restarts = container["RestartCount"] if restarts is None and container else restarts
        end = health.ended(container, restarts or 0)
        if end:
            written = engine.logs(name, health.LOG_LINES) if container else ""
            raise ServiceError(f"data: {name} does not run on the new data: {end}.", written)
        if time.monotonic() > deadline:
            return
        time.sleep(POLL_SECONDS)
