# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import os
from typing import Any

HOOK = "hook"
DEVICES = "devices"
NONE = "none"

# The NVIDIA container runtime hook, by today's name and by that of toolkits before 1.10.
_HOOKS = ("nvidia-container-runtime-hook", "nvidia-container-toolkit")
_NO_DEVICES = ("", "void", "none")
# Where containerd keeps the bundle of a running container: a containerd of the system's, and one that dockerd started itself.
BUNDLES = (
    "/run/containerd/io.containerd.runtime.v2.task/moby",
    "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby",
)


def of_bundle(config: dict[str, Any]) -> str:
    """How a container got its GPUs, from the `config.json` it was started with (https://github.com/opencontainers/runtime-spec/blob/main/config.md).

    `hook`: by NVIDIA's hook, behind the back of the container runtime, so that `systemctl daemon-reload` can take them away where systemd keeps the cgroups
    (https://github.com/NVIDIA/nvidia-container-toolkit/issues/1227). `devices`: by device nodes that the runtime knows of, as CDI does it. `none`: it has none.
    """
    devices = (config.get("linux") or {}).get("devices") or []
    if any(device.get("path", "").startswith("/dev/nvidia") for device in devices):
        return DEVICES
    hooks = (config.get("hooks") or {}).get("prestart") or []
    environment = dict(entry.partition("=")[::2] for entry in (config.get("process") or {}).get("env") or [])
    hooked = any(os.path.basename(hook.get("path", "")) in _HOOKS for hook in hooks)
    return HOOK if hooked and environment.get("NVIDIA_VISIBLE_DEVICES", "") not in _NO_DEVICES else NONE


def of_request(inspected: dict[str, Any]) -> str:
    """The same from what the engine says of a container, for one whose bundle is not where it is looked for: a hook where one is possible."""
    host = inspected.get("HostConfig") or {}
    environment = dict(entry.partition("=")[::2] for entry in (inspected.get("Config") or {}).get("Env") or [])
    requests = host.get("DeviceRequests") or []
    if any(request.get("Driver") == "cdi" for request in requests) or any(
        device.get("PathOnHost", "").startswith("/dev/nvidia") for device in host.get("Devices") or []
    ):
        return DEVICES
    if any("gpu" in names for request in requests for names in request.get("Capabilities") or []):
        return HOOK
    return HOOK if host.get("Runtime") == "nvidia" and environment.get("NVIDIA_VISIBLE_DEVICES", "") not in _NO_DEVICES else NONE


def of_container(inspected: dict[str, Any], bundles: tuple[str, ...] = BUNDLES) -> str:
    """How a running container got its GPUs: `hook`, `devices` or `none`."""
    for folder in bundles:
        try:
            with open(os.path.join(folder, inspected["Id"], "config.json"), encoding="utf-8") as file:
                return of_bundle(json.load(file))
        except (OSError, ValueError):
            continue
    return of_request(inspected)
