"""A stand-in for the library libnvidia-ml: GPUs, instances and processes as the tests want them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NOT_SUPPORTED, NO_PERMISSION, NOT_FOUND, INSUFFICIENT_SIZE, LOST = 3, 4, 6, 7, 15
MEMORY_UNKNOWN = 2**64 - 1


@dataclass
class Device:
    """A GPU or an instance. Processes are id and bytes, samples id, time and percent; a number is the error instead."""

    uuid: str
    instance: int | None = None
    instances: list[Device] = field(default_factory=list)
    compute: list[tuple[int, int]] | int = field(default_factory=list)
    graphics: list[tuple[int, int]] | int = field(default_factory=list)
    samples: list[tuple[int, int, int]] | int = field(default_factory=list)


class Library:
    """What ctypes would load. Handles are positions in the list of all devices, counted from 1."""

    def __init__(self, *gpus: Device) -> None:
        self.gpus = gpus
        self.devices = [device for gpu in gpus for device in (gpu, *gpu.instances)]

    def _of(self, handle: Any) -> Device:
        return self.devices[handle.value - 1]

    def _give(self, pointer: Any, device: Device) -> int:
        pointer._obj.value = next(position for position, candidate in enumerate(self.devices, 1) if candidate is device)
        return 0

    def nvmlDeviceGetCount_v2(self, count):
        count._obj.value = len(self.gpus)
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index, handle):
        return self._give(handle, self.gpus[index.value])

    def nvmlDeviceGetUUID(self, handle, text, _length):
        text.value = self._of(handle).uuid.encode()
        return 0

    def nvmlDeviceGetMaxMigDeviceCount(self, _handle, count):
        count._obj.value = 7
        return 0

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle, number, instance):
        instances = self._of(handle).instances
        return self._give(instance, instances[number.value]) if number.value < len(instances) else NOT_FOUND

    def nvmlDeviceGetGpuInstanceId(self, handle, number):
        number._obj.value = self._of(handle).instance
        return 0

    def nvmlDeviceGetComputeRunningProcesses_v3(self, handle, count, processes):
        return self._list(self._of(handle).compute, count, processes, ("pid", "memory"))

    def nvmlDeviceGetGraphicsRunningProcesses_v3(self, handle, count, processes):
        return self._list(self._of(handle).graphics, count, processes, ("pid", "memory"))

    def nvmlDeviceGetProcessUtilization(self, handle, samples, count, since):
        known = self._of(handle).samples
        newer = known if isinstance(known, int) else [sample for sample in known if sample[1] > since.value]
        return self._list(newer, count, samples, ("pid", "time", "sm")) if newer else NOT_FOUND

    @staticmethod
    def _list(known, count, room, names):
        if isinstance(known, int):
            return known
        places, count._obj.value = count._obj.value, len(known)
        if places < len(known):
            return INSUFFICIENT_SIZE
        for place, entry in zip(room or [], known):
            for name, value in zip(names, entry):
                setattr(place, name, value)
        return 0
