# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import bundled
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.bundled import Bundled


@dataclass(frozen=True)
class Mount:
    """A folder of the host or a volume in the container; `adopt` says whether the volume may be another owner's.

    `recursive` says whether the container sees what is mounted below the folder too, `create_mountpoint` whether the
    engine creates a missing folder at each start. `owner` is the user and group of a volume that is made, as uid:gid.
    """

    source: str
    target: str
    type: str = "bind"
    read_only: bool = False
    adopt: bool = True
    recursive: bool = True
    create_mountpoint: bool = False
    owner: str = ""


@dataclass(frozen=True)
class Port:
    """A port that the host publishes; `variable` is where a person sets it."""

    container_port: int
    host_port: int
    address: str = "127.0.0.1"
    variable: str = "host_port"


@dataclass(frozen=True)
class ManagedFile:
    """A file of the service; the content of a secret one is never shown."""

    path: str
    content: str = field(repr=False)
    mode: str = "0644"
    owner: str = "root"
    group: str = "root"
    force: bool = True
    on_change: str = "recreate"
    secret: bool = False


@dataclass(frozen=True)
class HttpProbe:
    """A request to the container; `method` counts for a reload, `status` for a health check."""

    port: int
    path: str
    scheme: str = "http"
    username: Optional[str] = None
    password_file: Optional[str] = None
    method: str = "POST"
    status: int = 200


@dataclass(frozen=True)
class Reload:
    """How the service reads its files again: by a signal or by a request."""

    signal: Optional[str] = None
    http: Optional[HttpProbe] = None


@dataclass(frozen=True)
class Data:
    """The version of the program whose data is in `volume`. `files` of the volume are what a new version changes.

    `derived` are folders of the volume that the program makes again from the files, such as an index.
    `oldest_reader` is the oldest version that reads what this version writes. Without it no older version does.
    """

    version: str
    volume: str
    files: list[str]
    derived: list[str] = field(default_factory=list)
    oldest_reader: str = ""
    allow_older: bool = False
    advice: str = ""


@dataclass(frozen=True)
class LogHint:
    """What a line of the container's log means, if the line itself does not say so."""

    pattern: str
    text: str


@dataclass(frozen=True)
class Health:
    """When the service counts as healthy: by one of request, command and the image's own check, or by staying up.

    `progress` is an expression for lines of the log after which the `timeout` begins again. `variable` is where a
    person sets the timeout.
    """

    http: Optional[HttpProbe] = None
    command: Optional[list[str]] = None
    image: bool = False
    timeout: int = 60
    progress: str = ""
    variable: str = "health.timeout"
    log_hints: list[LogHint] = field(default_factory=list)


@dataclass(frozen=True)
class ServiceSpec:
    """A service as the module's options describe it."""

    name: str
    container_name: str = ""
    state: str = "present"
    remove_data: bool = False
    image: str = ""
    pull: str = "missing"
    also_pull: list[str] = field(default_factory=list)
    bundled: dict[str, Bundled] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    env: dict[str, Any] = field(default_factory=dict)
    user: str = ""
    userns_mode: str = ""
    pid_mode: str = ""
    hostname: str = ""
    mounts: list[Mount] = field(default_factory=list)
    tmpfs: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    ports: list[Port] = field(default_factory=list)
    cap_add: list[str] = field(default_factory=list)
    cap_drop: list[str] = field(default_factory=list)
    read_only: bool = False
    security_opts: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    gpus: str = "none"
    memory: str = ""
    cpus: float = 0
    pids_limit: int = 0
    ulimits: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, Any] = field(default_factory=dict)
    log_driver: str = "json-file"
    log_options: dict[str, Any] = field(default_factory=dict)
    restart_policy: str = "unless-stopped"
    stop_timeout: int = 10
    files: list[ManagedFile] = field(default_factory=list)
    validate: list[list[str]] = field(default_factory=list)
    validate_advice: str = ""
    reload: Reload = Reload()
    health: Health = Health()
    data: Optional[Data] = None

    @property
    def container(self) -> str:
        """Name of the container."""
        return self.container_name or self.name

    @property
    def bind_sources(self) -> list[str]:
        """Folders of the host that the container sees."""
        return [mount.source for mount in self.mounts if mount.type == "bind"]

    @property
    def secrets(self) -> list[str]:
        """What must not be shown."""
        return [file.content for file in self.files if file.secret]


_NAMES = {option.name for option in fields(ServiceSpec)}


def parse(given: Mapping[str, Any]) -> ServiceSpec:
    """The service that an element of the module's `services` describes."""
    options = {name: value for name, value in given.items() if name in _NAMES and value is not None}
    options["mounts"] = [Mount(**mount) for mount in given.get("mounts") or []]
    options["ports"] = [Port(**port) for port in given.get("ports") or []]
    options["files"] = [
        ManagedFile(**file, secret=secret)
        for option, secret in (("files", False), ("secret_files", True))
        for file in given.get(option) or []
    ]
    validate = given.get("validate") or {}
    options["validate"] = [validate["command"], *(validate.get("further_commands") or [])] if validate else []
    options["validate_advice"] = validate.get("advice") or ""
    options["reload"] = parse_reload(given.get("reload"))
    options["data"] = Data(**given["data"]) if given.get("data") else None
    options["bundled"] = bundled.parse(given.get("bundled_images") or {})
    health = dict(given.get("health") or {})
    hints = [LogHint(**hint) for hint in health.get("log_hints") or []]
    options["health"] = Health(**{**health, "http": _probe(health.get("http")), "log_hints": hints})
    return ServiceSpec(**options)


def parse_reload(given: Optional[Mapping[str, Any]]) -> Reload:
    """The option `reload`, also as a journal keeps it."""
    reload = given or {}
    return Reload(**{**reload, "http": _probe(reload.get("http"))})


def _probe(given: Optional[Mapping[str, Any]]) -> Optional[HttpProbe]:
    return HttpProbe(**given) if given else None
