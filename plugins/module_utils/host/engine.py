# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import docker_socket


class Container(TypedDict):
    """A running container."""

    name: str
    id: str
    image: str
    age: int
    runtime: str
    gpu_access: str


class CdiSpecification(TypedDict):
    """A CDI specification from which containers get devices."""

    path: str
    uuids: list[str]
    drivers: list[str]


class EngineState(TypedDict):
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
    root_dir: str
    containerd_socket: str


def ask(docker_host: str, installed: bool) -> EngineState:
    """What the engine of this host is and runs. `installed` says whether the engine's program is there."""
    state = unknown(installed)
    try:
        api = docker_socket.Api(docker_host)
        described = docker_socket.describe(api.version, api.get("/info"))
        containers = docker_socket.containers(api)
    except OSError as error:
        state["error"] = f"{docker_host}: {error.strerror or error}"
        return state
    state.update(described)  # type: ignore[typeddict-item]
    state.update({"reachable": True, "containers": containers})  # type: ignore[typeddict-item]
    return state


def unknown(installed: bool) -> EngineState:
    """What is known of an engine that does not answer."""
    return {
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
        "root_dir": "",
        "containerd_socket": "",
    }
