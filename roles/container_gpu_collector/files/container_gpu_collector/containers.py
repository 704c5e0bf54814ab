# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""A container as Docker keeps it in config.v2.json and hostconfig.json. Of both files only named keys are kept."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

# A container of the collection has its service in this label.
SERVICE_LABEL = "mlops.gpu_monitoring.service"
_VISIBLE_DEVICES = "NVIDIA_VISIBLE_DEVICES"
# Annotations that NVIDIA's runtime reads, with the default of its option annotation-prefixes.
_CDI_ANNOTATION = "cdi.k8s.io/"
_QUALIFIED = re.compile(r"[A-Za-z][\w.-]*/[A-Za-z][\w.-]*=[A-Za-z0-9][\w.:-]*", re.ASCII)


@dataclass(frozen=True)
class DeviceRequest:
    """A request for devices, as `--gpus` and `--device nvidia.com/gpu=0` make it. A count of -1 means all.

    `capabilities` are lists, of which one must match as a whole.
    """

    driver: str
    count: int
    devices: tuple[str, ...]
    capabilities: tuple[frozenset[str], ...]


@dataclass(frozen=True)
class Container:
    """A container.

    NVIDIA's runtime would read `annotated_devices`, which are names with their kind, or else `visible_devices`.
    """

    id: str
    name: str
    image: str
    running: bool
    started: str
    monitoring: bool
    labels: tuple[tuple[str, str], ...]
    annotated_devices: tuple[str, ...]
    visible_devices: tuple[str, ...]
    runtime: str
    cgroup_parent: str
    requests: tuple[DeviceRequest, ...]
    device_paths: tuple[str, ...]


def parse(
    config: Mapping[str, Any], host_config: Mapping[str, Any], labels: Collection[str] = (), cgroup_parent: str = ""
) -> Container:
    """The container of the two files, with the engine's parent of control groups if the container names none.

    Raises KeyError, TypeError or AttributeError for what is not Docker's.
    """
    state, own = config["State"], config["Config"]
    container_labels = own.get("Labels") or {}
    return Container(
        id=str(config["ID"]),
        name=config["Name"].lstrip("/"),
        image=str(own.get("Image") or ""),
        # A container between two restarts counts as running and has no process.
        running=bool(state.get("Running") and state.get("Pid")),
        started=str(state.get("StartedAt") or ""),
        monitoring=SERVICE_LABEL in container_labels,
        labels=tuple((label, str(container_labels[label])) for label in labels if label in container_labels),
        annotated_devices=_annotated(host_config.get("Annotations") or {}),
        visible_devices=_visible_devices(own.get("Env") or []),
        # Docker writes the default runtime here if the container names none.
        runtime=str(host_config.get("Runtime") or ""),
        cgroup_parent=str(host_config.get("CgroupParent") or cgroup_parent),
        requests=tuple(_request(request) for request in host_config.get("DeviceRequests") or []),
        device_paths=tuple(str(device["PathOnHost"]) for device in host_config.get("Devices") or []),
    )


def _annotated(annotations: Mapping[str, str]) -> tuple[str, ...]:
    values = [value for key, value in annotations.items() if key.startswith(_CDI_ANNOTATION)]
    names = tuple(name for value in values for name in value.split(","))
    # The runtime ignores annotations of which one has no kind (nvidia-container-toolkit, internal/info/auto.go).
    return names if all(map(_QUALIFIED.fullmatch, names)) else ()


def _visible_devices(environment: list[str]) -> tuple[str, ...]:
    variables = dict(entry.partition("=")[::2] for entry in environment)
    # The runtime gives all GPUs to images of CUDA before 10, which do not name any.
    old_image = variables.get("CUDA_VERSION") and not variables.get("NVIDIA_REQUIRE_CUDA")
    return tuple(variables.get(_VISIBLE_DEVICES, "all" if old_image else "").split(","))


def _request(request: Mapping[str, Any]) -> DeviceRequest:
    return DeviceRequest(
        str(request.get("Driver") or ""),
        int(request.get("Count") or 0),
        tuple(map(str, request.get("DeviceIDs") or ())),
        tuple(frozenset(capabilities) for capabilities in request.get("Capabilities") or []),
    )
