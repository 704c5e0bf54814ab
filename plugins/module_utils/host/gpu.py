# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import NamedTuple, Optional, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Commands

# Fields of `nvidia-smi --query-gpu` (`nvidia-smi --help-query-gpu`); memory.total is MiB.
FIELDS = ("index", "uuid", "name", "driver_version", "memory.total", "mig.mode.current")
# Drivers before 450 know nothing of MIG, and refuse a field that they do not know (`man nvidia-smi`, return value).
FIELDS_BEFORE_MIG = FIELDS[:-1]
INVALID_ARGUMENT = 2
TIMEOUT_SECONDS = 60

PCI_DEVICES = Path("/sys/bus/pci/devices")
NVIDIA_VENDOR = "0x10de"
# PCI base class 03, display controllers: 0300 VGA, 0302 3D (https://pci-ids.ucw.cz/read/PD/03).
DISPLAY_CLASS = "0x03"


class MigInstance(TypedDict):
    """A MIG instance of a GPU."""

    uuid: str
    profile: str


class Gpu(TypedDict):
    """A GPU that the driver shows."""

    index: int
    uuid: str
    name: str
    driver_version: str
    memory_mib: Optional[int]
    mig_mode: str
    mig_devices: list[MigInstance]


class GpuState(TypedDict):
    """The GPUs of a host, with driver or without. `error` says why the driver does not list their MIG instances."""

    present: bool
    gpus: list[Gpu]
    uuids: list[str]
    driver_version: Optional[str]
    pci_devices: list[str]
    msg: str
    error: str


class Query(NamedTuple):
    """What nvidia-smi answers: the GPUs, why it shows none, and why it does not list their MIG instances."""

    gpus: list[Gpu]
    error: str
    mig_error: str = ""


def ask(commands: Commands) -> GpuState:
    """The GPUs of this host."""
    gpus, error, mig_error = query(commands)
    pci = pci_gpus(PCI_DEVICES)
    return {
        "present": bool(gpus),
        "gpus": gpus,
        "uuids": computing(gpus),
        "driver_version": gpus[0]["driver_version"] if gpus else None,
        "pci_devices": pci,
        "msg": message(gpus, pci, error),
        "error": mig_error,
    }


def query(commands: Commands) -> Query:
    """What nvidia-smi answers."""
    smi = commands.path("nvidia-smi")
    if not smi:
        return Query([], "nvidia-smi is not installed")
    for fields in (FIELDS, FIELDS_BEFORE_MIG):
        arguments = [smi, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
        answer = commands.run_within(TIMEOUT_SECONDS, arguments)
        if answer.code != INVALID_ARGUMENT:
            break
    gpus = parse_gpus(answer.output) if answer.code == 0 else []
    if any(gpu["mig_mode"] == "Enabled" for gpu in gpus):
        listing = commands.run_within(TIMEOUT_SECONDS, [smi, "-L"])
        if listing.code != 0:
            reason = f"ended with {listing.code}: {listing.text}. Run it on the host."
            return Query(gpus, "", f"nvidia-smi -L, which lists the MIG instances, {reason}")
        instances = parse_list(listing.output)
        for gpu in gpus:
            gpu["mig_devices"] = instances.get(gpu["uuid"], [])
    return Query(gpus, answer.text or f"nvidia-smi ended with {answer.code}")


def parse_gpus(output: str) -> list[Gpu]:
    """GPUs from what `nvidia-smi --query-gpu=FIELDS --format=csv,noheader,nounits` prints."""
    gpus: list[Gpu] = []
    for row in csv.reader(output.splitlines(), skipinitialspace=True):
        if len(row) not in (len(FIELDS), len(FIELDS_BEFORE_MIG)) or not row[0].strip().isdigit():
            continue
        index, uuid, name, driver, memory, mig = (value.strip() for value in (*row, "[N/A]")[: len(FIELDS)])
        gpus.append(
            {
                "index": int(index),
                "uuid": uuid,
                "name": name,
                "driver_version": driver,
                "memory_mib": int(memory) if memory.isdigit() else None,
                "mig_mode": mig,
                "mig_devices": [],
            }
        )
    return gpus


# Lines of `nvidia-smi -L`: a GPU, and beneath it its MIG instances
# (https://docs.nvidia.com/datacenter/tesla/mig-user-guide/).
_LISTED_GPU = re.compile(r"GPU \d+: .*\(UUID: (?P<uuid>GPU-[^)]+)\)")
_LISTED_MIG = re.compile(r"\s+MIG (?P<profile>\S+)\s+Device\s+\d+: \(UUID: (?P<uuid>MIG-[^)]+)\)")


def parse_list(output: str) -> dict[str, list[MigInstance]]:
    """The MIG instances of each GPU by its UUID, from the output of `nvidia-smi -L`."""
    listed: dict[str, list[MigInstance]] = {}
    gpu = ""
    for line in output.splitlines():
        if match := _LISTED_GPU.match(line):
            gpu = match["uuid"]
            listed[gpu] = []
        elif gpu and (match := _LISTED_MIG.match(line)):
            listed[gpu].append({"uuid": match["uuid"], "profile": match["profile"]})
    return listed


def computing(gpus: list[Gpu]) -> list[str]:
    """UUIDs of what work can run on: MIG instances where a GPU is in MIG mode, and the other GPUs themselves."""
    return sorted(
        uuid
        for gpu in gpus
        for uuid in (
            [instance["uuid"] for instance in gpu["mig_devices"]] if gpu["mig_mode"] == "Enabled" else [gpu["uuid"]]
        )
    )


def difference(of_host: list[Gpu], of_container: dict[str, list[MigInstance]]) -> str:
    """In plain words how the GPUs that a container sees differ from those of the host; empty where they do not."""
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


def pci_gpus(devices: Path) -> list[str]:
    """PCI addresses of NVIDIA's display controllers, driver or none."""
    addresses = []
    for device in sorted(devices.glob("*")):
        try:
            vendor, kind = (device / "vendor").read_text().strip(), (device / "class").read_text().strip()
        except OSError:
            continue
        if vendor == NVIDIA_VENDOR and kind.startswith(DISPLAY_CLASS):
            addresses.append(device.name)
    return addresses


def message(gpus: list[Gpu], pci: list[str], error: str) -> str:
    """In plain words: what is there, or what to do."""
    if gpus:
        instances = sum(len(gpu["mig_devices"]) for gpu in gpus)
        mig = (
            f" with {instances} MIG instance{'' if instances == 1 else 's'}"
            if any(gpu["mig_mode"] == "Enabled" for gpu in gpus)
            else ""
        )
        return f"{len(gpus)} NVIDIA GPU{'s' if len(gpus) > 1 else ''}{mig}, driver {gpus[0]['driver_version']}."
    if pci:
        reason = error.rstrip(".")
        return (
            f"NVIDIA hardware is there ({', '.join(pci)}) but its driver shows no GPU: {reason}. Install the NVIDIA"
            " driver, or reboot after installing it."
        )
    return "This host has no NVIDIA GPU."
