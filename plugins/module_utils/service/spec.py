# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import service_label
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.engine_confinement import Confinement
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import ContainerBody
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.networks import PREDEFINED
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import (
    ManagedFile,
    Mount,
    Port,
    ServiceSpec,
)

OWNER_LABEL = service_label.LABEL
NETWORK_LABEL = "mlops.gpu_monitoring.network"
HASH_LABEL = "mlops.gpu_monitoring.spec-hash"
READABLE_LOG_DRIVER = "json-file"
DEFAULT_LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}
_ROTATING_LOG_DRIVERS = ("json-file", "local")
_NANO = 10**9
CDI_REQUEST = {"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}
NVIDIA_ENVIRONMENT = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "utility,compute"}
TOOLKIT_HINT = "Run the role mlops.gpu_monitoring.nvidia_container_toolkit on this host first"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_OWNER = re.compile(r"\d+:\d+")
_SIZE = re.compile(r"(\d+)([bkmg]?)", re.IGNORECASE)
_FACTORS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def checked(service: ServiceSpec) -> ServiceSpec:
    """The service with values in their final form; raises ServiceError for a value that the engine or the module cannot
    use.
    """
    for option, name in (("name", service.name), ("container_name", service.container)):
        if not _NAME.fullmatch(name):
            raise ServiceError(
                f"{option}: '{name}' is not a valid name for a container. Use letters, digits, '_', '.' and '-'."
            )
    if service.cpus < 0:
        raise ServiceError(
            f"cpus: {service.cpus} is less than 0. Give the number of CPUs, such as 1.5, or 0 for no limit."
        )
    result = replace(
        service,
        env={name: _text("env", name, value) for name, value in service.env.items()},
        labels={name: _text("labels", name, value) for name, value in service.labels.items()},
        log_options={name: _text("log_options", name, value) for name, value in service.log_options.items()},
        ulimits={name: _limit(name, value) for name, value in service.ulimits.items()},
        mounts=[_mount(mount) for mount in service.mounts],
        ports=[_port(port) for port in service.ports],
    )
    for file in service.files:
        _absolute("files: path", file.path)
    _once("mounts: target", [mount.target for mount in result.mounts])
    _once("files: path", [file.path for file in service.files])
    _once("ports: host_port", [f"{port.address}:{port.host_port}" for port in result.ports])
    _check_conditions(service)
    return result


def with_owners(service: ServiceSpec, confinement: Confinement) -> ServiceSpec:
    """The service with its files and volumes owned by those whom its container's users are on the host.

    Owners that are numbers are users of the container, which userns-remap makes others on the host.
    """
    if confinement.remapping is None or service.userns_mode == "host":
        return service
    uid, gid = confinement.remapping
    return replace(
        service,
        files=[_remapped(file, uid, gid) for file in service.files],
        mounts=[_remapped_mount(mount, uid, gid) for mount in service.mounts],
    )


def _remapped_mount(mount: Mount, uid: int, gid: int) -> Mount:
    if not mount.owner:
        return mount
    own_uid, own_gid = map(int, mount.owner.split(":"))
    return replace(mount, owner=f"{own_uid + uid}:{own_gid + gid}")


def _remapped(file: ManagedFile, uid: int, gid: int) -> ManagedFile:
    owner = str(int(file.owner) + uid) if file.owner.isdigit() else file.owner
    group = str(int(file.group) + gid) if file.group.isdigit() else file.group
    return replace(file, owner=owner, group=group)


def _check_conditions(service: ServiceSpec) -> None:
    reloadable = [file.path for file in service.files if file.on_change == "reload"]
    if reloadable and not (service.reload.signal or service.reload.http):
        raise ServiceError(
            f"reload: {reloadable[0]} has on_change 'reload' but reload does not say how."
            " Set reload.signal or reload.http."
        )
    _check_expression("health.progress", service.health.progress)
    for hint in service.health.log_hints:
        _check_expression("health.log_hints.pattern", hint.pattern)
    kinds = [kind for kind in ("http", "command", "image") if getattr(service.health, kind)]
    if len(kinds) > 1:
        raise ServiceError(f"health: {' and '.join(kinds)} are given; only one of them can decide. Keep one.")


def _check_expression(option: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ServiceError(
            f"{option}: '{pattern}' is not a regular expression: {error}. Write one of Python."
        ) from error


def _text(option: str, name: str, value: Any) -> str:
    if isinstance(value, str) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return str(value)
    raise ServiceError(
        f'{option}: {name} is {value!r}, which is not text. Put it in quotes, as in {name}: "{str(value).lower()}".'
    )


def _limit(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise ServiceError(f"ulimits: {name} is {value!r}. Give a whole number, as in {name}: 1024.") from error


def _absolute(option: str, path: str) -> None:
    if not os.path.isabs(path):
        raise ServiceError(f"{option} '{path}' is not absolute. Begin it with a slash.")


def _mount(mount: Mount) -> Mount:
    _absolute("mounts: target", mount.target)
    if mount.owner and (mount.type != "volume" or not _OWNER.fullmatch(mount.owner)):
        raise ServiceError(
            f"mounts: owner '{mount.owner}' of {mount.target} is not that of a volume."
            " Write it like 65534:65534, and only with type: volume."
        )
    source = mount.source
    if mount.type == "bind":
        _absolute("mounts: source", source)
        source = os.path.normpath(source)
    return replace(mount, source=source, target=os.path.normpath(mount.target))


def _port(port: Port) -> Port:
    for name, number in (("container_port", port.container_port), ("host_port", port.host_port)):
        if not 1 <= number <= 65535:
            raise ServiceError(f"ports: {name} {number} is not a port number. Give a number from 1 to 65535.")
    try:
        return replace(port, address=str(ipaddress.ip_address(port.address)))
    except ValueError as error:
        raise ServiceError(
            f"ports: address '{port.address}' is not an IP address. Give one of this host's, or 127.0.0.1."
        ) from error


def _once(option: str, values: Iterable[str]) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise ServiceError(f"{option} {value} is given twice. Keep one.")
        seen.add(value)


def size_bytes(text: str) -> int:
    """Bytes of a size in Docker's notation, such as 512m."""
    match = _SIZE.fullmatch(text)
    if not match:
        raise ServiceError(f"memory: '{text}' is not a size. Write it like 512m or 1g.")
    return int(match[1]) * _FACTORS[match[2].lower()]


def gpu_mechanism(wanted: str, cdi_enabled: bool, cdi_spec: bool, runtimes: list[str]) -> str:
    """How the container gets GPUs: `none`, `cdi` or `runtime`.

    `cdi_enabled` says whether the engine reads CDI specifications, `cdi_spec` whether there is one for NVIDIA GPUs.
    """
    if wanted == "auto":
        if cdi_enabled and cdi_spec:
            return "cdi"
        if "nvidia" in runtimes:
            return "runtime"
        raise ServiceError(
            "gpus: the Docker engine has no way to give GPUs to containers: no CDI specification of kind nvidia.com/gpu"
            f" and no runtime named nvidia. {TOOLKIT_HINT}."
        )
    if wanted == "cdi" and not (cdi_enabled and cdi_spec):
        missing = (
            "there is no CDI specification of kind nvidia.com/gpu"
            if cdi_enabled
            else "the Docker engine does not read CDI specifications"
        )
        raise ServiceError(f"gpus: 'cdi' was asked for, but {missing}. {TOOLKIT_HINT}, or set gpus to auto.")
    if wanted == "runtime" and "nvidia" not in runtimes:
        raise ServiceError(
            "gpus: 'runtime' was asked for, but the Docker engine has no runtime named nvidia (it has"
            f" {', '.join(runtimes)}). {TOOLKIT_HINT}, or set gpus to auto."
        )
    return wanted


def environment(entries: Iterable[str]) -> dict[str, str]:
    """Environment variables by name, from `NAME=value` lines."""
    return {name: value for name, _equals, value in (entry.partition("=") for entry in entries)}


def _device(text: str) -> dict[str, str]:
    source, _colon, rest = text.partition(":")
    target, _colon, permissions = rest.partition(":")
    return {"PathOnHost": source, "PathInContainer": target or source, "CgroupPermissions": permissions or "rwm"}


def _bindings(ports: list[Port]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        bindings.setdefault(f"{port.container_port}/tcp", []).append(
            {"HostIp": port.address, "HostPort": str(port.host_port)}
        )
    return bindings


def _mount_options(mount: Mount, service: str) -> dict[str, Any]:
    """What belongs to one kind of mount. A new volume gets a label with the service that it was made for."""
    if mount.type == "volume":
        return {"VolumeOptions": {"Labels": {OWNER_LABEL: service}}}
    chosen = {"NonRecursive": not mount.recursive, "CreateMountpoint": mount.create_mountpoint}
    options = {name: True for name, wanted in chosen.items() if wanted}
    return {"BindOptions": options} if options else {}


def _environment(service: ServiceSpec, gpus: str, image_env: list[str]) -> dict[str, str]:
    if gpus != "runtime":
        return dict(service.env)
    of_image = environment(image_env)
    defaults = {name: value for name, value in NVIDIA_ENVIRONMENT.items() if name not in of_image}
    return {**defaults, **service.env}


def _security_opts(service: ServiceSpec, confinement: Confinement) -> list[str]:
    """SELinux would hide the folders of the host, whose labels are for the host's own services.

    Docker itself adds the option to a container with the processes of the host.
    """
    labelled = any(option.startswith("label") for option in service.security_opts)
    unlabelled = service.pid_mode == "host" or (confinement.selinux and bool(service.bind_sources))
    return service.security_opts + (["label=disable"] if unlabelled and not labelled else [])


def create_body(
    service: ServiceSpec, gpus: str, image_env: list[str], confinement: Confinement = Confinement()
) -> ContainerBody:
    """The body of ContainerCreate (https://docs.docker.com/reference/api/engine/) for a checked service.

    `gpus` is what gpu_mechanism() decided, `image_env` the environment that the image sets by itself, `confinement`
    that by the engine.
    """
    host_config: dict[str, Any] = {
        "Mounts": [
            {
                "Type": mount.type,
                "Source": mount.source,
                "Target": mount.target,
                "ReadOnly": mount.read_only,
                **_mount_options(mount, service.name),
            }
            for mount in service.mounts
        ],
        "Tmpfs": {path: settings for path, _colon, settings in (entry.partition(":") for entry in service.tmpfs)},
        "PortBindings": _bindings(service.ports),
        "CapAdd": service.cap_add,
        "CapDrop": service.cap_drop,
        "ReadonlyRootfs": service.read_only,
        "SecurityOpt": _security_opts(service, confinement),
        "Devices": [_device(device) for device in service.devices],
        "DeviceRequests": [dict(CDI_REQUEST)] if gpus == "cdi" else [],
        "Memory": size_bytes(service.memory) if service.memory else 0,
        "PidsLimit": service.pids_limit or 0,
        "Ulimits": [{"Name": name, "Soft": value, "Hard": value} for name, value in sorted(service.ulimits.items())],
        "LogConfig": {"Type": service.log_driver, "Config": _log_options(service)},
        "RestartPolicy": {"Name": service.restart_policy},
        "NetworkMode": service.networks[0] if service.networks else "bridge",
    }
    if service.cpus:
        host_config["NanoCpus"] = round(service.cpus * _NANO)
    if gpus == "runtime":
        host_config["Runtime"] = "nvidia"
    if service.pid_mode:
        host_config["PidMode"] = service.pid_mode
    if service.userns_mode and confinement.remapping:
        host_config["UsernsMode"] = service.userns_mode
    body: ContainerBody = {
        "Image": service.image,
        "Env": [f"{name}={value}" for name, value in sorted(_environment(service, gpus, image_env).items())],
        "Labels": {**service.labels, OWNER_LABEL: service.name},
        "ExposedPorts": {port: {} for port in host_config["PortBindings"]},
        "StopTimeout": service.stop_timeout,
        "HostConfig": host_config,
    }
    if service.command:
        body["Cmd"] = service.command
    if service.user:
        body["User"] = service.user
    if service.hostname:
        body["Hostname"] = service.hostname
    if service.container != service.name and host_config["NetworkMode"] not in PREDEFINED:
        body["NetworkingConfig"] = {"EndpointsConfig": {service.networks[0]: {"Aliases": [service.name]}}}
    body["Labels"][HASH_LABEL] = spec_hash(body, service.networks)
    return body


def aliases(body: ContainerBody) -> list[str]:
    """Names beside that of the container by which other containers of its networks reach it."""
    endpoints = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    return [alias for endpoint in endpoints.values() for alias in endpoint["Aliases"]]


def _log_options(service: ServiceSpec) -> dict[str, str]:
    defaults = DEFAULT_LOG_OPTIONS if service.log_driver in _ROTATING_LOG_DRIVERS else {}
    return {**defaults, **service.log_options}


def spec_hash(body: ContainerBody, networks: list[str]) -> str:
    """A short hash of all that the container is made from: it shows the removal of an option, which the engine's report
    alone cannot.
    """
    return hashlib.sha256(json.dumps([body, networks], sort_keys=True).encode()).hexdigest()[:16]


def validator_body(
    service: ServiceSpec, body: ContainerBody, staged: dict[str, str], command: list[str]
) -> ContainerBody:
    """The body of ContainerCreate for a validator: as the service, but with the staged folders, read-only, without
    network and data.
    """
    host = body["HostConfig"]
    mounts = [
        dict(mount, Source=staged.get(mount["Source"], mount["Source"]), ReadOnly=True)
        for mount in host["Mounts"]
        if mount["Type"] == "bind"
    ]
    kept = "Tmpfs CapAdd CapDrop ReadonlyRootfs SecurityOpt UsernsMode Memory NanoCpus PidsLimit Ulimits".split()
    return {
        "Image": body["Image"],
        "Entrypoint": command[:1],
        "Cmd": command[1:],
        "User": body.get("User", ""),
        "Env": body["Env"],
        "Labels": {OWNER_LABEL: service.name},
        "HostConfig": {
            **{name: host[name] for name in kept if name in host},
            "Mounts": mounts,
            "NetworkMode": "none",
            "LogConfig": {"Type": READABLE_LOG_DRIVER, "Config": {}},
        },
    }
