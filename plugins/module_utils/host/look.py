# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import (
    addresses,
    capacity,
    engine,
    files,
    gpu,
    kernel,
    packages,
    repositories,
    toolkit,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Commands

DOCKER_HOST = "unix:///var/run/docker.sock"


class Host(TypedDict):
    """All that the roles ask a host."""

    gpu: gpu.GpuState
    engine: engine.EngineState
    packages: packages.PackageState
    repositories: repositories.RepositoryState
    toolkit: toolkit.ToolkitState
    kernel: kernel.KernelState
    capacity: capacity.Capacity
    addresses: addresses.AddressState
    files: dict[str, files.FileState]
    json_files: dict[str, Any]


def look(commands: Commands, docker_host: str, paths: list[str], json_paths: list[str]) -> Host:
    """All that the roles ask this host. Raises OSError if it cannot be known."""
    package_state = packages.ask(commands)
    engine_state = engine.ask(docker_host, commands.path("dockerd") is not None)
    return {
        "gpu": gpu.ask(commands),
        "engine": engine_state,
        "packages": package_state,
        "repositories": repositories.ask(package_state["manager"]),
        "toolkit": toolkit.ask(commands, package_state, engine_state),
        "kernel": kernel.ask(),
        "capacity": capacity.ask(engine_state["root_dir"]),
        "addresses": addresses.ask(),
        "files": files.ask(paths),
        "json_files": files.read_json(json_paths),
    }
