# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import errno
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import docker_socket, service_label
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import listeners
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import manifest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.ports import bind_error, overlap

# Docker Compose gives each container the name of its service on the networks too.
_COMPOSE_SERVICE = "com.docker.compose.service"
# How a site can use the exporter that has the port, instead of the collection's.
_TARGETS = {
    "alertmanager": "prometheus_alertmanagers",
    "dcgm_exporter": "prometheus_gpu_targets",
    "node_exporter": "prometheus_node_targets",
}
# Says who has a port of an address; empty if nobody has it.
Holder = Callable[[str, int], str]


@dataclass(frozen=True)
class PlannedService:
    """A container that a run is about to make, and the port that it publishes; `port` is 0 if it publishes none.

    Other containers of the network reach it by the name of the service. A further port is an entry of its own.
    `port_variable` is the variable of the port, if it is not that of the role.
    `own_volume` is the volume with its data, if it may not be another owner's.
    """

    role: str
    container: str
    service: str = ""
    network: str = ""
    address: str = ""
    port: int = 0
    port_variable: str = ""
    own_volume: str = ""

    @property
    def variable(self) -> str:
        """The variable of the port."""
        return self.port_variable or f"{self.role}_port"


@dataclass(frozen=True)
class ExistingContainer:
    """A container of the host, with its names on its networks. `service` is empty if the collection did not make it."""

    name: str
    service: str
    image: str
    published: tuple[tuple[str, int], ...] = ()
    networks: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


def existing_containers(docker_host: str) -> list[ExistingContainer]:
    """All containers of the host; none if no engine answers."""
    try:
        listed = docker_socket.Api(docker_host).get("/containers/json", {"all": True})
    except OSError:
        return []
    return [_existing(container) for container in listed if container.get("Names")]


def _existing(listed: dict[str, Any]) -> ExistingContainer:
    published = {
        (port.get("IP") or "0.0.0.0", port["PublicPort"])
        for port in listed.get("Ports") or []
        if port.get("PublicPort") and port.get("Type") == "tcp"
    }
    labels, name = listed.get("Labels") or {}, listed["Names"][0].lstrip("/")
    return ExistingContainer(
        name,
        labels.get(service_label.LABEL, ""),
        listed["Image"],
        tuple(sorted(published)),
        tuple((listed.get("NetworkSettings") or {}).get("Networks") or {}),
        (name, labels.get(_COMPOSE_SERVICE, "")),
    )


def foreign_volumes(docker_host: str, planned: Iterable[PlannedService]) -> list[str]:
    """The volumes that exist and are not those of their service, by label or by what the service had before."""
    foreign = []
    for service in planned:
        if service.own_volume and service.own_volume not in _remembered_volumes(service.service):
            try:
                volume = docker_socket.Api(docker_host).get(f"/volumes/{docker_socket.segment(service.own_volume)}")
            except OSError:
                continue
            if (volume.get("Labels") or {}).get(service_label.LABEL) != service.service:
                foreign.append(service.own_volume)
    return foreign


def _remembered_volumes(service: str) -> list[str]:
    """The volumes that a service had before; none if that is damaged, which its deployment says."""
    try:
        return manifest.read(service).volumes
    except ServiceError:
        return []


def other_program(address: str, port: int) -> str:
    """The program that keeps this host from listening at an address and port; empty if nothing does."""
    return listeners.program_at(port) if bind_error(address, port) == errno.EADDRINUSE else ""


def find(
    host: str,
    planned: Sequence[PlannedService],
    existing: Sequence[ExistingContainer],
    holder: Holder = other_program,
    foreign_volumes: Sequence[str] = (),
) -> list[str]:
    """The names, ports and volumes of planned services that something else has, each with the fix.

    A port of a container of the collection is not a conflict: the run replaces the container, or frees its port.
    """
    problems = [
        *_taken_names(host, planned, existing),
        *_shared_names(host, planned, existing),
        *_equal_ports(host, planned),
    ]
    for service in planned:
        if service.own_volume in foreign_volumes:
            problems.append(
                f"{service.role}_volume on {host}: the volume {service.own_volume} exists, and the role {service.role}"
                f" did not make it. Choose another {service.role}_volume, or set {service.role}_adopt_volume:"
                " true to take its data over."
            )
        if service.port:
            taken = _taken_by(service, existing, holder)
            if taken:
                problems.append(
                    f"{service.variable} on {host}: {taken} has port {service.port} of {service.address},"
                    f" which the role {service.role} needs. {_fix(service)}"
                )
    return problems


def _taken_names(host: str, planned: Iterable[PlannedService], existing: Iterable[ExistingContainer]) -> Iterator[str]:
    roles = {service.container: service.role for service in planned}
    for container in existing:
        if container.name in roles and not container.service:
            yield (
                f"gpu_monitoring_container_prefix on {host}: a container named {container.name} exists, and the"
                f" collection did not make it (image {container.image})."
                f" Rename or remove the container, or set a prefix such as gpu-{_instead(roles[container.name])}."
            )


def _shared_names(host: str, planned: Iterable[PlannedService], existing: Iterable[ExistingContainer]) -> Iterator[str]:
    """Docker gives a name of several containers of a network the addresses of all of them."""
    for container, service in itertools.product(existing, planned):
        if not container.service and service.service in container.aliases and service.network in container.networks:
            yield (
                f"{service.role}_network on {host}: the container {container.name}, which the collection did not make,"
                f" is on the network {service.network} under the name {service.service},"
                f" which the role {service.role} needs there. Set gpu_monitoring_network to another name."
            )


def _equal_ports(host: str, planned: Iterable[PlannedService]) -> Iterator[str]:
    for first, second in itertools.combinations([service for service in planned if service.port], 2):
        if first.port == second.port and overlap(first.address, second.address):
            yield (
                f"{second.variable} on {host}: {first.variable} is {first.port} too."
                " Choose another port for one of them."
            )


def _taken_by(service: PlannedService, existing: Iterable[ExistingContainer], holder: Holder) -> str:
    for container in existing:
        if any(port == service.port and overlap(address, service.address) for address, port in container.published):
            return "" if container.service else f"the container {container.name}"
    return holder(service.address, service.port)


def _fix(service: PlannedService) -> str:
    instead = "" if service.port_variable else _instead(service.role)
    return f"Stop it, or choose another {service.variable}{instead}."


def _instead(role: str) -> str:
    """How a site keeps its own program; empty if that cannot take the place of the role's."""
    targets: Optional[str] = _TARGETS.get(role)
    return f", or set {role}_enabled: false and put the target of that program into {targets}" if targets else ""
