# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import os
import re
from typing import Any

HOOK = "hook"
DEVICES = "devices"
NONE = "none"

# The NVIDIA container runtime hook, by today's name and by that of toolkits before 1.10.
_HOOKS = ("nvidia-container-runtime-hook", "nvidia-container-toolkit")
_NO_DEVICES = ("", "void", "none")
# A GPU itself; in legacy mode the runtime adds nodes such as /dev/nvidia-fs0 to a container whose GPUs the hook gives.
_GPU = re.compile(r"/dev/nvidia\d+")
_PLAIN_RUNTIMES = ("", "runc", "io.containerd.runc.v2")
# Where containerd keeps the bundle of a running container: a containerd of the system's, and one that dockerd started
# itself.
BUNDLES = (
    "/run/containerd/io.containerd.runtime.v2.task/moby",
    "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby",
)


def of_bundle(config: dict[str, Any]) -> str:
    """How a container got its GPUs, from the `config.json` it was started with
    (https://github.com/opencontainers/runtime-spec/blob/main/config.md).

    `hook`: by NVIDIA's hook, behind the back of the container runtime, so that `systemctl daemon-reload` can take them
    away if systemd keeps the cgroups (https://github.com/NVIDIA/nvidia-container-toolkit/issues/1227). `devices`: by
    device nodes that the runtime knows of, as CDI does it. `none`: it has none.
    """
    hooks = (config.get("hooks") or {}).get("prestart") or []
    if any(os.path.basename(hook.get("path", "")) in _HOOKS for hook in hooks) and _visible(
        (config.get("process") or {}).get("env")
    ):
        return HOOK
    devices = (config.get("linux") or {}).get("devices") or []
    return DEVICES if any(_GPU.fullmatch(device.get("path", "")) for device in devices) else NONE


def of_request(inspected: dict[str, Any]) -> str:
    """The same for a container whose bundle is not in the expected folder, from the engine's report: a hook if one
    is possible.
    """
    host = inspected.get("HostConfig") or {}
    requests = host.get("DeviceRequests") or []
    if any("gpu" in names for request in requests for names in request.get("Capabilities") or []):
        return HOOK
    if host.get("Runtime", "") not in _PLAIN_RUNTIMES and _visible((inspected.get("Config") or {}).get("Env")):
        return HOOK
    by_cdi = any(request.get("Driver") == "cdi" for request in requests)
    return (
        DEVICES
        if by_cdi or any(_GPU.fullmatch(device.get("PathOnHost", "")) for device in host.get("Devices") or [])
        else NONE
    )


def _visible(entries: list[str] | None) -> bool:
    """Whether a container with this environment gets GPUs by the hook. Images of CUDA before 10 that name no GPU get
    all of them (https://github.com/NVIDIA/nvidia-container-toolkit/blob/main/internal/config/image/cuda_image.go).
    """
    environment = dict(entry.partition("=")[::2] for entry in entries or [])
    old_image = environment.get("CUDA_VERSION") and not environment.get("NVIDIA_REQUIRE_CUDA")
    return environment.get("NVIDIA_VISIBLE_DEVICES", "all" if old_image else "") not in _NO_DEVICES


def of_container(inspected: dict[str, Any], bundles: tuple[str, ...] = BUNDLES) -> str:
    """How a running container got its GPUs: `hook`, `devices` or `none`."""
    for folder in bundles:
        try:
            with open(os.path.join(folder, inspected["Id"], "config.json"), encoding="utf-8") as file:
                return of_bundle(json.load(file))
        except (OSError, ValueError):
            continue
    return of_request(inspected)
