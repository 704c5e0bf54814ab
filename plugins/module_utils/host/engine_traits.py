# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What an engine is and how it confines containers, from its own answers. Nothing here asks a host."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.engine_confinement import remapping, security_options

# Docker 20.10 is the first with this version, and with support for the control groups of version 2.
LEAST_API = (1, 41)
_PODMAN = "Podman Engine"
_SNAP_ROOT = "/var/snap/docker/"
_SUPPORTED = "Install Docker Engine 20.10 or newer from the distribution (docker.io) or from Docker (docker-ce)"


class EngineTraits(TypedDict):
    """Kind of an engine, what confines its containers, and why the roles cannot use it."""

    kind: str
    apparmor: bool
    selinux: bool
    user_remapping: bool
    cgroup_version: str
    cgroup_driver: str
    cgroup_parent: str
    problem: str
    warnings: list[str]


class OtherEngines(NamedTuple):
    """Signs of engines that do not answer at the asked socket."""

    rootless_sockets: tuple[str, ...] = ()
    snap: bool = False


def none() -> EngineTraits:
    """The traits of an engine that does not answer."""
    return {
        "kind": "",
        "apparmor": False,
        "selinux": False,
        "user_remapping": False,
        "cgroup_version": "",
        "cgroup_driver": "",
        "cgroup_parent": "",
        "problem": "",
        "warnings": [],
    }


def of_answers(version: Mapping[str, Any], info: Mapping[str, Any], daemon: Mapping[str, Any]) -> EngineTraits:
    """The traits of an engine, from its answers of /version and /info and from its daemon.json."""
    kind = _kind(version, info)
    options = security_options(info)
    return {
        "kind": kind,
        "apparmor": "apparmor" in options,
        "selinux": "selinux" in options,
        "user_remapping": "userns" in options,
        "cgroup_version": str(info.get("CgroupVersion") or "1"),
        "cgroup_driver": str(info.get("CgroupDriver") or "cgroupfs"),
        "cgroup_parent": str(daemon.get("cgroup-parent") or ""),
        "problem": _problem(kind, version, info),
        "warnings": _warnings(daemon),
    }


def without_answer(others: OtherEngines) -> str:
    """Why no engine can be installed on a host if none answers; empty if one can be."""
    if others.snap:
        return f"{_SNAP} {_SNAP_FIX}"
    if others.rootless_sockets:
        return f"A rootless Docker engine runs at {', '.join(others.rootless_sockets)}. {_ROOTLESS} {_ROOTLESS_FIX}"
    return ""


_SNAP = "Docker is installed as a snap, which does not see /etc and the other folders of the host that services need."
_SNAP_FIX = (
    f"{_SUPPORTED} in its place. `snap remove docker` removes its containers, images and volumes: save the data first."
)
_ROOTLESS = (
    "Services of a rootless engine cannot see the processes, control groups and files of the whole host, or the"
    " containers of other users."
)
_ROOTLESS_FIX = (
    f"{_SUPPORTED} beside it by hand. The rootless engine and its containers continue to run, and are not monitored."
)


def _kind(version: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    if any(component.get("Name") == _PODMAN for component in version.get("Components") or []):
        return "podman"
    if "rootless" in security_options(info):
        return "rootless"
    if str(info.get("DockerRootDir", "")).startswith(_SNAP_ROOT):
        return "snap"
    return "docker"


def _problem(kind: str, version: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    if kind == "podman":
        return (
            f"Podman {version.get('Version', '')} answers there, not Docker. {_SUPPORTED}. The package podman-docker"
            " and podman.socket have the same socket: remove the package, or disable the socket, first."
            " Podman's containers continue to run."
        )
    if kind == "rootless":
        return f"The engine that answers there is rootless. {_ROOTLESS} {_ROOTLESS_FIX}"
    if kind == "snap":
        return f"{_SNAP} {_SNAP_FIX}"
    if _numbers(version.get("ApiVersion")) < LEAST_API:
        return f"Docker {version.get('Version', '')} is too old. {_SUPPORTED}."
    if "userns" in security_options(info) and remapping(info) is None:
        return (
            f"userns-remap is on, but the data folder {info.get('DockerRootDir', '')} does not name the remapped user."
            ' Remove "userns-remap" from daemon.json, or give the engine the data folder that userns-remap makes.'
        )
    return ""


def _warnings(daemon: Mapping[str, Any]) -> list[str]:
    """What daemon.json says that makes services unreachable. The engine itself does not report these settings."""
    if daemon.get("iptables") is not False:
        return []
    lines = [
        '"iptables": false in daemon.json: Docker makes no firewall rules. Prometheus reaches other hosts only if'
        " the site's own rules masquerade the addresses of the Docker network."
    ]
    if daemon.get("userland-proxy") is False:
        lines.append(
            '"userland-proxy": false as well: published ports answer only if the site\'s own rules forward them.'
        )
    return lines


def _numbers(version: Any) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in str(version).split(".")[:2])
    except ValueError:
        return (0, 0)
