# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""How long to wait for a program that starts: as long as its log shows progress."""

import re

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine, EngineRefusal
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import Container
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import Health

LOOK_SECONDS = 1.0
LINES = 1000


class Progress:
    """The progress of a container since a moment of the monotonic clock.

    A text that `health.progress` matches counts once: a program that repeats its steps for ever makes no progress.
    """

    def __init__(self, engine: Engine, health: Health, begin: float) -> None:
        self._engine, self._health = engine, health
        self._last = begin
        # The first look comes at once: what the log has by then does not count as later progress.
        self._looked = begin - LOOK_SECONDS
        self._seen: set[str] = set()
        self._step = ""
        self._readable = True

    def stalled(self, container: Container, now: float) -> bool:
        """Whether the time-out passed since the start or the last progress. The log is read at most once a second."""
        late = now > self._last + self._health.timeout
        if self._health.progress and (late or now >= self._looked + LOOK_SECONDS):
            self._looked = now
            if self._has_new_step(container):
                self._last = now
                return False
        return late

    def advice(self) -> str:
        """What a person can do if the time-out passed; empty if the log never showed progress."""
        if not self._readable:
            return (
                " The log cannot be read for progress. If the start needs more time,"
                f" set {self._health.variable} to more."
            )
        if not self._step:
            return ""
        return (
            f" The log shows no progress for {self._health.timeout} s. The last step was: {self._step}."
            f" If a step needs more time, set {self._health.variable} to more."
        )

    def _has_new_step(self, container: Container) -> bool:
        """Whether the log since the container's start has a step that was not seen before."""
        try:
            written = self._engine.logs(container["Id"], LINES, container["State"]["StartedAt"])
        except EngineRefusal:
            self._readable = False
            return False
        self._readable = True
        steps = dict.fromkeys(match[0].strip() for match in re.finditer(self._health.progress, written, re.MULTILINE))
        new = [step for step in steps if step not in self._seen]
        self._seen.update(new)
        self._step = new[-1] if new else self._step
        return bool(new)
