# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import methodcaller
from typing import Any
from urllib.parse import quote

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.playbook.role import Role
from ansible.playbook.task import Task
from ansible.template import Templar

MODULE = "mlops.gpu_monitoring.container_service"


@dataclass
class Collected:
    """The services that a play has collected for a host and not deployed yet, with the other options of their tasks.

    They wait in the temporary folder of the run on the controller. Only its user can read that folder, and Ansible
    removes it at the end. A fact would go to the fact cache, which can be a server, and services hold private keys.
    """

    host: str
    play: str
    play_name: str
    services: list[dict[str, Any]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the services."""
        return [str(service["name"]) for service in self.services]

    def save(self) -> None:
        """Keep them for a later task."""
        path = _path(self.host)
        descriptor = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            # JSON has no dates, which YAML has. Ansible gives them to modules in this form. json.dump is much slower.
            file.write(json.dumps(vars(self), default=methodcaller("isoformat")))
        os.replace(f"{path}.new", path)

    def clear(self) -> None:
        """Forget them."""
        if os.path.exists(_path(self.host)):
            os.unlink(_path(self.host))


def load(host: str, play: Play) -> Collected:
    """What an earlier task of this run has collected for a host; nothing of this play if none has."""
    try:
        with open(_path(host), encoding="utf-8") as file:
            return Collected(**json.load(file))
    except FileNotFoundError:
        return Collected(host, play._uuid, play.get_name())


def _path(host: str) -> str:
    return os.path.join(C.DEFAULT_LOCAL_TMP, f"gpu_monitoring_services.{quote(host, safe='')}")


def deployed_later(task: Task, play: Play, templar: Templar) -> bool:
    """Whether a later task of the play deploys what was collected, and its tags and conditions say already that it
    runs.

    A task that includes others does not count: which tasks these are is not known yet.
    """
    own, passed = _lineage(task), False
    for later in _tasks(play, own):
        if later._uuid in own:
            passed = True
        elif passed and _deploys(later) and _runs(later, play, templar):
            return True
    # What is not listed, such as a handler, has no place among the others.
    return not passed


def _deploys(task: Task) -> bool:
    # To resolve an action, Ansible searches for its plugin.
    named = task.action.rpartition(".")[2] == MODULE.rpartition(".")[2] and not task.args.get("deferred")
    return bool(named and task.resolved_action == MODULE)


def _runs(task: Task, play: Play, templar: Templar) -> bool:
    if not task.evaluate_tags(play.only_tags, play.skip_tags, all_vars=templar.available_variables):
        return False
    try:
        return all(templar.evaluate_conditional(condition) for condition in task.when)
    except AnsibleError:
        # A condition that cannot be answered yet may become false, and the services would then be lost without a word.
        return False


def _lineage(task: Task) -> set[str]:
    """Ids of a task and of all that holds it. Of an included task, the play lists only the task that includes it."""
    holder, ids = task, set()
    while holder is not None:
        ids.add(holder._uuid)
        holder = holder._parent
    return ids


def _tasks(play: Play, own: set[str]) -> Iterator[Task]:
    """The tasks of a play in the order in which they run. Of a rescue section, only one that holds a task of `own`."""
    yield from _flat(play.pre_tasks, own)
    for role in play.roles:
        if not role.from_include:
            yield from _of_role(role, own)
    yield from _flat(play.tasks, own)
    yield from _flat(play.post_tasks, own)


def _of_role(role: Role, own: set[str]) -> Iterator[Task]:
    for dependency in role.get_direct_dependencies():
        yield from _of_role(dependency, own)
    yield from _flat(role.get_task_blocks(), own)


def _flat(entries: list[Block | Task], own: set[str]) -> Iterator[Task]:
    for entry in entries:
        if isinstance(entry, Block):
            rescue = [*_flat(entry.rescue, own)]
            rescues = any(task._uuid in own for task in rescue)
            yield from _flat(entry.block, own)
            yield from rescue if rescues else []
            yield from _flat(entry.always, own)
        else:
            yield entry
