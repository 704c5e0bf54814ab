# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Answers of the Docker engine (https://docs.docker.com/reference/api/engine/), as far as they are read here."""

from typing import Any, Optional, TypedDict

# What a container is created from: its keys are those of the engine's API.
ContainerBody = dict[str, Any]


class Port(TypedDict, total=False):
    """A port of a container."""

    IP: str
    PrivatePort: int
    PublicPort: int
    Type: str


class ListedContainer(TypedDict, total=False):
    """A container in a list."""

    Id: str
    Names: list[str]
    Image: str
    Labels: Optional[dict[str, str]]
    Ports: Optional[list[Port]]
    State: str


class Health(TypedDict, total=False):
    """What an image's own health check says."""

    Status: str


class State(TypedDict, total=False):
    """State of a container."""

    Status: str
    Running: bool
    Paused: bool
    Restarting: bool
    Pid: int
    ExitCode: int
    Error: str
    StartedAt: str
    Health: Optional[Health]


class Endpoint(TypedDict, total=False):
    """A container on a network."""

    NetworkID: str
    Aliases: Optional[list[str]]
    IPAddress: str
    GlobalIPv6Address: str


class Network(TypedDict, total=False):
    """A network in a list."""

    Id: str
    Name: str
    IPAM: Optional[dict[str, Any]]
    Options: Optional[dict[str, str]]


class NetworkSettings(TypedDict, total=False):
    """Networks of a container by name."""

    Networks: dict[str, Endpoint]


class HealthCheck(TypedDict, total=False):
    """A health check of an image or a container."""

    Test: Optional[list[str]]


class Config(TypedDict, total=False):
    """How a container is made, or an image would be."""

    Hostname: str
    User: str
    Env: Optional[list[str]]
    Cmd: Optional[list[str]]
    Entrypoint: Optional[list[str]]
    Image: str
    Labels: Optional[dict[str, str]]
    StopTimeout: Optional[int]
    Healthcheck: Optional[HealthCheck]
    ExposedPorts: Optional[dict[str, Any]]
    Volumes: Optional[dict[str, Any]]


class Mount(TypedDict, total=False):
    """What a container really has mounted."""

    Type: str
    Name: str
    Source: str
    Destination: str
    RW: bool


class Container(TypedDict, total=False):
    """A container."""

    Id: str
    Name: str
    Image: str
    Config: Config
    HostConfig: dict[str, Any]
    Mounts: list[Mount]
    NetworkSettings: NetworkSettings
    RestartCount: int
    State: State


class Image(TypedDict, total=False):
    """An image."""

    Id: str
    RepoTags: Optional[list[str]]
    RepoDigests: Optional[list[str]]
    Config: Optional[Config]


class Volume(TypedDict, total=False):
    """A volume."""

    Name: str
    Driver: str
    Mountpoint: str
    Labels: Optional[dict[str, str]]
    Options: Optional[dict[str, str]]


class Info(TypedDict, total=False):
    """The engine itself."""

    CDISpecDirs: Optional[list[str]]
    DefaultRuntime: str
    Runtimes: Optional[dict[str, Any]]
