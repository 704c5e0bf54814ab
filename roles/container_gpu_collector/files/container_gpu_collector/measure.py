# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Asks NVML for the processes of all GPUs, and procfs for their containers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Optional

from container_gpu_collector import cgroups, usage
from container_gpu_collector.allocation import Given
from container_gpu_collector.containers import Container
from container_gpu_collector.inventory import Device, InstanceKey, Inventory
from container_gpu_collector.nvml import Entity, Nvml, NvmlError


@dataclass
class Measure:
    """What rounds share. `failures` says why the last one has not all that the driver tells."""

    procfs: str = "/proc"
    failures: list[str] = field(default_factory=list)
    instance_names: dict[str, InstanceKey] = field(default_factory=dict)
    _nvml: Optional[Nvml] = None
    _newest: dict[tuple[str, ...], int] = field(default_factory=dict)

    def update(self, inventory: Inventory, given: Iterable[Given], containers: Iterable[Container]) -> list[usage.Use]:
        """What the containers use now. The names of MIG instances are known after that."""
        try:
            self._nvml = self._nvml or Nvml.load()
        except NvmlError as error:
            self.failures = [str(error)]
            return []
        entities = list(self._nvml.entities())
        self.instance_names = _names(entities, inventory)
        parts = [self._processes(self._nvml, entity, inventory) for entity in entities]
        measured = usage.by_device(filter(None, parts))
        known = {container.id: container for container in containers}
        owners = self._owners({pid for processes in measured for pid in processes.memory or ()}, known)
        self.failures, self._nvml.failures = self._nvml.failures, []
        return list(usage.of_containers(measured, owners, known, given))

    def _processes(self, nvml: Nvml, entity: Entity, inventory: Inventory) -> Optional[usage.Processes]:
        gpus = [gpu for gpu in inventory.gpus if gpu.uuid == entity.gpu_uuid]
        if not gpus:
            return None
        device = Device(gpus[0], entity.instance)
        memory = nvml.processes(entity)
        if memory is None:
            return usage.Processes(device, None, None)
        key = (entity.gpu_uuid, *entity.names)
        answer = nvml.utilization(entity, self._newest.get(key, 0))
        if answer:
            self._newest[key] = answer[1]
        return usage.Processes(device, memory, answer[0] if answer else None)

    def _owners(self, pids: Iterable[int], known: Mapping[str, Container]) -> dict[int, Optional[str]]:
        owners = {}
        for pid in pids:
            try:
                with open(f"{self.procfs}/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
                    owners[pid] = cgroups.container_of(file.read(), known)
            except OSError:
                # The process has ended.
                continue
        return owners


def _names(entities: Iterable[Entity], inventory: Inventory) -> dict[str, InstanceKey]:
    minors = {gpu.uuid: gpu.minor for gpu in inventory.gpus}
    return {
        name: (minors[entity.gpu_uuid], entity.instance)
        for entity in entities
        if entity.instance is not None and entity.gpu_uuid in minors
        for name in entity.names
    }
