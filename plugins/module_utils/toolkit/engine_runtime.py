# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from typing import Optional

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import daemon_file
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Answer, Commands
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.engine import DAEMON_JSON
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit import guard
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.decide import DEFAULT_PROGRAM
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.errors import Skipped, ToolkitError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.plan import Wanted

_RELOAD_SECONDS, _RESTART_SECONDS = 10, 30


class EngineRuntime:
    """The runtime nvidia of the engine: its entry in daemon.json, and that the engine has read it."""

    def __init__(self, module: AnsibleModule, commands: Commands, docker_host: str, wanted: Wanted) -> None:
        self._module = module
        self._commands = commands
        self._docker_host = docker_host
        self._wanted = wanted
        self.diffs: list[daemon_file.Diff] = []

    def state(self) -> engine.EngineState:
        """The present state of the engine."""
        return engine.ask(self._docker_host, installed=True)

    def planned(self, program: str, state: str) -> None:
        """Keep the diff of the change, for check mode."""
        change = daemon_file.plan(DAEMON_JSON, _entry(program), state) if program else None
        self.diffs += [change.diff] if change else []

    def add(self, program: str) -> None:
        """Set the program of the engine's runtime nvidia. An empty program leaves that of the engine."""
        try:
            change = self._write(program, "present")
        except (OSError, ValueError) as error:
            raise ToolkitError(self._refused(str(error), changed=False)) from error
        try:
            if change or "nvidia" not in self.state()["runtimes"]:
                self._take()
        except Skipped as reason:
            self._put_back(change)
            raise Skipped(self._refused(str(reason), changed=change is not None)) from reason
        except ToolkitError as error:
            self._put_back(change)
            raise ToolkitError(self._refused(str(error), changed=change is not None)) from error

    def remove(self, engine_gone: bool = False) -> None:
        """Remove the runtime nvidia from daemon.json, if it is as the role wrote it, and reload the engine."""
        change = None
        try:
            change = self._write(DEFAULT_PROGRAM, "absent")
            if not engine_gone and (change or "nvidia" in self.state()["runtimes"]):
                _checked(self._systemctl("reload"))
        except (OSError, ValueError, ToolkitError) as error:
            self._put_back(change)
            raise ToolkitError(
                f"The Docker engine of {self._wanted.name} did not take a configuration without the runtime nvidia:"
                f" {error} (journalctl --unit docker may say why). Nothing was removed."
            ) from error

    def _write(self, program: str, state: str) -> Optional[daemon_file.DaemonChange]:
        change = daemon_file.plan(DAEMON_JSON, _entry(program), state) if program else None
        if change is None:
            return None
        change = daemon_file.write(self._module, change, backup=True)
        self.diffs.append(change.diff)
        return change

    def _take(self) -> None:
        """Reload the engine, which disturbs no container. Restart it if only that helps and no container stops."""
        _checked(self._systemctl("reload"))
        answered = _wait(
            lambda: not (state := self.state())["reachable"] or "nvidia" in state["runtimes"], _RELOAD_SECONDS
        )
        if answered and "nvidia" in self.state()["runtimes"]:
            return
        not_taken = "It is not in docker info after a reload (journalctl --unit docker may say why), and"
        state = self.state()
        problem = guard.restart_problem(state, self._wanted.allow_restart)
        if problem:
            raise ToolkitError(f"{not_taken} {problem}")
        stopped = guard.stopped_by_restart(state)
        if stopped:
            raise Skipped(
                f"{not_taken} a restart would stop the running containers {', '.join(stopped)}:"
                ' stop them, or set "live-restore" in daemon.json and reload the engine.'
            )
        _checked(self._systemctl("restart"))
        if not _wait(lambda: "nvidia" in self.state()["runtimes"], _RESTART_SECONDS):
            raise ToolkitError("it is not in docker info after a restart either (see journalctl --unit docker).")

    def _put_back(self, change: Optional[daemon_file.DaemonChange]) -> None:
        """The former configuration, and an engine that runs."""
        if change and change.backup_file:
            shutil.copy2(change.backup_file, f"{change.path}.former")
            state = os.stat(change.backup_file)
            os.chown(f"{change.path}.former", state.st_uid, state.st_gid)
            os.replace(f"{change.path}.former", change.path)
        elif change and os.path.exists(change.path):
            os.unlink(change.path)
        # systemd would refuse a start after several that failed.
        self._systemctl("reset-failed")
        self._systemctl("start")

    def _refused(self, reason: str, changed: bool) -> str:
        left = "Its previous configuration was restored." if changed else "Its configuration was not changed."
        return f"The Docker engine of {self._wanted.name} did not take the runtime nvidia: {reason} {left}"

    def _systemctl(self, verb: str) -> Answer:
        return self._commands.run(["systemctl", verb, "docker.service"])


def _entry(program: str) -> dict[str, dict[str, dict[str, str]]]:
    return {"runtimes": {"nvidia": {"path": program}}}


def _checked(answer: Answer) -> None:
    if answer.code != 0:
        raise ToolkitError(answer.text)


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition comes true within this time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True
