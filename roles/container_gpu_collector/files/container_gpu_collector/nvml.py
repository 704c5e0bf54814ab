# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""NVML, the library of NVIDIA's driver (nvml.h): processes of GPUs and MIG instances, their memory and utilization."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Optional

LIBRARY = "libnvidia-ml.so.1"
_SUCCESS, _NOT_SUPPORTED, _NO_PERMISSION, _NOT_FOUND, _INSUFFICIENT_SIZE, _FUNCTION_NOT_FOUND = 0, 3, 4, 6, 7, 13
# What the driver does not tell. Everything else is an error.
_NOT_TOLD = (_NOT_SUPPORTED, _NO_PERMISSION, _FUNCTION_NOT_FOUND)
_MEMORY_UNKNOWN = 2**64 - 1
# Processes that start between two calls.
_SPARE = 8


class _Process(ctypes.Structure):
    _fields_ = [("pid", ctypes.c_uint), ("memory", ctypes.c_ulonglong), ("gi", ctypes.c_uint), ("ci", ctypes.c_uint)]


class _Sample(ctypes.Structure):
    _fields_ = [
        ("pid", ctypes.c_uint),
        ("time", ctypes.c_ulonglong),
        *((name, ctypes.c_uint) for name in ("sm", "memory", "encoder", "decoder")),
    ]


class NvmlError(Exception):
    """NVML does not answer."""


@dataclass(frozen=True)
class Entity:
    """A GPU, or a MIG instance of it with its id and its names."""

    handle: Any
    gpu_uuid: str
    instance: Optional[int] = None
    names: tuple[str, ...] = ()


@dataclass
class Nvml:
    """The library. `failures` are the calls that failed since it was emptied."""

    library: Any
    failures: list[str] = field(default_factory=list)

    @staticmethod
    def load() -> Nvml:
        """The library, ready for questions. Raises NvmlError if the library or a driver that fits is missing."""
        try:
            library = ctypes.CDLL(LIBRARY)
        except OSError as error:
            raise NvmlError(str(error)) from error
        code = library.nvmlInit_v2()
        if code != _SUCCESS:
            raise NvmlError(f"nvmlInit_v2 answers {code}")
        return Nvml(library)

    def entities(self) -> Iterator[Entity]:
        """What work runs on: the MIG instances of a GPU that has some, and the other GPUs themselves."""
        for index in range(self._number("nvmlDeviceGetCount_v2") or 0):
            handle = ctypes.c_void_p()
            if self._call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle)):
                continue
            uuid = self._uuid(handle)
            instances = list(self._instances(handle, index, uuid))
            yield from instances or [Entity(handle, uuid)]

    def processes(self, entity: Entity) -> Optional[dict[int, Optional[int]]]:
        """Bytes of memory by process id, None for memory that is not told; None if processes are not told."""
        processes: dict[int, Optional[int]] = {}
        for kind in ("Compute", "Graphics", "MPSCompute"):
            listed = self._processes(f"nvmlDeviceGet{kind}RunningProcesses", entity.handle)
            if listed is None and kind == "Compute":
                return None
            for process in listed or []:
                memory = None if process.memory == _MEMORY_UNKNOWN else process.memory
                # A process that computes and draws is in two lists, with the same memory.
                processes[process.pid] = max(filter(None, (memory, processes.get(process.pid))), default=memory)
        return processes

    def utilization(self, entity: Entity, since: int) -> Optional[tuple[dict[int, int], int]]:
        """Percent by process id, of the processes that worked since a time of NVML, and the newest time.

        None if utilization is not told.
        """
        count = ctypes.c_uint(0)
        function, last = "nvmlDeviceGetProcessUtilization", ctypes.c_ulonglong(since)
        code = self._call(function, entity.handle, None, ctypes.byref(count), last)
        if code == _NOT_FOUND or (code == _SUCCESS and not count.value):
            return {}, since
        if code not in (_SUCCESS, _INSUFFICIENT_SIZE):
            return None
        samples = (_Sample * (count.value + _SPARE))()
        count.value += _SPARE
        code = self._call(function, entity.handle, samples, ctypes.byref(count), last)
        if code not in (_SUCCESS, _NOT_FOUND):
            return None
        newest = sorted(samples[: count.value] if code == _SUCCESS else [], key=lambda sample: sample.time)
        return {sample.pid: sample.sm for sample in newest}, newest[-1].time if newest else since

    def _instances(self, gpu: Any, index: int, gpu_uuid: str) -> Iterator[Entity]:
        for number in range(self._number("nvmlDeviceGetMaxMigDeviceCount", gpu) or 0):
            handle = ctypes.c_void_p()
            if self._call("nvmlDeviceGetMigDeviceHandleByIndex", gpu, ctypes.c_uint(number), ctypes.byref(handle)):
                continue
            instance = self._number("nvmlDeviceGetGpuInstanceId", handle)
            if instance is not None:
                yield Entity(handle, gpu_uuid, instance, (self._uuid(handle), f"{index}:{number}"))

    def _processes(self, function: str, handle: Any) -> Optional[list[Any]]:
        # Version 3 came with driver 510, and has the structure of version 2.
        version = "_v3" if hasattr(self.library, f"{function}_v3") else "_v2"
        count = ctypes.c_uint(0)
        code = self._call(function + version, handle, ctypes.byref(count), None)
        if code == _SUCCESS:
            return []
        if code != _INSUFFICIENT_SIZE:
            return None
        processes = (_Process * (count.value + _SPARE))()
        count.value += _SPARE
        code = self._call(function + version, handle, ctypes.byref(count), processes)
        return list(processes[: count.value]) if code == _SUCCESS else None

    def _uuid(self, handle: Any) -> str:
        text = ctypes.create_string_buffer(96)
        self._call("nvmlDeviceGetUUID", handle, text, ctypes.c_uint(len(text)))
        return text.value.decode(errors="replace")

    def _number(self, function: str, *arguments: Any) -> Optional[int]:
        number = ctypes.c_uint(0)
        return None if self._call(function, *arguments, ctypes.byref(number)) else number.value

    def _call(self, function: str, *arguments: Any) -> int:
        """The code of a call. One that fails for another reason than that the driver does not tell is noted."""
        try:
            code = int(getattr(self.library, function)(*arguments))
        except AttributeError:
            code = _FUNCTION_NOT_FOUND
        if code not in (_SUCCESS, _NOT_FOUND, _INSUFFICIENT_SIZE, *_NOT_TOLD):
            self.failures.append(f"{function} answers {code}")
        return code
