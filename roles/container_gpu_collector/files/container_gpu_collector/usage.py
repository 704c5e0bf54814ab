# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What containers use of GPUs: sums over their processes. Nothing here asks the driver."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Optional, TypeVar

from container_gpu_collector.allocation import Given
from container_gpu_collector.containers import Container
from container_gpu_collector.inventory import Device

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Processes:
    """The processes of a device: bytes of memory and percent of utilization by process id, None if not told.

    `memory` has all processes. None means that the driver does not report processes.
    """

    device: Device
    memory: Optional[Mapping[int, Optional[int]]]
    utilization: Optional[Mapping[int, int]]


@dataclass(frozen=True)
class Use:
    """What a container uses of a device. None is a value that is not reported. Without a container: processes outside
    of containers.
    """

    container: Optional[Container]
    device: Device
    processes: int
    memory: Optional[int]
    utilization: Optional[float]


def by_device(parts: Iterable[Processes]) -> list[Processes]:
    """One entry for each device. The compute instances of a GPU instance are one device: what one of them does not
    tell is not reported for the device.
    """
    joined: dict[Device, Processes] = {}
    for part in parts:
        before = joined.get(part.device, Processes(part.device, {}, {}))
        joined[part.device] = Processes(
            part.device, _both(before.memory, part.memory), _both(before.utilization, part.utilization)
        )
    return list(joined.values())


def _both(
    first: Optional[Mapping[int, _Value]], second: Optional[Mapping[int, _Value]]
) -> Optional[Mapping[int, _Value]]:
    return None if first is None or second is None else {**first, **second}


def of_containers(
    measured: Iterable[Processes],
    owners: Mapping[int, Optional[str]],
    containers: Mapping[str, Container],
    given: Iterable[Given],
) -> Iterator[Use]:
    """The use of each container and of the processes outside of containers, by device.

    `owners` are ids of containers by process id, None for a process outside of containers. A missing process has ended.
    A container that was given a whole GPU and has no process on it uses nothing. Of an instance this is not known,
    since the driver hides processes there.
    """
    given_to: dict[Device, list[str]] = {}
    for entry in given:
        given_to.setdefault(entry.device, []).append(entry.container.id)
    for of_device in measured:
        if of_device.memory is None:
            continue
        idle = given_to.get(of_device.device, []) if of_device.device.instance is None else []
        groups: dict[Optional[str], list[int]] = {identifier: [] for identifier in idle}
        for pid in of_device.memory:
            if pid in owners:
                groups.setdefault(owners[pid], []).append(pid)
        for identifier, pids in groups.items():
            memory = [of_device.memory[pid] for pid in pids]
            yield _use(of_device, containers[identifier] if identifier else None, pids, memory)


def _use(measured: Processes, container: Optional[Container], pids: list[int], memory: list[Optional[int]]) -> Use:
    known = [amount for amount in memory if amount is not None]
    percent = None if measured.utilization is None else sum(measured.utilization.get(pid, 0) for pid in pids)
    return Use(
        container,
        measured.device,
        len(pids),
        sum(known) if len(known) == len(memory) else None,
        None if percent is None else min(percent / 100, 1),
    )
