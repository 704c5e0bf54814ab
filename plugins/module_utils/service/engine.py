# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import cdi
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.ports import Published
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.spec import NETWORK_LABEL, OWNER_LABEL

try:
    import docker
    import docker.errors
    import urllib3.exceptions
except ImportError:
    HAS_SDK = False
else:
    HAS_SDK = True

ANSWER_SECONDS = 60
PULL_SILENCE_SECONDS = 600
COME_BACK_POLL_SECONDS = 0.5
_PLAIN_RUNTIMES = ("", "runc", "io.containerd.runc.v2")


class EngineUnreachable(ServiceError):
    """No engine answers at the address."""


class EngineRefusal(ServiceError):
    """The engine answered that it cannot do what it was asked for, or did not answer in time."""


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Errors of the SDK as one message; `what` completes "the Docker engine could not"."""
    try:
        yield
    except docker.errors.APIError as error:
        raise EngineRefusal(f"The Docker engine could not {what}: {error.explanation or error}") from error
    except (docker.errors.DockerException, urllib3.exceptions.HTTPError, OSError) as error:
        raise EngineRefusal(f"The Docker engine did not {what}: {error}") from error


class Engine:
    """The engine of one host: the only place that talks to Docker, through the low-level client of the Docker SDK for Python."""

    def __init__(self, docker_host: str) -> None:
        try:
            self._api = docker.APIClient(base_url=docker_host, version="auto", timeout=ANSWER_SECONDS)
        except docker.errors.DockerException as error:
            raise EngineUnreachable(
                f"docker_host: no Docker engine answers at {docker_host} ({error}). Start it,"
                " or run the role mlops.gpu_monitoring.docker_engine."
            ) from error

    def wait_for_answer(self, seconds: float) -> None:
        """Wait until the engine answers, which may be about to come back."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                with _asking(f"answer within {seconds} s"):
                    self._api.ping()
                return
            except EngineRefusal:
                if time.monotonic() > deadline:
                    raise
            time.sleep(COME_BACK_POLL_SECONDS)

    def container(self, name: str) -> Optional[dict[str, Any]]:
        """The container as the engine reports it, or None."""
        with _asking(f"report the container {name}"):
            try:
                return self._api.inspect_container(name)
            except docker.errors.NotFound:
                return None

    def owned(self, service: str) -> list[str]:
        """Names of all containers that were made for a service."""
        with _asking("list containers"):
            found = self._api.containers(all=True, filters={"label": f"{OWNER_LABEL}={service}"})
        return sorted(one["Names"][0].lstrip("/") for one in found if one.get("Names"))

    def image(self, reference: str) -> Optional[dict[str, Any]]:
        """The image as the engine reports it, or None."""
        with _asking(f"report the image {reference}"):
            try:
                return self._api.inspect_image(reference)
            except docker.errors.ImageNotFound:
                return None

    def pull(self, reference: str) -> dict[str, Any]:
        """Pull an image and return it."""
        repository, tag = split_reference(reference)
        self._api.timeout = PULL_SILENCE_SECONDS
        try:
            with _asking("pull it"):
                for line in self._api.pull(repository, tag=tag, stream=True, decode=True):
                    if "error" in line:
                        raise EngineRefusal(line["error"])
        except EngineRefusal as error:
            raise ServiceError(
                f"image: {reference} cannot be pulled. {error} Check the version and that this host reaches the registry,"
                " or set gpu_monitoring_registry to a registry that has the image."
            ) from error
        finally:
            self._api.timeout = ANSWER_SECONDS
        image = self.image(reference)
        if image is None:
            raise ServiceError(
                f"image: {reference} was pulled, but the Docker engine does not know it by this name. Write its full name and tag."
            )
        return image

    def networks(self) -> dict[str, str]:
        """Ids of the networks by name."""
        with _asking("list networks"):
            return {network["Name"]: network["Id"] for network in self._api.networks()}

    def create_network(self, name: str) -> None:
        """Make a bridge network, with a label that tells that it is ours."""
        with _asking(f"create the network {name} (option networks)"):
            self._api.create_network(name, driver="bridge", check_duplicate=True, labels={NETWORK_LABEL: "true"})

    def unused_network(self, name: str, by: str) -> bool:
        """Whether there is such a network that this module made and no container has but those of the service `by`."""
        with _asking(f"report the network {name} (option networks)"):
            try:
                found = self._api.inspect_network(name)
            except docker.errors.NotFound:
                return False
            attached = self._api.containers(all=True, filters={"network": found["Id"]})
        others = [one for one in attached if (one.get("Labels") or {}).get(OWNER_LABEL) != by]
        return NETWORK_LABEL in (found.get("Labels") or {}) and not others

    def remove_network(self, name: str) -> None:
        """Remove a network."""
        with _asking(f"remove the network {name}"):
            self._api.remove_network(name)

    def owned_volume(self, name: str) -> bool:
        """Whether there is such a volume that was made for a service of this module."""
        with _asking(f"report the volume {name}"):
            try:
                return OWNER_LABEL in (self._api.inspect_volume(name).get("Labels") or {})
            except docker.errors.NotFound:
                return False

    def remove_volume(self, name: str) -> None:
        """Remove a volume with all that is in it."""
        with _asking(f"remove the volume {name}"):
            self._api.remove_volume(name)

    def gpu_abilities(self) -> tuple[bool, bool, list[str]]:
        """Whether the engine reads CDI specifications, whether there is one for NVIDIA GPUs, and the names of the runtimes."""
        with _asking("describe itself"):
            info = self._api.info()
        folders = info.get("CDISpecDirs") or []
        return bool(folders), bool(cdi.describe(folders)), sorted(info.get("Runtimes") or {})

    def default_runtime(self, used: str) -> str:
        """The engine's default runtime; it is asked only if the `used` one may be another than the usual."""
        if used in _PLAIN_RUNTIMES:
            return used
        with _asking("describe itself"):
            return self._api.info().get("DefaultRuntime", "")

    def published(self) -> list[Published]:
        """Ports of the host that running containers publish."""
        with _asking("list containers"):
            running = self._api.containers()
        return [
            Published(container["Names"][0].lstrip("/"), port.get("IP") or "0.0.0.0", port["PublicPort"])
            for container in running
            for port in container.get("Ports") or []
            if port.get("PublicPort") and port.get("Type") == "tcp"
        ]

    def create(self, name: str, body: dict[str, Any], networks: list[str]) -> None:
        """Create a container on its networks."""
        with _asking(f"create the container {name}"):
            self._api.create_container_from_config(body, name)
            for network in networks[1:]:
                self._api.connect_container_to_network(name, network)

    def start(self, name: str) -> None:
        """Start a container, or let a paused one go on."""
        with _asking(f"start the container {name}"):
            if self._api.inspect_container(name)["State"]["Paused"]:
                self._api.unpause(name)
            else:
                self._api.start(name)

    def stop(self, name: str) -> None:
        """Stop a container within the time that it was made with."""
        with _asking(f"stop the container {name}"):
            seconds = self._api.inspect_container(name)["Config"].get("StopTimeout")
            self._api.stop(name, timeout=10 if seconds is None else seconds)

    def rename(self, name: str, new: str) -> None:
        """Give a container another name."""
        with _asking(f"rename the container {name} to {new}"):
            self._api.rename(name, new)

    def remove(self, name: str, unnamed_volumes: bool = False) -> None:
        """Remove a container if it is there; of its volumes at most the unnamed ones, which the engine made for it alone."""
        with _asking(f"remove the container {name}"):
            try:
                self._api.remove_container(name, v=unnamed_volumes, force=True)
            except docker.errors.NotFound:
                return

    def signal(self, name: str, signal: str) -> None:
        """Send a signal to the first process of a container."""
        with _asking(f"send {signal} to the container {name} (option reload.signal)"):
            self._api.kill(name, signal)

    def run(self, name: str, body: dict[str, Any], timeout: int, lines: int) -> tuple[int, str]:
        """Run a container to its end and return its exit code and last lines; it is removed."""
        try:
            self.create(name, body, [])
            self.start(name)
            with _asking(f"end the container {name} within {timeout} s"):
                code = self._api.wait(name, timeout=timeout)["StatusCode"]
            return code, self.logs(name, lines)
        finally:
            self.remove(name, unnamed_volumes=True)

    def logs(self, name: str, lines: int) -> str:
        """The last lines that a container wrote."""
        with _asking(f"report what the container {name} wrote"):
            return self._api.logs(name, tail=lines).decode(errors="replace").strip()

    def execute(self, name: str, command: list[str]) -> tuple[int, str]:
        """Run a command in a running container and return its exit code and output."""
        with _asking(f"run {command[0]} in the container {name}"):
            started = self._api.exec_create(name, command)
            output = self._api.exec_start(started["Id"])
            return self._api.exec_inspect(started["Id"])["ExitCode"], output.decode(errors="replace").strip()


def split_reference(reference: str) -> tuple[str, str]:
    """Repository and tag (or digest, which outweighs a tag) of an image reference; `latest` where it says none."""
    named, _at, digest = reference.partition("@")
    repository, colon, tag = named.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = named, "latest"
    return repository, digest or tag
