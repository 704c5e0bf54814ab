# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import calendar
import http.client
import json
import os
import socket
import time
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import cdi, gpu_access

TIMEOUT_SECONDS = 30


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def get(docker_host: str, path: str) -> Any:
    """The engine's JSON answer to GET `path` (https://docs.docker.com/reference/api/engine/).

    Raises FileNotFoundError where the engine knows no such thing, and OSError where there is no answer.
    """
    connection = _UnixConnection(docker_host[len("unix://") :])
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP answer: {error!r}") from error
    finally:
        connection.close()
    if answer.status == 404:
        raise FileNotFoundError(f"HTTP 404 for {path}")
    if answer.status != 200:
        raise OSError(f"HTTP {answer.status} for {path}")
    return json.loads(body)


def running(docker_host: str) -> list[dict[str, Any]]:
    """The running containers by name: name, id, image, age in seconds, runtime and how each got GPUs. Raises OSError where there is no answer."""
    containers = []
    for listed in get(docker_host, "/containers/json"):
        try:
            inspected = get(docker_host, f"/containers/{listed['Id']}/json")
        except FileNotFoundError:
            continue
        containers.append(
            {
                "name": inspected["Name"].lstrip("/"),
                "id": inspected["Id"],
                "image": inspected["Config"]["Image"],
                "age": round(time.time() - calendar.timegm(time.strptime(inspected["State"]["StartedAt"][:19], "%Y-%m-%dT%H:%M:%S"))),
                "runtime": inspected["HostConfig"].get("Runtime", ""),
                "gpu_access": gpu_access.of_container(inspected),
            }
        )
    return sorted(containers, key=lambda container: container["name"])


def describe(version: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
    """What roles decide on, from the answers of /version and /info."""
    runtimes, specifications = info.get("Runtimes") or {}, cdi.describe(info.get("CDISpecDirs") or [])
    return {
        "version": version["Version"],
        "api_version": version["ApiVersion"],
        "cdi_enabled": bool(info.get("CDISpecDirs")),
        "cdi_gpus": bool(specifications),
        "cdi_specifications": specifications,
        "runtimes": {name: settings.get("path", "") for name, settings in runtimes.items()},
        "nvidia_runtimes": sorted(name for name, settings in runtimes.items() if name == "nvidia" or _is_nvidia(settings)),
        "default_runtime": info.get("DefaultRuntime", ""),
        "live_restore": bool(info.get("LiveRestoreEnabled")),
        "root_dir": info.get("DockerRootDir", ""),
        "containerd_socket": (info.get("Containerd") or {}).get("Address", ""),
    }


def _is_nvidia(runtime: dict[str, Any]) -> bool:
    """Whether a runtime of /info runs NVIDIA's program, which is there under names such as nvidia-container-runtime.cdi too."""
    program = runtime.get("path") or (runtime.get("options") or {}).get("BinaryName") or ""
    return os.path.basename(program).startswith("nvidia-container-runtime")
