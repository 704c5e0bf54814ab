# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The only place that talks to the Docker engine, through the low-level client of the Docker SDK for Python."""

import glob
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.ports import Published

try:
    import docker
    import docker.errors
except ImportError:
    HAS_SDK = False
else:
    HAS_SDK = True

PULL_TIMEOUT_SECONDS = 1800
GPU_KIND = "nvidia.com/gpu"


class EngineUnreachable(ServiceError):
    """No engine answers at the address."""


class Engine:
    """The engine of one host."""

    def __init__(self, docker_host: str) -> None:
        try:
            self.api = docker.APIClient(base_url=docker_host, version="auto", timeout=PULL_TIMEOUT_SECONDS)
        except docker.errors.DockerException as error:
            raise EngineUnreachable(
                f"docker_host: no Docker engine answers at {docker_host} ({error}). Start it, or run the role mlops.gpu_monitoring.docker_engine."
            ) from error

    def container(self, name: str) -> Optional[dict[str, Any]]:
        """The container as the engine reports it, or None."""
        try:
            return self.api.inspect_container(name)
        except docker.errors.NotFound:
            return None

    def image(self, reference: str) -> Optional[dict[str, Any]]:
        """The image as the engine reports it, or None."""
        try:
            return self.api.inspect_image(reference)
        except docker.errors.NotFound:
            return None

    def pull(self, reference: str) -> dict[str, Any]:
        """Pull an image and return it."""
        repository, tag = split_reference(reference)
        try:
            for line in self.api.pull(repository, tag=tag, stream=True, decode=True):
                if "error" in line:
                    raise ServiceError(_pull_error(reference, line["error"]))
            return self.api.inspect_image(reference)
        except docker.errors.APIError as error:
            raise ServiceError(_pull_error(reference, error.explanation or str(error))) from error

    def networks(self) -> dict[str, str]:
        """Ids of the networks by name."""
        return {network["Name"]: network["Id"] for network in self.api.networks()}

    def create_network(self, name: str) -> None:
        """Make a bridge network."""
        self.api.create_network(name, driver="bridge", check_duplicate=True)

    def abilities(self) -> dict[str, Any]:
        """What decides how GPUs get into containers: cdi_enabled, cdi_spec (one for NVIDIA GPUs is there), runtimes, default_runtime."""
        info = self.api.info()
        folders = info.get("CDISpecDirs") or []
        return {
            "cdi_enabled": bool(folders),
            "cdi_spec": any(_names_gpus(folder) for folder in folders),
            "runtimes": sorted(info.get("Runtimes") or {}),
            "default_runtime": info.get("DefaultRuntime") or "",
        }

    def published(self) -> list[Published]:
        """Ports of the host that running containers publish."""
        return [
            Published(container["Names"][0].lstrip("/"), port["IP"], port["PublicPort"])
            for container in self.api.containers()
            for port in container.get("Ports") or []
            if port.get("PublicPort")
        ]

    def create(self, name: str, body: dict[str, Any], networks: list[str]) -> str:
        """Create a container on its networks and return its id."""
        identifier = self.api.create_container_from_config(body, name)["Id"]
        for network in networks[1:]:
            self.api.connect_container_to_network(identifier, network)
        return identifier

    def start(self, container: str) -> None:
        """Start a container."""
        try:
            self.api.start(container)
        except docker.errors.APIError as error:
            raise ServiceError(f"container {container} does not start: {error.explanation or error}") from error

    def run(self, body: dict[str, Any], timeout: int) -> tuple[int, str]:
        """Run a container to its end and return its exit code and output; it is removed."""
        identifier = self.api.create_container_from_config(body, None)["Id"]
        try:
            self.api.start(identifier)
            code = self.api.wait(identifier, timeout=timeout)["StatusCode"]
            return code, self.logs(identifier, 200)
        finally:
            self.api.remove_container(identifier, force=True)

    def logs(self, container: str, lines: int) -> str:
        """The last lines that a container wrote."""
        return self.api.logs(container, tail=lines).decode(errors="replace").strip()

    def execute(self, container: str, command: list[str]) -> tuple[int, str]:
        """Run a command in a running container and return its exit code and output."""
        started = self.api.exec_create(container, command)
        output = self.api.exec_start(started["Id"])
        return self.api.exec_inspect(started["Id"])["ExitCode"], output.decode(errors="replace").strip()


def split_reference(reference: str) -> tuple[str, str]:
    """Repository and tag (or digest) of an image reference; `latest` where it says none."""
    if "@" in reference:
        repository, _at, digest = reference.partition("@")
        return repository, digest
    repository, colon, tag = reference.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (reference, "latest")


def _pull_error(reference: str, reason: str) -> str:
    return (
        f"image: {reference} cannot be pulled: {reason}. Check the version and that the host reaches this registry,"
        " or set gpu_monitoring_registry to a registry that has the image."
    )


def _names_gpus(folder: str) -> bool:
    for path in glob.glob(f"{folder}/*.yaml") + glob.glob(f"{folder}/*.json"):
        with open(path, encoding="utf-8", errors="replace") as file:
            if GPU_KIND in file.read():
                return True
    return False
