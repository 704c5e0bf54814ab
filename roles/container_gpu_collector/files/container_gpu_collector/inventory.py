# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The GPUs and MIG instances of a host, and the names by which containers ask for them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Optional

from container_gpu_collector.asked import Asked

_OLD_INSTANCE = re.compile(r"MIG-(GPU-[0-9a-f-]+)/(\d+)/\d+", re.IGNORECASE)
# If a container brings the driver, CDI specifications name nodes below its root, such as /run/nvidia/driver.
_GPU_NODE = re.compile(r"(?:/.+)?/dev/nvidia(\d+)")
_CAPABILITY_NODE = re.compile(r"(?:/.+)?/dev/nvidia-caps/nvidia-cap(\d+)")
_PCI_ADDRESS = re.compile(r"([0-9a-f]+):([0-9a-f]{1,2}):([0-9a-f]{1,2})\.0", re.IGNORECASE)
# A GPU instance: minor number of its GPU, and its id.
InstanceKey = tuple[int, int]


@dataclass(frozen=True)
class Gpu:
    """A GPU. `index` is that of nvidia-smi and DCGM, `minor` that of its device node, `address` that of PCI."""

    index: int
    uuid: str
    minor: int
    address: str = ""


@dataclass(frozen=True)
class Device:
    """What a container can be given: a GPU, or a GPU instance of it (MIG) by its id."""

    gpu: Gpu
    instance: Optional[int] = None


@dataclass(frozen=True)
class Inventory:
    """What a host has.

    `capabilities` are GPU instances by the number of a device node in /dev/nvidia-caps. `instance_names` are GPU
    instances by UUID and by index as in 0:1, if a source names them. `cdi_nodes` are the device nodes of each CDI
    device.
    """

    gpus: tuple[Gpu, ...] = ()
    instances: frozenset[InstanceKey] = frozenset()
    capabilities: Mapping[int, InstanceKey] = field(default_factory=dict)
    instance_names: Mapping[str, InstanceKey] = field(default_factory=dict)
    cdi_nodes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def resolve(self, asked: Asked) -> tuple[list[Device], list[str]]:
        """The devices that were asked for, and the names that are not known."""
        if asked.via == "device":
            return self.of_nodes(asked.names), []
        devices, unknown = [], []
        for name in asked.names:
            named = self._named(name, asked.via)
            devices += named
            unknown += [] if named or name == "all" else [name]
        return devices, unknown

    def current(self, device: Device) -> Optional[Device]:
        """The device with the index that its GPU has now; None for a device that no longer exists.

        The kernel module tells the UUID of a GPU only after a program opened the GPU.
        """
        if device.instance is not None and (device.gpu.minor, device.instance) not in self.instances:
            return None
        known = device.gpu.uuid
        same = [gpu for gpu in self.gpus if gpu.minor == device.gpu.minor and (gpu.uuid == known or not known)]
        return Device(same[0], device.instance) if same else None

    def _named(self, name: str, via: str) -> list[Device]:
        of_specification = self.of_nodes(self.cdi_nodes.get(name, ()))
        if via == "cdi" and name in self.cdi_nodes:
            return of_specification
        if name == "all":
            return [device for gpu in self.gpus for device in self._parts(gpu, self.instances) or [Device(gpu)]]
        gpus = self._gpus(name)
        if gpus:
            return [Device(gpu) for gpu in gpus]
        key = self._instance(name)
        # The runtime takes names of CDI devices too, such as nvidia.com/gpu=gpu0.
        return [Device(gpu, key[1]) for gpu in self.gpus if key and gpu.minor == key[0]] or of_specification

    def of_nodes(self, paths: Iterable[str]) -> list[Device]:
        """The devices behind device nodes. With nodes of instances of a GPU, a container can use only these."""
        nodes = list(paths)
        minors = {int(match[1]) for match in map(_GPU_NODE.fullmatch, nodes) if match}
        numbers = {int(match[1]) for match in map(_CAPABILITY_NODE.fullmatch, nodes) if match}
        instances = {self.capabilities[number] for number in numbers if number in self.capabilities}
        devices = []
        for gpu in self.gpus:
            devices += self._parts(gpu, instances) or ([Device(gpu)] if gpu.minor in minors else [])
        return devices

    @staticmethod
    def _parts(gpu: Gpu, instances: Iterable[InstanceKey]) -> list[Device]:
        return [Device(gpu, instance) for minor, instance in sorted(instances) if minor == gpu.minor]

    def _gpus(self, name: str) -> list[Gpu]:
        """By index, by UUID, by address, or by the beginning of a UUID that only one GPU has.

        These are the names that the hook of the toolkit takes (libnvidia-container, src/cli/common.c).
        """
        address = _numbers(name)
        exact = [gpu for gpu in self.gpus if name in (str(gpu.index), gpu.uuid)]
        exact += [gpu for gpu in self.gpus if address and address == _numbers(gpu.address)]
        if exact or not name.startswith("GPU-"):
            return exact
        beginning = [gpu for gpu in self.gpus if gpu.uuid.startswith(name)]
        return beginning if len(beginning) == 1 else []

    def _instance(self, name: str) -> Optional[InstanceKey]:
        old = _OLD_INSTANCE.fullmatch(name)
        if not old:
            return self.instance_names.get(name)
        keys = [(gpu.minor, int(old[2])) for gpu in self._gpus(old[1])]
        return keys[0] if keys and keys[0] in self.instances else None


def _numbers(address: str) -> tuple[int, ...]:
    """The numbers of an address of PCI, whose domain has more or fewer zeros; none for what is not an address."""
    match = _PCI_ADDRESS.fullmatch(address)
    return tuple(int(number, 16) for number in match.groups()) if match else ()
