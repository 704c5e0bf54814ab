# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

DEVICES = Path("/sys/bus/pci/devices")
_NVIDIA = "0x10de"
# PCI base class 03, display controllers: 0300 VGA, 0302 3D (https://pci-ids.ucw.cz/read/PD/03).
# The GPU's audio function is 0403, its USB functions are 0c03, and an NVSwitch is 0680.
_DISPLAY = "0x03"
# Kernel drivers that hold a device for a virtual machine (https://docs.kernel.org/driver-api/vfio.html).
_FOR_GUESTS = ("vfio-pci", "pci-stub", "nvgrace_gpu_vfio_pci", "xen-pciback")


class PciGpu(NamedTuple):
    """A GPU on the PCI bus and the kernel driver that has it, empty if none does."""

    address: str
    driver: str

    @property
    def passed_through(self) -> bool:
        """Whether it is held for a virtual machine."""
        return self.driver in _FOR_GUESTS

    @property
    def expected(self) -> bool:
        """Whether NVIDIA's driver has the GPU, or would take it."""
        return self.driver in ("", "nvidia")


def gpus(devices: Path) -> list[PciGpu]:
    """NVIDIA's display controllers, without the virtual functions of one that serves virtual machines."""
    pci_gpus = []
    for device in sorted(devices.glob("*")):
        try:
            vendor, kind = (device / "vendor").read_text().strip(), (device / "class").read_text().strip()
        except OSError:
            continue
        if vendor == _NVIDIA and kind.startswith(_DISPLAY) and not (device / "physfn").exists():
            pci_gpus.append(PciGpu(device.name, _driver(device)))
    return pci_gpus


def _driver(device: Path) -> str:
    try:
        return os.path.basename(os.readlink(device / "driver"))
    except OSError:
        return ""


_ADDRESS = re.compile(r"([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])", re.I)


def address(bus_id: str) -> str:
    """The kernel's form of a bus id such as 00000000:BA:00.0; empty for any other text."""
    match = _ADDRESS.fullmatch(bus_id)
    if not match:
        return ""
    domain, bus, device, function = match.groups()
    return f"{int(domain, 16):04x}:{bus}:{device}.{function}".lower()
