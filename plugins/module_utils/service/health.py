# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import contextlib
import re
import time
from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine, EngineRefusal
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import Container, Image
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import Health, HttpProbe, ServiceSpec
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.progress import Progress

POLL_SECONDS = 0.25
PROBE_SECONDS = 5
CONNECT_SECONDS = 1
STEADY_SECONDS = 1.0
LOG_LINES, FIRST_LOG_LINES, MOST_LOG_LINES = 20, 5, 1000


def request(address: str, probe: HttpProbe, method: str, timeout: float) -> tuple[int, str]:
    """Status and body of one HTTP request to a container; `probe` has the options of `health.http` or `reload.http`.

    It is this host's own container at the address that the engine gave it. So it is there at once or not at all, and
    its certificate is not checked. Raises OSError if there is no answer.
    """
    host = f"[{address}]" if ":" in address else address
    try:
        client = http_client.Client(
            f"{probe.scheme}://{host}:{probe.port}",
            timeout=timeout,
            connect_timeout=min(timeout, CONNECT_SECONDS),
            validate_certs=False,
            username=probe.username,
            password=_password(probe),
        )
        with contextlib.closing(client):
            answer = client.request(method, probe.path)
    except http_client.HttpError as error:
        raise OSError(str(error)) from error
    return answer.status, answer.text.strip()


def _password(probe: HttpProbe) -> Optional[str]:
    if not probe.username or not probe.password_file:
        return None
    with open(probe.password_file, encoding="utf-8") as file:
        return file.read().strip()


def address_of(container: Container, networks: list[str]) -> str:
    """The container's own IP address on its first network; raises OSError if it has none."""
    settings = container["NetworkSettings"]["Networks"].get(networks[0] if networks else "bridge") or {}
    address = settings.get("IPAddress") or settings.get("GlobalIPv6Address")
    if not address:
        raise OSError("the container has no address on its network")
    return address


def has_healthcheck(image: Image) -> bool:
    """Whether an image defines a health check."""
    test = ((image.get("Config") or {}).get("Healthcheck") or {}).get("Test") or ["NONE"]
    return test[0] != "NONE"


def _problem(engine: Engine, container: Container, health: Health, networks: list[str]) -> str:
    """Why the running container is not healthy yet; empty if it is."""
    if health.http:
        probe = health.http
        asked = f"GET {probe.path} on port {probe.port}"
        try:
            status, _body = request(address_of(container, networks), probe, "GET", PROBE_SECONDS)
        except OSError as error:
            return f"{asked}: {error}"
        return "" if status == probe.status else f"{asked} answers {status}, not {probe.status}"
    if health.command:
        try:
            code, output = engine.execute(container["Id"], health.command)
        except EngineRefusal as error:
            return error.reason
        return "" if code == 0 else f"{' '.join(health.command)} ends with {code}: {output[-200:]}"
    if health.image:
        state = (container["State"].get("Health") or {}).get("Status")
        return "" if state == "healthy" else f"the image's health check says {state}"
    return ""


def ended(container: Optional[Container], restarts: int) -> str:
    """How the container ended, if it did; `restarts` is the count before it was touched."""
    if container is None:
        return "it no longer exists"
    state = container["State"]
    if not state["Running"] or state["Restarting"]:
        return f"it ended with exit code {state['ExitCode']}" + (f" ({state['Error']})" if state.get("Error") else "")
    return "it ended and was restarted" if container["RestartCount"] > restarts else ""


def is_healthy(engine: Engine, service: ServiceSpec, container: Container) -> bool:
    """Whether the container runs and is healthy at this moment."""
    running = not ended(container, container["RestartCount"])
    return running and not _problem(engine, container, service.health, service.networks)


def wait(
    engine: Engine, service: ServiceSpec, restarts: int, steady: float, inspected: Optional[Container] = None
) -> Container:
    """Return the container once it is healthy and has been up for `steady` seconds. `inspected` is what the engine has
    just reported of it.

    Raises ServiceError with the reason and the container's last lines if it ends, or if the time of `health` runs out
    without progress.
    """
    name = service.name
    begin = time.monotonic()
    progress = Progress(engine, service.health, begin)
    while True:
        container, inspected = inspected or engine.container(service.container), None
        end = ended(container, restarts)
        problem = end or _problem(engine, container or {}, service.health, service.networks)
        now = time.monotonic()
        if container and not problem and now - begin >= steady:
            return container
        stalled = not end and container is not None and progress.stalled(container, now)
        if stalled:
            end = ended(engine.container(service.container), restarts)
            problem = end or problem
        if end or stalled:
            written = _written(engine, container, name, ended=bool(end)) if container else ""
            reason = f"health: {name} is not healthy after {now - begin:.0f} s: {problem}."
            advice = _hint(service.health, written) or ("" if end else progress.advice())
            raise ServiceError(reason + advice, written)
        time.sleep(POLL_SECONDS)


def _hint(health: Health, written: str) -> str:
    """What the container's log means, if a hint knows more than the log says."""
    hints = (f" {hint.text}" for hint in health.log_hints if re.search(hint.pattern, written, re.MULTILINE))
    return next(hints, "")


def _written(engine: Engine, container: Container, name: str, ended: bool) -> str:
    """The last lines that a container wrote, and the first ones if it ended: many programs name a wrong option before
    pages of help.
    """
    try:
        lines = engine.logs(container["Id"], MOST_LOG_LINES).splitlines()
    except EngineRefusal as error:
        return f"The log of {name} cannot be read with its log driver: {error.reason}"
    if not lines:
        return ""
    if not ended or len(lines) <= LOG_LINES or len(lines) >= MOST_LOG_LINES:
        return "\n".join([f"Last lines of {name}:", *lines[-LOG_LINES:]])
    last = LOG_LINES - FIRST_LOG_LINES
    return "\n".join([f"First lines of {name}:", *lines[:FIRST_LOG_LINES], f"Last lines of {name}:", *lines[-last:]])


def steady_seconds(health: Health) -> float:
    """How long a new container must stay up: a moment if nothing else says that it is healthy."""
    return 0.0 if health.http or health.command or health.image else STEADY_SECONDS
