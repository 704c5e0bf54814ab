# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Which GPUs a container asked for, from what the engine reports about the container. Pure."""

import re
from typing import Any, TypedDict

CDI, REQUEST, RUNTIME, DEVICE = "cdi", "request", "runtime", "device"
_KIND = "nvidia.com/gpu="
# NVIDIA's runtime makes the devices of the second kind itself (nvidia-container-toolkit, internal/modifier/cdi.go).
_KINDS = re.compile(r"(?:runtime\.)?nvidia\.com/gpu=")
_VISIBLE_DEVICES = "NVIDIA_VISIBLE_DEVICES"
# Annotations that NVIDIA's runtime reads, with the default of its option annotation-prefixes.
_CDI_ANNOTATION = "cdi.k8s.io/"
_QUALIFIED = re.compile(r"[A-Za-z][\w.-]*/[A-Za-z][\w.-]*=[A-Za-z0-9][\w.:-]*", re.ASCII)
_PLAIN_RUNTIMES = ("runc", "io.containerd.runc.v2")
# Any of them among the names means that no GPU is given (nvidia-container-toolkit, internal/config/image/devices.go).
_NOTHING = {"void", "none"}
# Docker's names for NVIDIA's driver of devices, and the capabilities by which Docker chooses the driver if a request
# names none (moby, daemon/devices_nvidia_linux.go).
_DRIVERS = ("nvidia", "nvidia.cdi", "nvidia.runtime-hook")
_CAPABILITIES = {"gpu", "nvidia", "compute", "compat32", "graphics", "utility", "video", "display"}
# A GPU's node, and that of a capability, which a MIG instance has.
_NODE = re.compile(r"/dev/nvidia(\d+|-caps/nvidia-cap\d+)")


class AskedGpus(TypedDict):
    """The way by which a container asked for GPUs, and their names: `all`, indexes, UUIDs, or device nodes."""

    via: str
    names: list[str]


def of_container(inspected: dict[str, Any]) -> list[AskedGpus]:
    """What a container asked for. Whether its runtime gives GPUs (`runtime`) depends on the engine."""
    host = inspected.get("HostConfig") or {}
    requests = host.get("DeviceRequests") or []
    environment = (inspected.get("Config") or {}).get("Env") or []
    annotated = _annotated(host.get("Annotations") or {}) if host.get("Runtime") not in _PLAIN_RUNTIMES else []
    names = {
        CDI: [name for request in requests if request.get("Driver") == CDI for name in _of_cdi(request)],
        REQUEST: [name for request in requests if _is_for_gpus(request) for name in _requested(request)],
        RUNTIME: annotated or _visible(environment),
        DEVICE: [device.get("PathOnHost", "") for device in host.get("Devices") or []],
    }
    if annotated:
        # The runtime removes the hook of Docker for `--gpus`.
        names[REQUEST] = []
    elif names[CDI] or names[REQUEST] or host.get("Runtime") in _PLAIN_RUNTIMES:
        # The hook and the CDI specification set the variable themselves, and other runtimes do not read it.
        names[RUNTIME] = []
    names[DEVICE] = [name for name in names[DEVICE] if _NODE.fullmatch(name)]
    return [AskedGpus(via=via, names=_plain(given)) for via, given in names.items() if _plain(given)]


def _of_cdi(request: dict[str, Any]) -> list[str]:
    return [name for name in request.get("DeviceIDs") or [] if name.startswith(_KIND)]


def _is_for_gpus(request: dict[str, Any]) -> bool:
    driver = request.get("Driver") or ""
    if driver:
        return driver in _DRIVERS
    return any(_CAPABILITIES.issuperset(capabilities) for capabilities in request.get("Capabilities") or [])


def _requested(request: dict[str, Any]) -> list[str]:
    """Docker gives a number of GPUs as the first ones (moby, daemon/devices_nvidia_linux.go)."""
    count = request.get("Count") or 0
    return request.get("DeviceIDs") or (["all"] if count < 0 else [str(index) for index in range(count)])


def _annotated(annotations: dict[str, str]) -> list[str]:
    values = [value for key, value in annotations.items() if key.startswith(_CDI_ANNOTATION)]
    names = [name for value in values for name in value.split(",")]
    # The runtime ignores annotations of which one has no kind (nvidia-container-toolkit, internal/info/auto.go).
    return names if all(map(_QUALIFIED.fullmatch, names)) else []


def _visible(environment: list[str]) -> list[str]:
    variables = dict(entry.partition("=")[::2] for entry in environment)
    # The runtime gives all GPUs to images of CUDA before 10, which do not name any.
    old_image = variables.get("CUDA_VERSION") and not variables.get("NVIDIA_REQUIRE_CUDA")
    names = variables.get(_VISIBLE_DEVICES, "all" if old_image else "").split(",")
    return [] if _NOTHING.intersection(map(str.strip, names)) else names


def _plain(names: list[str]) -> list[str]:
    short = [_KINDS.sub("", name.strip(), count=1) for name in names]
    return [name for name in short if name and "=" not in name]
