# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import functools
from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import (
    files,
    health,
    journal,
    manifest,
    volume_data,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import ServiceSpec
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.reload import reload
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service_containers import NEXT, PREVIOUS, VALIDATOR

COME_BACK_SECONDS = 60
# The engine's time of the first start of a container that never ran.
_NEVER = "0001-01-01T00:00:00Z"


def recover(engine: Engine, name: str, wanted: Optional[ServiceSpec] = None) -> tuple[bool, list[str]]:
    """Finish or take back what a killed run left; returns whether there was anything, and what could not be taken back.

    `wanted` is the service as declared now.
    """
    left = journal.read(name)
    if left is None:
        return False, []
    if wanted and _is_healthy_on_its_data(engine, left, wanted):
        left.enter(journal.DONE)
    if left.phase == journal.DONE:
        finish(engine, left)
        return True, []
    return True, take_back(engine, left)


def _is_healthy_on_its_data(engine: Engine, left: journal.Journal, wanted: ServiceSpec) -> bool:
    """Whether a new version, still wanted, became healthy on the data. What users changed since must not be lost."""
    if left.phase != journal.CHANGING or left.data is None or _is_previous(engine, left):
        return False
    container = engine.container(left.service.container)
    if container is None or container["Config"]["Image"] != wanted.image:
        return False
    return health.is_healthy(engine, wanted, container)


def _is_previous(engine: Engine, left: journal.Journal) -> bool:
    """Whether the container with the name of the service is the previous one. It was not put aside yet, or has its name
    again.
    """
    container = engine.container(left.service.container)
    if left.previous_id:
        return container is not None and container["Id"] == left.previous_id
    # A journal of version 0.1.0 has no id.
    return left.container != "create" and left.service.name + PREVIOUS not in engine.owned(left.service.name)


def finish(engine: Engine, done: journal.Journal) -> None:
    """Remove what the service was before."""
    previous = done.service.name + PREVIOUS
    if previous in engine.owned(done.service.name):
        engine.remove(previous)
    done.close()


def take_back(engine: Engine, failed: journal.Journal) -> list[str]:
    """Put files and container back as they were and return what could not be; the journal then stays, for the next run
    to try again.
    """
    steps = [functools.partial(_container, engine, failed)]
    if failed.phase == journal.CHANGING:
        steps = [functools.partial(files.put_back, path, kept) for path, kept in failed.files.items()] + steps
    problems = []
    for step in steps:
        try:
            step()
        except ServiceError as error:
            problems.append(error.reason)
    if not problems:
        manifest.restore(failed.service.name, failed.manifest, failed.data_is_lost)
        failed.close()
    return problems


def _container(engine: Engine, failed: journal.Journal) -> None:
    name, container = failed.service.name, failed.service.container
    engine.wait_for_answer(COME_BACK_SECONDS)
    owned = engine.owned(name)
    for extra in (name + NEXT, name + VALIDATOR):
        if extra in owned:
            engine.remove(extra, unnamed_volumes=True)
    if failed.phase != journal.CHANGING:
        return
    if container in owned and not _is_previous(engine, failed):
        _note_missing_copy(engine, failed)
        engine.remove(container, unnamed_volumes=True)
    # Nobody takes a container named PREVIOUS for the service and starts it on the data of the new version.
    if failed.data:
        volume_data.put_back(failed.data)
    if name + PREVIOUS in owned:
        engine.rename(name + PREVIOUS, failed.previous_name)
    if failed.ran and not failed.data_is_lost and failed.previous_name in engine.owned(name):
        _run_again(engine, failed)


def _note_missing_copy(engine: Engine, failed: journal.Journal) -> None:
    """Note what became of data that has no copy, or whose copy somebody removed. If the new version never ran, the data
    is unchanged. Otherwise the data is lost.
    """
    if failed.data is None or volume_data.has_copy(failed.data):
        return
    new = engine.container(failed.service.container)
    if new and new["State"].get("StartedAt") == _NEVER:
        failed.data = None
    else:
        failed.data.files = dict.fromkeys(failed.data.files, False)
    failed.enter(failed.phase)


def _run_again(engine: Engine, failed: journal.Journal) -> None:
    """Make the service run with the restored files."""
    if failed.container == "reload":
        # A container that the engine has just restarted may not be ready for a signal.
        if not health.ended(engine.container(failed.previous_name), failed.restarts):
            try:
                reload(engine, failed.service)
                return
            except ServiceError:
                pass
        engine.stop(failed.previous_name)
    engine.start(failed.previous_name)
