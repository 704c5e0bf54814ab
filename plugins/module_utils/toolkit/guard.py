# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import gpu_access

# The controller imports this module too, and compiles each file that this module imports.
if TYPE_CHECKING:
    from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.engine import Container, EngineState


def hooked(containers: Sequence[Container]) -> list[str]:
    """The containers from which `systemctl daemon-reload` can take the GPUs.

    The scripts of the toolkit's packages run it: https://github.com/NVIDIA/nvidia-container-toolkit/issues/1227.
    """
    return [container["name"] for container in containers if container["gpu_access"] == gpu_access.HOOK]


def with_devices(containers: Sequence[Container]) -> list[str]:
    """The containers that have GPUs by device nodes, and keep them whatever becomes of the toolkit."""
    return [container["name"] for container in containers if container["gpu_access"] == gpu_access.DEVICES]


def of_nvidia_runtime(engine: EngineState) -> list[str]:
    """The containers that cannot be stopped properly without the program of NVIDIA's runtime."""
    return [
        container["name"] for container in engine["containers"] if container["runtime"] in engine["nvidia_runtimes"]
    ]


def stopped_by_restart(engine: EngineState) -> list[str]:
    """The containers that a restart of the engine would stop."""
    return [] if engine["live_restore"] else [container["name"] for container in engine["containers"]]


def package_problem(name: str, containers: Sequence[Container]) -> str:
    """Why packages of the toolkit cannot change on a host now; empty if they can."""
    names = hooked(containers)
    if not names:
        return ""
    return (
        f"The packages of the NVIDIA container toolkit on {name} would change, and their scripts run systemctl"
        f" daemon-reload. That can take the GPUs from the running containers {', '.join(names)}, which got them by"
        " NVIDIA's hook. Run again when these have ended (that of the DCGM exporter, which its role starts again, may"
        " be stopped by hand), or set nvidia_container_toolkit_allow_daemon_reload: true."
    )


def removal_problem(name: str, engine: EngineState) -> str:
    """Why the toolkit cannot be removed from a host now; empty if it can."""
    users = of_nvidia_runtime(engine)
    if users:
        return (
            f"The running containers {', '.join(users)} of {name} use NVIDIA's runtime: without its program Docker can"
            " neither stop them properly nor run anything in them. Stop them first."
        )
    if engine["default_runtime"] in engine["nvidia_runtimes"]:
        return (
            f"The default runtime of the Docker engine of {name} is {engine['default_runtime']}, NVIDIA's, which the"
            ' role never sets: every container would fail to start without it. Remove "default-runtime" from'
            " daemon.json and reload the engine first."
        )
    return ""


def restart_problem(engine: EngineState, allow_restart: bool) -> str:
    """Why the engine must not be restarted, whatever it runs; empty if there is no such reason."""
    if not engine["reachable"]:
        return (
            f"the engine no longer answers ({engine['error']}), so the containers that a restart would stop are"
            " not known."
        )
    if not allow_restart:
        return (
            "docker_engine_allow_restart is false: set it to true to restart the engine, which stops no container if"
            " live-restore is in force."
        )
    return ""
