# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import (
    Config,
    Container,
    ContainerBody,
    Image,
    Mount,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.files import FileChange
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.spec import HASH_LABEL, aliases, environment

_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
# What container_service never sets: a container that has one of them was made or changed by somebody else.
_FOREIGN = (
    "Privileged UTSMode CgroupParent CpuShares CpuPeriod CpuQuota CpusetCpus CpusetMems MemoryReservation BlkioWeight"
    " AutoRemove PublishAllPorts VolumesFrom Links Dns DnsOptions DnsSearch ExtraHosts GroupAdd Sysctls StorageOpt"
    " DeviceCgroupRules OomScoreAdj Init"
).split()
_SPEC_HASH = "spec"
# Settings of a container by the names of the options, each in the one form in which two containers can be compared.
View = dict[str, Any]


def _capabilities(names: Optional[list[str]]) -> list[str]:
    return sorted(name.upper().removeprefix("CAP_") for name in names or [])


def _security(options: Optional[list[str]]) -> list[str]:
    return sorted(option.removesuffix(":true") for option in options or [])


def _ports(bindings: Optional[dict[str, Optional[list[dict[str, str]]]]]) -> dict[str, list[str]]:
    return {
        port: sorted(f"{binding.get('HostIp', '')}:{binding['HostPort']}" for binding in hosts)
        for port, hosts in (bindings or {}).items()
        if hosts
    }


def _mount(kind: str, source: str, read_only: bool) -> str:
    return f"{kind} {source} {'read-only' if read_only else 'read-write'}"


def _devices(devices: Optional[list[dict[str, str]]]) -> list[str]:
    return sorted(
        f"{device['PathOnHost']}:{device['PathInContainer']}:{device['CgroupPermissions']}" for device in devices or []
    )


def _gpus(requests: Optional[list[dict[str, Any]]]) -> list[str]:
    return sorted(
        json.dumps({name: value for name, value in request.items() if value}, sort_keys=True)
        for request in requests or []
    )


def _settings(config: Mapping[str, Any], host: dict[str, Any], image: Config) -> View:
    """The settings that have one form in what is asked for and in what the engine reports."""
    labels = {name: value for name, value in (config.get("Labels") or {}).items() if name != HASH_LABEL}
    log = host.get("LogConfig") or {}
    return {
        "command": config.get("Cmd") or image.get("Cmd") or [],
        "entrypoint": config.get("Entrypoint") or image.get("Entrypoint") or [],
        "env": {**environment(image.get("Env") or []), **environment(config.get("Env") or [])},
        "user": config.get("User") or image.get("User") or "",
        "labels": {**(image.get("Labels") or {}), **labels},
        "stop_timeout": config.get("StopTimeout"),
        "tmpfs": host.get("Tmpfs") or {},
        "ports": _ports(host.get("PortBindings")),
        "cap_add": _capabilities(host.get("CapAdd")),
        "cap_drop": _capabilities(host.get("CapDrop")),
        "read_only": bool(host.get("ReadonlyRootfs")),
        "security_opts": _security(host.get("SecurityOpt")),
        "userns_mode": host.get("UsernsMode") or "",
        "pid_mode": host.get("PidMode") or "",
        "devices": _devices(host.get("Devices")),
        "gpus": _gpus(host.get("DeviceRequests")),
        "runtime": host.get("Runtime") or "",
        "memory": host.get("Memory") or 0,
        "cpus": (host.get("NanoCpus") or 0) / 10**9,
        "pids_limit": max(host.get("PidsLimit") or 0, 0),
        "ulimits": {limit["Name"]: f"{limit['Soft']}:{limit['Hard']}" for limit in host.get("Ulimits") or []},
        "log_driver": log.get("Type"),
        "log_options": log.get("Config") or {},
        "restart_policy": (host.get("RestartPolicy") or {}).get("Name") or "no",
        "settings": {name: host[name] for name in _FOREIGN if host.get(name)},
        _SPEC_HASH: (config.get("Labels") or {}).get(HASH_LABEL, ""),
    }


def _image_config(image: Optional[Image]) -> Config:
    return (image or {}).get("Config") or {}


def wanted_view(body: ContainerBody, name: str, networks: list[str], image: Optional[Image], image_id: str) -> View:
    """The settings of the wanted container by option names; `image` as the engine reports it, None if it is not here
    yet.
    """
    view = _settings(body, body["HostConfig"], _image_config(image))
    view["container_name"] = name
    view["networks"] = sorted(networks) or ["bridge"]
    view["aliases"] = aliases(body)
    view["image"] = f"{body['Image']} ({image_id})"
    view["hostname"] = body.get("Hostname", "")
    view["mounts"] = {
        mount["Target"]: _mount(mount["Type"], mount["Source"], mount["ReadOnly"])
        for mount in body["HostConfig"]["Mounts"]
    }
    return view


def present_view(
    inspected: Container,
    image: Optional[Image],
    wanted: View,
    networks: dict[str, str],
    default_runtime: str,
    replaced: Mapping[str, str] = MappingProxyType({}),
) -> View:
    """The settings of the container that is there, as the engine reports them.

    `image` is the container's own image, `networks` the ids of the engine's networks by name. Settings that the
    daemon's configuration adds (log options, ulimits, the default runtime) and labels of the image are left out, unless
    they contradict the options. `replaced` are the targets of mounts whose folder on the host was replaced, with the
    reason.
    """
    config, host, of_image = inspected["Config"], inspected["HostConfig"], _image_config(image)
    view = _settings(config, host, of_image)
    view["container_name"] = inspected["Name"].lstrip("/")
    view["image"] = f"{config['Image']} ({inspected['Image']})"
    endpoints = inspected["NetworkSettings"]["Networks"]
    view["networks"] = sorted(
        name for name, endpoint in endpoints.items() if endpoint.get("NetworkID") in ("", networks.get(name))
    )
    view["aliases"] = [
        alias
        for alias in wanted["aliases"]
        if all(alias in (endpoint.get("Aliases") or []) for endpoint in endpoints.values())
    ]
    view["hostname"] = "" if inspected["Id"].startswith(config["Hostname"]) else config["Hostname"]
    view["mounts"] = {
        os.path.normpath(mount["Destination"]): _mount(
            mount["Type"], mount["Name"] if mount["Type"] == "volume" else mount.get("Source", ""), not mount["RW"]
        )
        for mount in inspected["Mounts"]
        if not _belongs_to_image(mount, image)
    }
    for target, reason in replaced.items():
        if target in view["mounts"]:
            view["mounts"][target] += f" ({reason})"
    for name in ("log_options", "ulimits", "labels"):
        view[name] = {key: value for key, value in view[name].items() if key in wanted[name]}
    if image is None:
        view["env"] = {key: value for key, value in view["env"].items() if key in wanted["env"]}
    if not wanted["runtime"] and view["runtime"] == default_runtime:
        view["runtime"] = ""
    return view


def _belongs_to_image(mount: Mount, image: Optional[Image]) -> bool:
    """Whether it is an unnamed volume that the engine made because the image declares one."""
    unnamed = mount["Type"] == "volume" and bool(_ANONYMOUS.fullmatch(mount["Name"]))
    return unnamed and (image is None or mount["Destination"] in (_image_config(image).get("Volumes") or {}))


def differences(wanted: View, present: View) -> list[str]:
    """Names of the options in which the container differs from the declared one; with the key, as in `env.TZ`, if
    the option has keys.
    """
    different: list[str] = []
    for name in sorted(wanted):
        asked, actual = wanted[name], present[name]
        if isinstance(asked, dict):
            different += [
                f"{name}.{key}"
                for key in sorted({**asked, **actual})
                if asked.get(key) != actual.get(key) or (key in asked) != (key in actual)
            ]
        elif asked != actual:
            different.append(name)
    return [name for name in different if name != _SPEC_HASH] or different


@dataclass
class Plan:
    """The needed changes. `container` is one of keep, create, recreate, start, reload.

    `reasons` are the options and files for which it is recreated. `explanations` has those of them that a name alone
    does not explain. `data_of` is the version whose data another version is about to change.
    """

    container: str
    reasons: list[str] = field(default_factory=list)
    explanations: dict[str, str] = field(default_factory=dict)
    files: list[FileChange] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    interrupted: bool = False
    pull: bool = False
    data_of: str = ""
    copies_data: bool = False

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return self.container != "keep" or bool(
            self.files or self.networks or self.orphans or self.interrupted or self.pull
        )

    @property
    def replaces(self) -> bool:
        """Whether a new container is made."""
        return self.container in ("create", "recreate")

    def actions(self) -> list[str]:
        """The plan in words, in the order in which it is carried out."""
        said = ["clear up an interrupted change"] if self.interrupted else []
        said += ["pull image"] if self.pull else []
        said += [f"create network {name}" for name in self.networks]
        said += [f"write {change.path}" for change in self.files]
        copied = "copy" if self.copies_data else "change without a copy"
        said += [f"{copied} the data of version {self.data_of}"] if self.data_of else []
        reasons = [
            f"{reason} ({self.explanations[reason]})" if reason in self.explanations else reason
            for reason in self.reasons
        ]
        words = {
            "create": "create container",
            "recreate": f"recreate container: {', '.join(reasons)}",
            "start": "start container",
            "reload": "reload",
        }
        said += [words[self.container]] if self.container in words else []
        return said + [f"remove {path}" for path in self.orphans]


def decide(exists: bool, running: bool, different: list[str], effects: dict[str, str]) -> tuple[str, list[str]]:
    """What to do with the container, and why it is recreated if it is; `effects` are the `on_change` of changed
    files by path.
    """
    recreating = [path for path, effect in effects.items() if effect == "recreate"]
    if not exists:
        return "create", []
    if different or recreating:
        return "recreate", different + recreating
    if not running:
        return "start", []
    return ("reload" if "reload" in effects.values() else "keep"), []


def container_diff(name: str, wanted: View, present: Optional[View], plan: Plan) -> list[dict[str, str]]:
    """What changes of the container, in Ansible's form of a diff."""
    if plan.container == "create" or present is None:
        before, after = "", _lines(wanted, sorted(wanted))
    elif plan.container == "recreate":
        options = sorted({reason.partition(".")[0] for reason in plan.reasons if not reason.startswith("/")})
        before, after = _lines(present, options), _lines(wanted, options)
    elif plan.container == "start":
        before, after = "running: false\n", "running: true\n"
    else:
        return []
    if before == after:
        return []
    header = f"container {name}"
    return [{"before_header": header, "after_header": header, "before": before, "after": after}]


def _lines(view: View, options: list[str]) -> str:
    """The options as sorted YAML-like text; empty ones are left out."""
    lines = []
    for name in options:
        value = view[name]
        if isinstance(value, dict) and value:
            lines += [f"{name}:"] + [f"  {key}: {_scalar(value[key])}" for key in sorted(value)]
        elif isinstance(value, list) and value:
            lines += [f"{name}:"] + [f"  - {_scalar(item)}" for item in value]
        elif value not in ({}, [], "", None, 0, False):
            lines.append(f"{name}: {_scalar(value)}")
    return "".join(f"{line}\n" for line in lines)


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
