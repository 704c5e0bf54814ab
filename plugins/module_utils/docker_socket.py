# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.cdi import names_gpus

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


def get(docker_host: str, path: str) -> dict[str, Any]:
    """The engine's JSON answer to GET `path` (https://docs.docker.com/reference/api/engine/). Raises OSError where there is none."""
    connection = _UnixConnection(docker_host[len("unix://") :])
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP answer: {error!r}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise OSError(f"HTTP {answer.status} for {path}")
    return json.loads(body)


def describe(version: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
    """What roles decide on, from the answers of /version and /info."""
    return {
        "version": version["Version"],
        "api_version": version["ApiVersion"],
        "cdi_enabled": bool(info.get("CDISpecDirs")),
        "cdi_gpus": names_gpus(info.get("CDISpecDirs") or []),
        "runtimes": sorted(info.get("Runtimes") or {}),
        "default_runtime": info.get("DefaultRuntime", ""),
        "live_restore": bool(info.get("LiveRestoreEnabled")),
        "containers_running": info.get("ContainersRunning", 0),
        "root_dir": info.get("DockerRootDir", ""),
    }
