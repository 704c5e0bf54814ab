# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Which running container was given which GPU or MIG instance."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from container_gpu_collector import asked
from container_gpu_collector.containers import Container
from container_gpu_collector.inventory import Device, Inventory


@dataclass(frozen=True)
class Given:
    """A GPU or MIG instance that a container was given, and the way it asked."""

    container: Container
    device: Device
    via: str


@dataclass
class Allocations:
    """What containers were given. `unknown` are the names of containers that asked for a device that no source knows.

    A container keeps the devices that its names meant at its start. MIG instances that are made later are not in it,
    and a lost GPU changes the indexes of others.
    """

    nvidia_runtimes: Collection[str]
    unknown: list[str] = field(default_factory=list)
    _kept: dict[tuple[str, str], dict[Device, str]] = field(default_factory=dict)

    def update(self, containers: Iterable[Container], inventory: Inventory) -> list[Given]:
        """What the containers have: one entry for each container and each of its devices that is still there."""
        kept: dict[tuple[str, str], dict[Device, str]] = {}
        given, self.unknown = [], []
        for container in containers:
            run = (container.id, container.started)
            devices, unknown = (self._kept[run], []) if run in self._kept else self._resolve(container, inventory)
            self.unknown += [container.name] if unknown else []
            current = {device: inventory.current(device) for device in devices}
            given += [Given(container, now, devices[device]) for device, now in current.items() if now]
            if devices and not unknown:
                kept[run] = {current[device] or device: via for device, via in devices.items()}
        self._kept = kept
        return given

    def _resolve(self, container: Container, inventory: Inventory) -> tuple[dict[Device, str], list[str]]:
        """The devices of a container with the first way that gave each, and the names that are not known."""
        devices: dict[Device, str] = {}
        all_unknown = []
        for entry in asked.by(container, self.nvidia_runtimes):
            named, unknown = inventory.resolve(entry)
            devices = {**dict.fromkeys(named, entry.via), **devices}
            all_unknown += unknown
        return devices, all_unknown
