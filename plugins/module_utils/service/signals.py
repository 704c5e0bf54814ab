# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signals to containers, past the engine.

After a signal by the engine's API, a container with the policy `unless-stopped` counts as stopped by a person. The
engine does not start such a container at the next boot (https://github.com/moby/moby/issues/41302).
"""

from __future__ import annotations

import os
import signal
from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import Container


def send(container: Container, name: str, proc: str = "/proc") -> bool:
    """Send a signal, such as `HUP`, to the first process of a container; whether the process is visible here and the
    signal is known.
    """
    number, process = _number(name), _process(container, proc)
    if number is None or process is None:
        return False
    try:
        os.kill(process, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _number(name: str) -> Optional[int]:
    known = signal.Signals.__members__
    member = known.get(name.upper()) or known.get(f"SIG{name.upper()}")
    return int(member) if member else None


def _process(container: Container, proc: str) -> Optional[int]:
    """The first process of a running container. In another PID namespace, its number may be that of another process."""
    process = container["State"].get("Pid")
    try:
        with open(os.path.join(proc, str(process), "cgroup"), encoding="utf-8") as file:
            return process if process and container["Id"] in file.read() else None
    except OSError:
        return None
