# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Which GPUs a container asked for, and how. Nothing here knows the GPUs of a host."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from container_gpu_collector.containers import Container, DeviceRequest

_CDI_KIND = "nvidia.com/gpu="
# NVIDIA's runtime makes the devices of the second kind itself (nvidia-container-toolkit, internal/modifier/cdi.go).
_KINDS = re.compile(r"(?:runtime\.)?nvidia\.com/gpu=")
# Any of them among the names means that no GPU is given (nvidia-container-toolkit, internal/config/image/devices.go).
_NOTHING = {"void", "none"}
# Docker's names for NVIDIA's driver of devices, and the capabilities by which Docker chooses the driver if a request
# names none (moby, daemon/devices_nvidia_linux.go).
_DRIVERS = ("nvidia", "nvidia.cdi", "nvidia.runtime-hook")
_CAPABILITIES = frozenset(("gpu", "nvidia", "compute", "compat32", "graphics", "utility", "video", "display"))
# Nodes of GPUs and of the capabilities of MIG instances, not those that control the driver.
_NODE = re.compile(r"/dev/nvidia(\d+|-caps/nvidia-cap\d+)")


@dataclass(frozen=True)
class Asked:
    """Names of GPUs and MIG instances in the form of one way: `cdi`, `request`, `runtime` or `device`."""

    via: str
    names: tuple[str, ...]


def by(container: Container, nvidia_runtimes: Collection[str]) -> list[Asked]:
    """What the container asked for, by each way that had an effect.

    Docker's hook for `--gpus` and the CDI specifications of NVIDIA set NVIDIA_VISIBLE_DEVICES themselves, so the
    runtime does not see the value of the container. For an annotation, the runtime removes the hook of Docker.
    Device nodes come beside all others.
    """
    through_runtime = container.runtime in nvidia_runtimes
    cdi = [name for request in container.requests if request.driver == "cdi" for name in _cdi_names(request.devices)]
    requested = [name for request in container.requests if _for_gpus(request) for name in _requested(request)]
    asked = [Asked("cdi", tuple(cdi))]
    if through_runtime and container.annotated_devices:
        asked.append(Asked("runtime", _visible(container.annotated_devices)))
    elif requested:
        asked.append(Asked("request", tuple(requested)))
    elif through_runtime and not cdi:
        asked.append(Asked("runtime", _visible(container.visible_devices)))
    asked.append(Asked("device", tuple(path for path in container.device_paths if _NODE.fullmatch(path))))
    return [entry for entry in asked if entry.names]


def _cdi_names(names: Collection[str]) -> list[str]:
    return _plain(name for name in names if name.startswith(_CDI_KIND))


def _plain(names: Iterable[str]) -> list[str]:
    """The names without their kind. Devices of other kinds are not GPUs."""
    without_kind = [_KINDS.sub("", name.strip(), count=1) for name in names]
    return [name for name in without_kind if name and "=" not in name]


def _for_gpus(request: DeviceRequest) -> bool:
    if request.driver:
        return request.driver in _DRIVERS
    return any(capabilities <= _CAPABILITIES for capabilities in request.capabilities)


def _requested(request: DeviceRequest) -> list[str]:
    if request.devices:
        return _plain(request.devices)
    # Docker gives a count of GPUs as the first ones.
    return ["all"] if request.count < 0 else [str(index) for index in range(request.count)]


def _visible(values: Collection[str]) -> tuple[str, ...]:
    names = tuple(_plain(values))
    return () if _NOTHING.intersection(names) else names
