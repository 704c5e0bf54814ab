# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Which GPUs a container asked for, from what the engine says of it. Pure."""

import re
from typing import Any, TypedDict

CDI, REQUEST, RUNTIME, DEVICE = "cdi", "request", "runtime", "device"
_KIND = "nvidia.com/gpu="
_VISIBLE_DEVICES = "NVIDIA_VISIBLE_DEVICES="
_PLAIN_RUNTIMES = ("runc", "io.containerd.runc.v2")
_NOTHING = ("", "void", "none")
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
    visible = [
        entry[len(_VISIBLE_DEVICES) :]
        for entry in (inspected.get("Config") or {}).get("Env") or []
        if entry.startswith(_VISIBLE_DEVICES)
    ]
    names = {
        CDI: [name for request in requests if request.get("Driver") == CDI for name in request.get("DeviceIDs") or []],
        REQUEST: [name for request in requests if _is_for_gpus(request) for name in _requested(request)],
        RUNTIME: visible[-1].split(",") if visible else [],
        DEVICE: [device.get("PathOnHost", "") for device in host.get("Devices") or []],
    }
    if names[CDI] or names[REQUEST] or host.get("Runtime") in _PLAIN_RUNTIMES:
        # The hook and the CDI specification set the variable themselves, and other runtimes do not read it.
        names[RUNTIME] = []
    names[DEVICE] = [name for name in names[DEVICE] if _NODE.fullmatch(name)]
    return [AskedGpus(via=via, names=_plain(given)) for via, given in names.items() if _plain(given)]


def _is_for_gpus(request: dict[str, Any]) -> bool:
    driver = request.get("Driver") or ""
    capabilities = [name for names in request.get("Capabilities") or [] for name in names]
    return driver == "nvidia" or (not driver and "gpu" in capabilities)


def _requested(request: dict[str, Any]) -> list[str]:
    """Docker gives a number of GPUs as the first ones (moby, daemon/devices_nvidia_linux.go)."""
    count = request.get("Count") or 0
    return request.get("DeviceIDs") or (["all"] if count < 0 else [str(index) for index in range(count)])


def _plain(names: list[str]) -> list[str]:
    short = [name[len(_KIND) :] if name.startswith(_KIND) else name for name in map(str.strip, names)]
    return [name for name in short if name not in _NOTHING and "=" not in name]
