# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import glob
import os
from typing import Any, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import daemon_config, docker_socket
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.asked_gpus import AskedGpus
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import engine_traits
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.engine_traits import EngineTraits, OtherEngines
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service_containers import (
    StoppedService,
    stopped_services,
)

DAEMON_JSON = "/etc/docker/daemon.json"
_ROOTLESS_SOCKETS = "/run/user/*/docker.sock"
_SNAP = "/var/snap/docker"


class Container(TypedDict):
    """A running container.

    `asked_gpus` are the GPUs that it asked for, by way. `service` is the service of this collection that it runs, empty
    if it is another's.
    """

    name: str
    id: str
    image: str
    age: int
    runtime: str
    gpu_access: str
    asked_gpus: list[AskedGpus]
    service: str


class CdiSpecification(TypedDict):
    """A CDI specification from which containers get devices."""

    path: str
    uuids: list[str]
    drivers: list[str]


class EngineState(EngineTraits):
    """The Docker engine of a host."""

    reachable: bool
    installed: bool
    error: str
    version: str
    api_version: str
    cdi_enabled: bool
    cdi_gpus: bool
    cdi_specifications: list[CdiSpecification]
    runtimes: dict[str, str]
    nvidia_runtimes: list[str]
    default_runtime: str
    live_restore: bool
    containers: list[Container]
    stopped_services: list[StoppedService]
    root_dir: str
    proxies: dict[str, str]
    containerd_socket: str


def ask(docker_host: str, installed: bool) -> EngineState:
    """What the engine of this host is and runs. `installed` says whether the engine's program is there."""
    state = unknown(installed)
    try:
        api = docker_socket.Api(docker_host)
        info = api.get("/info")
        traits = engine_traits.of_answers(api.version, info, _daemon_settings())
        described = docker_socket.describe(api.version, info)
        containers, stopped = docker_socket.containers(api), stopped_services(api)
    except OSError as error:
        state["error"] = f"{docker_host}: {error.strerror or error}"
        state["problem"] = engine_traits.without_answer(_others())
        return state
    state.update(traits)  # type: ignore[typeddict-item]
    state.update(described)  # type: ignore[typeddict-item]
    state.update({"reachable": True, "containers": containers, "stopped_services": stopped})  # type: ignore[typeddict-item]
    return state


def unknown(installed: bool) -> EngineState:
    """What is known of an engine that does not answer."""
    return {
        **engine_traits.none(),
        "reachable": False,
        "installed": installed,
        "error": "",
        "version": "",
        "api_version": "",
        "cdi_enabled": False,
        "cdi_gpus": False,
        "cdi_specifications": [],
        "runtimes": {},
        "nvidia_runtimes": [],
        "default_runtime": "",
        "live_restore": False,
        "containers": [],
        "stopped_services": [],
        "root_dir": "",
        "proxies": {},
        "containerd_socket": "",
    }


def _others() -> OtherEngines:
    """Engines of this host that do not answer at the system's socket."""
    return OtherEngines(tuple(sorted(glob.glob(_ROOTLESS_SOCKETS))), os.path.isdir(_SNAP))


def _daemon_settings() -> dict[str, Any]:
    """daemon.json; empty if it is missing or broken, which the role nvidia_container_toolkit reports."""
    try:
        with open(DAEMON_JSON, encoding="utf-8") as file:
            return daemon_config.parse(file.read(), DAEMON_JSON)
    except (OSError, ValueError):
        return {}
