# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

# Fields of `nvidia-smi --query-gpu` (`nvidia-smi --help-query-gpu`); memory.total is MiB.
FIELDS = ("index", "uuid", "name", "driver_version", "memory.total", "mig.mode.current")

NVIDIA_VENDOR = "0x10de"
# PCI base class 03, display controllers: 0300 VGA, 0302 3D (https://pci-ids.ucw.cz/read/PD/03).
DISPLAY_CLASS = "0x03"


def parse_gpus(output: str) -> list[dict[str, Any]]:
    """GPUs from the output of `nvidia-smi --query-gpu=FIELDS --format=csv,noheader,nounits`."""
    gpus = []
    for row in csv.reader(output.splitlines(), skipinitialspace=True):
        if len(row) != len(FIELDS) or not row[0].strip().isdigit():
            continue
        index, uuid, name, driver, memory, mig = (value.strip() for value in row)
        gpus.append(
            {
                "index": int(index),
                "uuid": uuid,
                "name": name,
                "driver_version": driver,
                "memory_mib": int(memory) if memory.isdigit() else None,
                "mig_mode": mig,
            }
        )
    return gpus


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
        return f"{len(gpus)} NVIDIA GPU{'s' if len(gpus) > 1 else ''}, driver {gpus[0]['driver_version']}."
    if pci:
        return f"NVIDIA hardware is there ({', '.join(pci)}) but its driver shows no GPU: {error}. Install the NVIDIA driver, or reboot after installing it."
    return "This host has no NVIDIA GPU."
