# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Optional, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import hostengine, pci
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Commands
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.nvidia_smi import (
    Gpu,
    MigInstance,
    Query,
    query,
)


class GpuState(TypedDict):
    """The GPUs of a host, with driver or without.

    - hardware: whether the host has a GPU of its own, with a driver that works or without.
    - devices: what a container that gets all GPUs is given, in a form that does not change when a GPU is lost.
    - pci_devices: PCI addresses of the GPUs that the host keeps for itself; passed_through: those of the others.
    - lost_devices: PCI addresses of the GPUs that do not answer although others do.
    - error: why the driver does not list the MIG instances.
    - hostengine: command line of an nv-hostengine that runs on the host.
    """

    present: bool
    hardware: bool
    gpus: list[Gpu]
    uuids: list[str]
    devices: list[str]
    driver_version: Optional[str]
    pci_devices: list[str]
    passed_through: list[str]
    lost_devices: list[str]
    msg: str
    error: str
    hostengine: str


def ask(commands: Commands) -> GpuState:
    """The GPUs of this host."""
    answer = query(commands)
    on_bus = pci.gpus(pci.DEVICES)
    own = [gpu.address for gpu in on_bus if not gpu.passed_through]
    passed_through = [gpu.address for gpu in on_bus if gpu.passed_through]
    lost = lost_devices(answer, on_bus)
    return {
        "present": bool(answer.gpus),
        "hardware": bool(answer.gpus or own or answer.driver_failed),
        "gpus": answer.gpus,
        "uuids": computing(answer.gpus),
        "devices": devices(answer.gpus, lost),
        "driver_version": answer.gpus[0]["driver_version"] if answer.gpus else None,
        "pci_devices": own,
        "passed_through": passed_through,
        "lost_devices": lost,
        "msg": message(answer, own, passed_through, lost),
        "error": answer.mig_error,
        "hostengine": hostengine.command_line(hostengine.PROCESSES) if answer.gpus else "",
    }


def lost_devices(answer: Query, on_bus: list[pci.PciGpu]) -> list[str]:
    """PCI addresses of the GPUs that do not answer although others do."""
    if not answer.gpus:
        return []
    answering = {gpu["pci_address"] for gpu in answer.gpus}
    expected = {gpu.address for gpu in on_bus if gpu.expected}
    # A GPU without an address may be any of those on the bus.
    return sorted((set(answer.lost) | (set() if "" in answering else expected)) - answering)


def computing(gpus: list[Gpu]) -> list[str]:
    """UUIDs of what work can run on: MIG instances if a GPU is in MIG mode, and the other GPUs themselves."""
    return sorted(
        uuid
        for gpu in gpus
        for uuid in (
            [instance["uuid"] for instance in gpu["mig_devices"]] if gpu["mig_mode"] == "Enabled" else [gpu["uuid"]]
        )
    )


def devices(gpus: list[Gpu], lost: list[str]) -> list[str]:
    """What a container that gets all GPUs is given: places on the PCI bus, and MIG instances.

    A lost GPU keeps its place, so that its loss is not a reason to recreate a container that measures the others.
    """
    places = [gpu["pci_address"] or gpu["uuid"] for gpu in gpus]
    return sorted([*places, *lost, *(instance["uuid"] for gpu in gpus for instance in gpu["mig_devices"])])


def difference(of_host: list[Gpu], of_container: dict[str, list[MigInstance]]) -> str:
    """In plain words how the GPUs that a container sees differ from those of the host; empty if they do not."""
    host_uuids = {gpu["uuid"] for gpu in of_host} | {
        instance["uuid"] for gpu in of_host for instance in gpu["mig_devices"]
    }
    container_uuids = set(of_container) | {
        instance["uuid"] for instances in of_container.values() for instance in instances
    }
    missing, strange = sorted(set(computing(of_host)) - container_uuids), sorted(container_uuids - host_uuids)
    parts = [f"does not see {', '.join(missing)}"] if missing else []
    parts += [f"sees {', '.join(strange)}, which the host does not have"] if strange else []
    return " and ".join(parts)


def message(answer: Query, pci_devices: list[str], passed_through: list[str], lost: list[str]) -> str:
    """In plain words: what the host has, or what to do."""
    parts = []
    if answer.gpus:
        instances = sum(len(gpu["mig_devices"]) for gpu in answer.gpus)
        mig = f" with {_count(instances, 'MIG instance')}" if _with_mig(answer.gpus) else ""
        parts.append(f"{_count(len(answer.gpus), 'NVIDIA GPU')}{mig}, driver {answer.gpus[0]['driver_version']}.")
        if lost:
            said = f" nvidia-smi says: {answer.error.rstrip('.')}. {answer.fix}" if answer.error else ""
            parts.append(lost_message(len(answer.gpus), lost) + said)
    elif pci_devices or answer.driver_failed:
        where = f" ({', '.join(pci_devices)})" if pci_devices else ""
        reason = answer.error.rstrip(".")
        parts.append(f"The host has NVIDIA hardware{where} but its driver shows no GPU: {reason}. {answer.fix}")
    elif not passed_through:
        parts.append("This host has no NVIDIA GPU.")
    if passed_through:
        held = f"{', '.join(passed_through)} {'is' if len(passed_through) == 1 else 'are'}"
        parts.append(f"{held} passed through to virtual machines, where the collection monitors GPUs as on any host.")
    return " ".join(parts)


def lost_message(answering: int, lost: list[str]) -> str:
    """In plain words which GPUs are lost."""
    verb = "answers" if answering == 1 else "answer"
    counts = f"{answering + len(lost)} NVIDIA PCI devices, {_count(answering, 'GPU')} {verb}"
    silent = f"{', '.join(lost)} {'does' if len(lost) == 1 else 'do'} not"
    return f"{counts}: {silent}. The kernel's log says why (journalctl -k --grep NVRM)."


def _with_mig(gpus: list[Gpu]) -> bool:
    return any(gpu["mig_mode"] == "Enabled" for gpu in gpus)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
