# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The metrics, with labels spelt as cAdvisor and the DCGM exporter spell theirs."""

import re
from collections.abc import Iterable, Mapping
from typing import Optional

from container_gpu_collector import cgroups
from container_gpu_collector.allocation import Given
from container_gpu_collector.containers import Container
from container_gpu_collector.exposition import Family
from container_gpu_collector.inventory import Device
from container_gpu_collector.usage import Use

_NOT_IN_LABELS = re.compile(r"[^a-zA-Z0-9_]")


def labels_of(container: Optional[Container], device: Device, cgroup_driver: str) -> dict[str, str]:
    """The labels that a container and a device have in every family; those of a container are empty for None.

    Containers of the collection are marked.
    """
    mark = {"monitoring": "true"} if container and container.monitoring else {}
    return {
        "name": container.name if container else "",
        "image": container.image if container else "",
        "id": cgroups.path(container.id, container.cgroup_parent, cgroup_driver) if container else "",
        "gpu": str(device.gpu.index),
        "UUID": device.gpu.uuid,
        "GPU_I_ID": "" if device.instance is None else str(device.instance),
        **mark,
    }


def allocation(given: Iterable[Given], cgroup_driver: str) -> Family:
    """Who was given what."""
    family = Family("container_gpu_info", "A GPU or MIG instance that a running container was given.")
    for entry in given:
        labels = {**labels_of(entry.container, entry.device, cgroup_driver), "via": entry.via}
        for name, value in entry.container.labels:
            labels.setdefault(f"container_label_{_NOT_IN_LABELS.sub('_', name)}", value)
        family.samples.append((labels, 1))
    return family


def use(uses: Iterable[Use], cgroup_driver: str) -> list[Family]:
    """What containers use. A value that the driver does not tell has no sample."""
    memory = Family(
        "container_gpu_memory_used_bytes", "Memory of a GPU or MIG instance that the processes of a container have."
    )
    ratio = Family(
        "container_gpu_utilization_ratio", "Share of time in which a GPU worked for a container, from 0 to 1."
    )
    processes = Family("container_gpu_processes", "Processes of a container that have a GPU or MIG instance open.")
    for entry in uses:
        labels = labels_of(entry.container, entry.device, cgroup_driver)
        processes.samples.append((labels, entry.processes))
        for family, value in ((memory, entry.memory), (ratio, entry.utilization)):
            if value is not None:
                family.samples.append((labels, value))
    return [memory, ratio, processes]


def state(errors: Mapping[str, int], now: float) -> list[Family]:
    """How the collector itself is."""
    count = Family(
        "container_gpu_collector_errors",
        "What the collector could not read or did not know in its last round, by kind.",
    )
    count.samples = [({"kind": kind}, number) for kind, number in errors.items()]
    success = Family(
        "container_gpu_collector_last_success_timestamp_seconds", "When the collector last read all containers."
    )
    success.samples = [({}, round(now))]
    return [count, success]
