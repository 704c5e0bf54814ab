# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Waits until a container does what it is for."""

import http.client
import time
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError

POLL_SECONDS = 0.25
STEADY_SECONDS = 1.0
LOG_LINES = 20


def request(address: str, port: int, method: str, path: str, timeout: float = 10) -> tuple[int, str]:
    """Status and body of one HTTP request."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace").strip()
    finally:
        connection.close()


def address_of(container: dict[str, Any], networks: list[str]) -> str:
    """The container's own IP address on its first network."""
    found = container["NetworkSettings"]["Networks"]
    name = networks[0] if networks else next(iter(found))
    return found[name]["IPAddress"]


def _problem(engine: Engine, container: dict[str, Any], health: Optional[dict[str, Any]], networks: list[str]) -> str:
    """Why the running container is not healthy yet; empty where it is."""
    if health and health.get("http"):
        probe = health["http"]
        try:
            status, _body = request(address_of(container, networks), probe["port"], "GET", probe["path"], timeout=2)
        except (OSError, http.client.HTTPException) as error:
            return f"GET {probe['path']} on port {probe['port']}: {error or type(error).__name__}"
        return "" if status == probe["status"] else f"GET {probe['path']} on port {probe['port']} answers {status}"
    if health and health.get("command"):
        code, output = engine.execute(container["Id"], health["command"])
        return "" if code == 0 else f"{' '.join(health['command'])} ends with {code}: {output[-200:]}"
    if health and health.get("image"):
        state = (container["State"].get("Health") or {}).get("Status")
        return "" if state == "healthy" else f"the image's health check says {state or 'nothing: the image has none'}"
    return ""


def wait(engine: Engine, name: str, health: Optional[dict[str, Any]], networks: list[str]) -> dict[str, Any]:
    """Return the container once it is healthy; raise ServiceError with the reason and its last log lines if it ends or time runs out.

    Without a `health` option the container must only stay up for a moment.
    """
    timeout = health["timeout"] if health else 60
    begin = time.monotonic()
    restarts = None
    while True:
        container = engine.container(name)
        if container:
            state = container["State"]
            restarts = container["RestartCount"] if restarts is None else restarts
            ended = not state["Running"] or state["Restarting"] or container["RestartCount"] > restarts
            problem = f"it ended with exit code {state['ExitCode']}" if ended else _problem(engine, container, health, networks)
            if not problem and (health or time.monotonic() - begin >= STEADY_SECONDS):
                return container
        else:
            ended, problem = True, "it is gone"
        if ended or time.monotonic() - begin > timeout:
            after = f"after {time.monotonic() - begin:.0f} s"
            logs = engine.logs(name, LOG_LINES) if container else ""
            raise ServiceError(f"container {name} is not healthy {after}: {problem}. Its last lines:", logs)
        time.sleep(POLL_SECONDS)
