# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The GPUs and MIG instances as NVIDIA's kernel module shows them in /proc/driver, which needs no access to a GPU."""

import functools
import os
import re

from container_gpu_collector.inventory import Gpu, InstanceKey

_FIELD = re.compile(r"^([A-Za-z ]+?)\s*:\s*(.*?)\s*$", re.MULTILINE)
_BUS_ID = re.compile(r"[0-9a-f]+:[0-9a-f]+:[0-9a-f]+\.[0-9a-f]", re.IGNORECASE)
_CAPABILITY = re.compile(r"^gpu(\d+)/gi(\d+)/(?:ci\d+/)?access (\d+)$", re.MULTILINE)
_GPU_FOLDER, _INSTANCE_FOLDER = re.compile(r"gpu(\d+)"), re.compile(r"gi(\d+)")


def gpus(folder: str) -> tuple[Gpu, ...]:
    """The GPUs of the kernel module, numbered in the order of their PCI addresses, as NVML and DCGM number them."""
    known = []
    for address in sorted(filter(_BUS_ID.fullmatch, _entries(f"{folder}/nvidia/gpus"))):
        fields = dict(_FIELD.findall(_text(f"{folder}/nvidia/gpus/{address}/information")))
        # NVML does not list a GPU that the module excludes.
        if fields.get("Device Minor", "").isdigit() and fields.get("GPU Excluded", "No") != "Yes":
            known.append((fields.get("GPU UUID", ""), int(fields["Device Minor"]), address))
    return tuple(
        Gpu(index, "" if "?" in uuid else uuid, minor, address) for index, (uuid, minor, address) in enumerate(known)
    )


def instances(folder: str) -> frozenset[InstanceKey]:
    """The GPU instances that exist."""
    root = f"{folder}/nvidia/capabilities"
    return frozenset(
        (int(gpu[1]), int(instance[1]))
        for gpu in filter(None, map(_GPU_FOLDER.fullmatch, _entries(root)))
        for instance in filter(None, map(_INSTANCE_FOLDER.fullmatch, _entries(f"{root}/{gpu[0]}/mig")))
    )


def capabilities(folder: str) -> dict[int, InstanceKey]:
    """The GPU instance of each number of a device node in /dev/nvidia-caps, whether the instance exists or not."""
    return _capabilities(_text(f"{folder}/nvidia-caps/mig-minors"))


@functools.lru_cache(maxsize=1)
def _capabilities(table: str) -> dict[int, InstanceKey]:
    return {int(number): (int(gpu), int(instance)) for gpu, instance, number in _CAPABILITY.findall(table)}


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""
