# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start the services whose start failed when the engine started.

The engine does not try again if a published address or a CDI specification comes after the engine
(https://github.com/moby/moby/issues/39559). systemd runs this file at boot, so it needs Python alone:
start_services.py SOCKET LOCK_FOLDER
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OWNER_LABEL = "mlops.gpu_monitoring.service"
POLICIES = ("always", "unless-stopped")
# How the names of containers end that a deployment has for a while.
OF_DEPLOYMENTS = (".next", ".previous", ".validation")
REQUEST_SECONDS = 120
# For so long an engine that does not answer counts as one that starts.
ENGINE_SECONDS = 900
# Most addresses and specifications come within minutes of the engine.
SHORT_PAUSES_SECONDS, SHORT_PAUSE, LONG_PAUSE = 300, 5, 60


def _say(text: str) -> None:
    """Write a line to the journal of the unit."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=REQUEST_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _ask(path: str, method: str, target: str) -> Any:
    """The engine's answer; OSError with the engine's message for a refusal."""
    connection = _Connection(path)
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        content = json.loads(answer.read() or b"null")
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"no answer of a Docker engine: {error}") from error
    finally:
        connection.close()
    if answer.status >= 400:
        raise OSError(
            content["message"] if isinstance(content, dict) and "message" in content else f"HTTP {answer.status}"
        )
    return content


def failed_to_start(container: dict[str, Any]) -> bool:
    """Whether a container of the collection is down because its start failed.

    The engine keeps an error for such a container alone. A container that a person stopped has no error.
    """
    state, labels = container["State"], container["Config"]["Labels"] or {}
    return (
        bool(state["Error"])
        and not state["Running"]
        and not state["Restarting"]
        and container["HostConfig"]["RestartPolicy"]["Name"] in POLICIES
        and OWNER_LABEL in labels
        and not container["Name"].endswith(OF_DEPLOYMENTS)
    )


@contextmanager
def _unlocked(folder: str, name: str) -> Iterator[bool]:
    """Whether no deployment changes the service now; none can begin in the block."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(os.path.join(folder, f"{name}.lock"), "a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def start_failed(path: str, lock_folder: str) -> list[str]:
    """Start the services whose start failed; returns the names of those whose start failed again. Raises OSError
    without an engine.
    """
    failed = []
    for listed in _ask(path, "GET", "/containers/json?all=1"):
        if OWNER_LABEL not in (listed["Labels"] or {}):
            continue
        name = listed["Labels"][OWNER_LABEL]
        with _unlocked(lock_folder, name) as unlocked:
            container = _ask(path, "GET", f"/containers/{listed['Id']}/json")
            if not failed_to_start(container):
                continue
            failed.append(name)
            if not unlocked:
                continue
            try:
                _ask(path, "POST", f"/containers/{listed['Id']}/start")
            except OSError as error:
                _say(f"{name} does not start: {error}")
            else:
                failed.remove(name)
                _say(f"{name} is started, after: {container['State']['Error']}")
    return failed


def main(path: str, lock_folder: str) -> int:
    """Start them, and try again until all run. Returns 1 if no engine answers for 15 minutes."""
    began = answered = time.monotonic()
    while True:
        try:
            if not start_failed(path, lock_folder):
                return 0
            answered = time.monotonic()
        except OSError as error:
            if time.monotonic() - answered > ENGINE_SECONDS:
                _say(f"{path}: {error}")
                return 1
        time.sleep(SHORT_PAUSE if time.monotonic() - began < SHORT_PAUSES_SECONDS else LONG_PAUSE)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
