"""Counts what Ansible executes on hosts: each command that a connection other than `local` carries is a line of a file.

The environment enables it: ANSIBLE_CALLBACK_PLUGINS names this folder, ANSIBLE_CALLBACKS_ENABLED this plugin, and
REMOTE_EXECUTIONS the file.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

from ansible.executor.task_executor import TaskExecutor
from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase

VARIABLE = "REMOTE_EXECUTIONS"
DOCUMENTATION = """
name: remote_executions
type: aggregate
short_description: counts what Ansible executes on hosts
description: Writes a line with host and module for each command on a host into the file that REMOTE_EXECUTIONS names.
requirements: []
"""


def environment(file: Path) -> dict[str, str]:
    """What to add to the environment of an ansible-playbook whose executions go into this file."""
    folder = str(Path(__file__).resolve().parent)
    return {"ANSIBLE_CALLBACK_PLUGINS": folder, "ANSIBLE_CALLBACKS_ENABLED": "remote_executions", VARIABLE: str(file)}


def executions(file: Path) -> dict[str, list[str]]:
    """Modules that were executed on each host, in order."""
    counted: dict[str, list[str]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        host, _tab, module = line.partition("\t")
        counted.setdefault(host, []).append(module)
    return counted


def summary(modules: list[str]) -> str:
    """How often each module was executed, as text."""
    return ", ".join(f"{count} {module}" for module, count in Counter(modules).most_common())


class CallbackModule(CallbackBase):
    """Counts in the workers, which are forks of the process that loads this plugin."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "remote_executions"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        file = os.environ[VARIABLE]
        run = TaskExecutor.run
        execute_module, execute_command = ActionBase._execute_module, ActionBase._low_level_execute_command
        current = {"host": "", "module": ""}

        def run_task(executor: Any) -> Any:
            current["host"] = executor._host.name
            return run(executor)

        def module(action: Any, module_name: str | None = None, *arguments: Any, **options: Any) -> Any:
            current["module"] = module_name or action._task.action
            try:
                return execute_module(action, module_name, *arguments, **options)
            finally:
                current["module"] = ""

        def command(action: Any, *arguments: Any, **options: Any) -> Any:
            if action._connection.transport != "local":
                host = action._task.delegate_to or current["host"]
                with open(file, "a", encoding="utf-8") as lines:
                    lines.write(f"{host}\t{current['module'] or f'command of {action._task.action}'}\n")
            return execute_command(action, *arguments, **options)

        TaskExecutor.run = run_task
        ActionBase._execute_module, ActionBase._low_level_execute_command = module, command
