# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import calendar
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import cdi, engine_confinement
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.docker_socket import (
    Api,
    BadSocket,
    EngineError,
    NotFound,
    NotSupported,
    segment,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.engine_confinement import Confinement
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import (
    networks,
    pull_advice,
    registry_login,
    signals,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import (
    Container,
    ContainerBody,
    Image,
    Info,
    ListedContainer,
    Network,
    Volume,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.networks import NetworkOptions
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.ports import Published
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.registry_login import GivenLogin
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.spec import (
    NETWORK_LABEL,
    OWNER_LABEL,
    aliases,
)

ANSWER_SECONDS = 60
PULL_SILENCE_SECONDS = 600
COME_BACK_POLL_SECONDS = 0.5
_FRAME_HEADER = 8
_PLAIN_RUNTIMES = ("", "runc", "io.containerd.runc.v2")


class EngineUnreachable(ServiceError):
    """No engine answers at the address."""


class EngineRefusal(ServiceError):
    """The engine answered that it cannot do what it was asked for, or did not answer in time."""


@contextmanager
def _asking(action: str) -> Iterator[None]:
    """Errors of the API as one message; `action` completes "the Docker engine could not"."""
    try:
        yield
    except EngineError as error:
        verb = "could not" if error.status else "did not"
        raise EngineRefusal(f"The Docker engine {verb} {action}: {error}") from error


class Engine:
    """The engine of one host: the only place that changes containers, images, networks and volumes.

    `login` is the user of a registry; other registries get what root's `docker login` left. `network_options` say how
    missing networks are made. `warnings` grows with what a person should know of pulls that worked all the same.
    """

    def __init__(
        self,
        docker_host: str,
        login: Optional[GivenLogin] = None,
        network_options: NetworkOptions = NetworkOptions(),
    ) -> None:
        self.warnings: list[str] = []
        self._login = login
        self.network_options = network_options
        try:
            self._api = Api(docker_host, ANSWER_SECONDS)
        except BadSocket as error:
            raise ServiceError(f"docker_host: {error}") from error
        except NotSupported as error:
            raise ServiceError(f"docker_host: the engine at {docker_host} cannot be used: {error}") from error
        except EngineError as error:
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
                    self._api.get("/version")
                return
            except EngineRefusal:
                if time.monotonic() > deadline:
                    raise
            time.sleep(COME_BACK_POLL_SECONDS)

    def container(self, name: str) -> Optional[Container]:
        """The container as the engine reports it, or None."""
        with _asking(f"report the container {name}"):
            try:
                container: Container = self._api.get(f"/containers/{segment(name)}/json")
                return container
            except NotFound:
                return None

    def owned(self, service: str) -> list[str]:
        """Names of all containers that were made for a service."""
        with _asking("list containers"):
            containers = self._containers("label", f"{OWNER_LABEL}={service}")
        return sorted(container["Names"][0].lstrip("/") for container in containers if container.get("Names"))

    def image(self, reference: str) -> Optional[Image]:
        """The image as the engine reports it, or None."""
        with _asking(f"report the image {reference}"):
            try:
                image: Image = self._api.get(f"/images/{segment(reference)}/json")
                return image
            except NotFound:
                return None

    def pull(self, reference: str) -> Image:
        """Pull an image and return it."""
        repository, tag = split_reference(reference)
        login = registry_login.login_for(reference, self._login)
        try:
            with (
                _asking("pull it"),
                self._api.stream(
                    "POST",
                    "/images/create",
                    {"fromImage": repository, "tag": tag},
                    headers=login.headers(),
                    timeout=PULL_SILENCE_SECONDS,
                ) as stream,
            ):
                for line in stream.lines():
                    if "error" in line:
                        raise EngineRefusal(line["error"])
        except EngineRefusal as error:
            raise ServiceError(
                f"image: {reference} cannot be pulled. {str(error).rstrip('.')}."
                f" {pull_advice.advice(reference, login, str(error))}"
            ) from error
        if login.problem:
            self.warnings.append(f"{reference} was pulled without credentials: {login.problem}.")
        image = self.image(reference)
        if image is None:
            raise ServiceError(
                f"image: {reference} was pulled, but the Docker engine does not know it by this name."
                " Write its full name and tag."
            )
        return image

    def networks(self) -> dict[str, Network]:
        """The networks by name."""
        with _asking("list networks"):
            return {network["Name"]: network for network in self._api.get("/networks")}

    def create_network(self, name: str) -> None:
        """Make a bridge network, with a label that tells that it is ours."""
        body = {"Name": name, "Driver": "bridge", "CheckDuplicate": True, "Labels": {NETWORK_LABEL: "true"}}
        body.update(networks.create_options(self.network_options))
        try:
            with _asking(f"create the network {name} (option networks)"):
                self._api.post("/networks/create", body=body)
        except EngineRefusal as error:
            advice = networks.advice(name, str(error), self.network_options)
            raise EngineRefusal(f"{str(error).rstrip('.')}.{advice}") from error

    def network_users(self, name: str) -> Optional[dict[str, str]]:
        """The service of each container of a network by its name, empty for a container of others.

        None if there is no such network, or this module did not make it.
        """
        with _asking(f"report the network {name} (option networks)"):
            try:
                network = self._api.get(f"/networks/{segment(name)}")
            except NotFound:
                return None
            if NETWORK_LABEL not in (network.get("Labels") or {}):
                return None
            attached = self._containers("network", network["Id"])
        return {
            container["Names"][0].lstrip("/"): (container.get("Labels") or {}).get(OWNER_LABEL, "")
            for container in attached
            if container.get("Names")
        }

    def remove_network(self, name: str) -> None:
        """Remove a network."""
        with _asking(f"remove the network {name}"):
            self._api.delete(f"/networks/{segment(name)}")

    def volume(self, name: str) -> Optional[Volume]:
        """The volume as the engine reports it, or None."""
        with _asking(f"report the volume {name}"):
            try:
                volume: Volume = self._api.get(f"/volumes/{segment(name)}")
                return volume
            except NotFound:
                return None

    def owned_volume(self, name: str) -> bool:
        """Whether there is such a volume that was made for a service of this module."""
        volume = self.volume(name)
        return bool(volume and OWNER_LABEL in (volume.get("Labels") or {}))

    def users_of_volume(self, name: str) -> list[ListedContainer]:
        """The containers that have a volume, running or not."""
        with _asking(f"list the containers of the volume {name}"):
            return self._containers("volume", name)

    def remove_volume(self, name: str) -> None:
        """Remove a volume with all that is in it."""
        with _asking(f"remove the volume {name}"):
            self._api.delete(f"/volumes/{segment(name)}")

    def gpu_abilities(self) -> tuple[bool, bool, list[str]]:
        """Whether the engine reads CDI specifications, whether NVIDIA GPUs have one, and the names of the runtimes."""
        info = self._info()
        folders = info.get("CDISpecDirs") or []
        return bool(folders), bool(cdi.describe(folders)), sorted(info.get("Runtimes") or {})

    def confinement(self) -> Confinement:
        """How the engine confines containers."""
        return engine_confinement.of_info(self._info())

    def default_runtime(self, used: str) -> str:
        """The engine's default runtime; it is asked only if the `used` one may be another than the usual."""
        return used if used in _PLAIN_RUNTIMES else self._info().get("DefaultRuntime", "")

    def published(self) -> list[Published]:
        """Ports of the host that running containers publish."""
        with _asking("list containers"):
            running: list[ListedContainer] = self._api.get("/containers/json")
        return [
            Published(container["Names"][0].lstrip("/"), port.get("IP") or "0.0.0.0", port["PublicPort"])
            for container in running
            for port in container.get("Ports") or []
            if port.get("PublicPort") and port.get("Type") == "tcp"
        ]

    def create(self, name: str, body: ContainerBody, networks: list[str]) -> None:
        """Create a container on its networks."""
        with _asking(f"create the container {name}"):
            self._api.post("/containers/create", {"name": name}, body)
            for network in networks[1:]:
                endpoint = {"Container": name, "EndpointConfig": {"Aliases": aliases(body)}}
                self._api.post(f"/networks/{segment(network)}/connect", body=endpoint)

    def start(self, name: str) -> None:
        """Start a container, or resume a paused one."""
        with _asking(f"start the container {name}"):
            paused = self._api.get(f"/containers/{segment(name)}/json")["State"]["Paused"]
            self._api.post(f"/containers/{segment(name)}/{'unpause' if paused else 'start'}")

    def stop(self, name: str) -> None:
        """Stop a container within the time that it was made with."""
        with _asking(f"stop the container {name}"):
            given = self._api.get(f"/containers/{segment(name)}/json")["Config"].get("StopTimeout")
            seconds = 10 if given is None else given
            self._api.post(f"/containers/{segment(name)}/stop", {"t": seconds}, timeout=ANSWER_SECONDS + seconds)

    def rename(self, name: str, new: str) -> None:
        """Give a container another name."""
        with _asking(f"rename the container {name} to {new}"):
            self._api.post(f"/containers/{segment(name)}/rename", {"name": new})

    def remove(self, name: str, unnamed_volumes: bool = False) -> None:
        """Remove a container if it is there; of its volumes at most the unnamed ones, which it alone has."""
        with _asking(f"remove the container {name}"):
            try:
                self._api.delete(f"/containers/{segment(name)}", {"v": unnamed_volumes, "force": True})
            except NotFound:
                return

    def signal(self, name: str, signal: str) -> None:
        """Send a signal to the first process of a container."""
        with _asking(f"send {signal} to the container {name} (option reload.signal)"):
            if not signals.send(self._api.get(f"/containers/{segment(name)}/json"), signal):
                self._api.post(f"/containers/{segment(name)}/kill", {"signal": signal})

    def run(self, name: str, body: ContainerBody, timeout: int, lines: int) -> tuple[int, str]:
        """Run a container to its end and return its exit code and last lines; it is removed."""
        try:
            self.create(name, body, [])
            self.start(name)
            with _asking(f"end the container {name} within {timeout} s"):
                code = self._api.post(f"/containers/{segment(name)}/wait", timeout=timeout)["StatusCode"]
            return code, self.logs(name, lines)
        finally:
            self.remove(name, unnamed_volumes=True)

    def logs(self, name: str, lines: int, since: str = "") -> str:
        """The last lines that a container wrote, without those older than `since`, a time of the engine's form."""
        query = {"stdout": True, "stderr": True, "tail": lines, **({"since": _unix_time(since)} if since else {})}
        with _asking(f"report what the container {name} wrote"):
            with self._api.stream("GET", f"/containers/{segment(name)}/logs", query) as stream:
                return _text(stream.read())

    def execute(self, name: str, command: list[str]) -> tuple[int, str]:
        """Run a command in a running container and return its exit code and output."""
        with _asking(f"run {command[0]} in the container {name}"):
            wanted = {"AttachStdout": True, "AttachStderr": True, "Cmd": command}
            execution = self._api.post(f"/containers/{segment(name)}/exec", body=wanted)["Id"]
            start = {"Detach": False, "Tty": False}
            with self._api.stream("POST", f"/exec/{execution}/start", body=start) as stream:
                output = _text(stream.read())
            return self._api.get(f"/exec/{execution}/json")["ExitCode"], output

    def _info(self) -> Info:
        with _asking("describe itself"):
            info: Info = self._api.get("/info")
            return info

    def _containers(self, key: str, value: str) -> list[ListedContainer]:
        filters = json.dumps({key: [value]})
        containers: list[ListedContainer] = self._api.get("/containers/json", {"all": True, "filters": filters})
        return containers


def split_reference(reference: str) -> tuple[str, str]:
    """Repository and tag (or digest, which outweighs a tag) of an image reference; `latest` if it says none."""
    named, _at, digest = reference.partition("@")
    repository, colon, tag = named.rpartition(":")
    if not colon or "/" in tag:
        repository, tag = named, "latest"
    return repository, digest or tag


def _unix_time(moment: str) -> str:
    """A time of the engine's form, 2026-01-31T12:00:00.123456789Z, as the API takes it: seconds with nine decimals."""
    seconds, _dot, fraction = moment.rstrip("Z").partition(".")
    return f"{calendar.timegm(time.strptime(seconds, '%Y-%m-%dT%H:%M:%S'))}.{fraction:0<9}"


def _text(content: bytes) -> str:
    """What a container wrote: in frames for its two outputs, or as it is if it has a terminal."""
    parts, rest = [], content
    while len(rest) >= _FRAME_HEADER and rest[0] in (0, 1, 2) and rest[1:4] == b"\0\0\0":
        end = _FRAME_HEADER + int.from_bytes(rest[4:_FRAME_HEADER], "big")
        parts.append(rest[_FRAME_HEADER:end])
        rest = rest[end:]
    return b"".join([*parts, rest]).decode(errors="replace").strip()
