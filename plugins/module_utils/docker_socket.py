# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import calendar
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Optional
from urllib.parse import quote, urlencode

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import (
    asked_gpus,
    cdi,
    gpu_access,
    http_client,
    service_label,
)

TIMEOUT_SECONDS = 30
# Of the Engine API, 1.47 (Docker 27.2) is the newest version that is spoken here, as nothing later is needed.
NEWEST_VERSION = (1, 47)
# Keys of `proxies` in daemon.json, and how /info names them. Credentials in /info are replaced by xxxxx.
_PROXIES = {"http-proxy": "HttpProxy", "https-proxy": "HttpsProxy", "no-proxy": "NoProxy"}
Query = Mapping[str, object]


class EngineError(OSError):
    """No answer from the engine, or a refusal. `status` is that of the answer, 0 if missing."""

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status


class NotFound(EngineError):
    """The engine knows no such thing."""


class BadSocket(EngineError):
    """The address is not a Unix socket's."""


class NotSupported(EngineError):
    """The engine and this collection speak no common version of the API."""


class Api:
    """The API of one engine (https://docs.docker.com/reference/api/engine/), in the newest version that both speak.

    Every method raises EngineError.
    """

    def __init__(self, docker_host: str, timeout: Optional[float] = None) -> None:
        scheme, _separator, path = docker_host.partition("://")
        if scheme != "unix" or not path.startswith("/"):
            raise BadSocket(f"'{docker_host}' is not a Unix socket. Write it like unix:///var/run/docker.sock.")
        self._timeout = timeout or TIMEOUT_SECONDS
        self._client = http_client.Client("http://localhost", unix_socket=path, timeout=self._timeout)
        self._prefix = ""
        self.version = self.get("/version")
        self._prefix = f"/v{_negotiated(self.version)}"

    def get(self, path: str, query: Optional[Query] = None) -> Any:
        """The answer to GET `path`."""
        return self._request("GET", path, query)

    def post(self, path: str, query: Optional[Query] = None, body: Any = None, timeout: Optional[float] = None) -> Any:
        """The answer to POST `path`; None if there is nothing in it."""
        return self._request("POST", path, query, body, timeout)

    def delete(self, path: str, query: Optional[Query] = None) -> None:
        """DELETE `path`."""
        self._request("DELETE", path, query)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        query: Optional[Query] = None,
        body: Any = None,
        headers: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
        archive: Optional[Iterable[bytes]] = None,
    ) -> Iterator[http_client.Stream]:
        """The answer to a request piece by piece. `timeout` is the longest silence. `archive` is a tar to send."""
        target = self._target(path, query)
        if archive is not None:
            headers = {**(headers or {}), "Content-Type": "application/x-tar"}
        with _translated(timeout or self._timeout):
            with self._client.stream(method, target, archive, headers, json_body=body, timeout=timeout) as stream:
                if stream.status >= 400:
                    raise _refusal(stream.status, stream.read(), path)
                yield stream

    def _request(
        self, method: str, path: str, query: Optional[Query], body: Any = None, timeout: Optional[float] = None
    ) -> Any:
        with _translated(timeout or self._timeout):
            answer = self._client.request(method, self._target(path, query), json_body=body, timeout=timeout)
        if answer.status >= 400:
            raise _refusal(answer.status, answer.body, path)
        try:
            return answer.json() if answer.body.strip() else None
        except ValueError as error:
            raise EngineError("the answer is not JSON. Check which program listens at the socket.") from error

    def _target(self, path: str, query: Optional[Query]) -> str:
        return self._prefix + path + (f"?{urlencode(query)}" if query else "")


def segment(name: str) -> str:
    """A name as a part of a path. The slashes of an image's name stay, as the engine wants them."""
    return quote(name, safe="/:@")


def containers(api: Api) -> list[dict[str, Any]]:
    """The running containers by name: id, image, age in seconds, runtime, and the GPUs. Raises EngineError."""
    described = []
    for listed in api.get("/containers/json"):
        try:
            inspected = api.get(f"/containers/{listed['Id']}/json")
        except NotFound:
            continue
        started = time.strptime(inspected["State"]["StartedAt"][:19], "%Y-%m-%dT%H:%M:%S")
        described.append(
            {
                "name": inspected["Name"].lstrip("/"),
                "id": inspected["Id"],
                "image": inspected["Config"]["Image"],
                "age": round(time.time() - calendar.timegm(started)),
                "runtime": inspected["HostConfig"].get("Runtime", ""),
                "gpu_access": gpu_access.of_container(inspected),
                "asked_gpus": asked_gpus.of_container(inspected),
                "service": (inspected["Config"].get("Labels") or {}).get(service_label.LABEL, ""),
            }
        )
    return sorted(described, key=lambda container: container["name"])


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
        "nvidia_runtimes": sorted(
            name for name, settings in runtimes.items() if name == "nvidia" or _is_nvidia(settings)
        ),
        "default_runtime": info.get("DefaultRuntime", ""),
        "live_restore": bool(info.get("LiveRestoreEnabled")),
        "root_dir": info.get("DockerRootDir", ""),
        "proxies": {key: info.get(name) or "" for key, name in _PROXIES.items()},
        "containerd_socket": (info.get("Containerd") or {}).get("Address", ""),
    }


def _is_nvidia(runtime: dict[str, Any]) -> bool:
    """Whether a runtime of /info runs NVIDIA's program, which is there under names such as nvidia-container-runtime.cdi
    too.
    """
    program = runtime.get("path") or (runtime.get("options") or {}).get("BinaryName") or ""
    return os.path.basename(program).startswith("nvidia-container-runtime")


def _negotiated(version: Mapping[str, Any]) -> str:
    """The version of the API to speak, from the engine's answer of /version."""
    try:
        theirs, least = _numbers(version["ApiVersion"]), _numbers(version.get("MinAPIVersion") or "1.0")
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise NotSupported("its answer to /version names no version of the API") from error
    newest = min(theirs, NEWEST_VERSION)
    if newest < least:
        raise NotSupported(
            f"Docker {version.get('Version', '')} speaks the Engine API {version['MinAPIVersion']} or newer,"
            f" this collection {'.'.join(map(str, NEWEST_VERSION))} or older. Upgrade the collection."
        )
    return ".".join(map(str, newest))


def _numbers(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


@contextmanager
def _translated(timeout: float) -> Iterator[None]:
    try:
        yield
    except http_client.TimedOut as error:
        raise EngineError(f"timed out after {timeout:g} s") from error
    except http_client.HttpError as error:
        raise EngineError(str(error)) from error


def _refusal(status: int, content: bytes, path: str) -> EngineError:
    try:
        message = str(json.loads(content)["message"]).strip()
    except (ValueError, KeyError, TypeError):
        message = content.decode("utf-8", "replace").strip()[:500]
    return (NotFound if status == 404 else EngineError)(message or f"HTTP {status} for {path}", status)
