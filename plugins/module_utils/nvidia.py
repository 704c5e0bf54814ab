# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

# Fields of `nvidia-smi --query-gpu` (`nvidia-smi --help-query-gpu`); memory.total is MiB.
FIELDS = ("index", "uuid", "name", "driver_version", "memory.total", "mig.mode.current")
# Drivers before 450 know nothing of MIG, and refuse a field that they do not know (`man nvidia-smi`, return value).
FIELDS_BEFORE_MIG = FIELDS[:-1]
INVALID_ARGUMENT = 2

NVIDIA_VENDOR = "0x10de"
# PCI base class 03, display controllers: 0300 VGA, 0302 3D (https://pci-ids.ucw.cz/read/PD/03).
DISPLAY_CLASS = "0x03"


def parse_gpus(output: str) -> list[dict[str, Any]]:
    """GPUs from the output of `nvidia-smi --query-gpu=FIELDS --format=csv,noheader,nounits`, or of one with FIELDS_BEFORE_MIG."""
    gpus = []
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


# Lines of `nvidia-smi -L`: a GPU, and beneath it its MIG instances (https://docs.nvidia.com/datacenter/tesla/mig-user-guide/).
_LISTED_GPU = re.compile(r"GPU \d+: .*\(UUID: (?P<uuid>GPU-[^)]+)\)")
_LISTED_MIG = re.compile(r"\s+MIG (?P<profile>\S+)\s+Device\s+\d+: \(UUID: (?P<uuid>MIG-[^)]+)\)")


def parse_list(output: str) -> dict[str, list[dict[str, str]]]:
    """The MIG instances, with uuid and profile, of each GPU by its UUID, from the output of `nvidia-smi -L`."""
    listed: dict[str, list[dict[str, str]]] = {}
    gpu = ""
    for line in output.splitlines():
        if match := _LISTED_GPU.match(line):
            gpu = match["uuid"]
            listed[gpu] = []
        elif gpu and (match := _LISTED_MIG.match(line)):
            listed[gpu].append({"uuid": match["uuid"], "profile": match["profile"]})
    return listed


def computing(gpus: list[dict[str, Any]]) -> list[str]:
    """UUIDs of what work can run on: MIG instances where a GPU is in MIG mode, and the other GPUs themselves."""
    return sorted(
        uuid for gpu in gpus for uuid in ([one["uuid"] for one in gpu["mig_devices"]] if gpu["mig_mode"] == "Enabled" else [gpu["uuid"]])
    )


def difference(there: list[dict[str, Any]], seen: dict[str, list[dict[str, str]]]) -> str:
    """In plain words how the GPUs that a container sees differ from those that the host has; empty where they do not."""
    of_host = {gpu["uuid"] for gpu in there} | {one["uuid"] for gpu in there for one in gpu["mig_devices"]}
    of_container = set(seen) | {one["uuid"] for instances in seen.values() for one in instances}
    missing, strange = sorted(set(computing(there)) - of_container), sorted(of_container - of_host)
    parts = [f"does not see {', '.join(missing)}"] if missing else []
    parts += [f"sees {', '.join(strange)}, which the host does not have"] if strange else []
    return " and ".join(parts)


def pci_gpus(devices: Path = Path("/sys/bus/pci/devices")) -> list[str]:
    """PCI addresses of NVIDIA's display controllers, driver or none."""
    found = []
    for device in sorted(devices.glob("*")):
        try:
            vendor, kind = (device / "vendor").read_text().strip(), (device / "class").read_text().strip()
        except OSError:
            continue
        if vendor == NVIDIA_VENDOR and kind.startswith(DISPLAY_CLASS):
            found.append(device.name)
    return found


def message(gpus: list[dict[str, Any]], pci: list[str], error: str) -> str:
    """In plain words: what is there, or what to do."""
    if gpus:
        instances = sum(len(gpu["mig_devices"]) for gpu in gpus)
        mig = f" with {instances} MIG instance{'' if instances == 1 else 's'}" if any(gpu["mig_mode"] == "Enabled" for gpu in gpus) else ""
        return f"{len(gpus)} NVIDIA GPU{'s' if len(gpus) > 1 else ''}{mig}, driver {gpus[0]['driver_version']}."
    if pci:
        reason = error.rstrip(".")
        return f"NVIDIA hardware is there ({', '.join(pci)}) but its driver shows no GPU: {reason}. Install the NVIDIA driver, or reboot after installing it."
    return "This host has no NVIDIA GPU."
