# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import csv
import re
from typing import NamedTuple, Optional, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import pci
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import TIMED_OUT, Answer, Commands

# Fields of `nvidia-smi --query-gpu` (`nvidia-smi --help-query-gpu`); memory.total is MiB.
FIELDS = ("index", "uuid", "name", "driver_version", "memory.total", "pci.bus_id", "mig.mode.current")
# Drivers before 450 know nothing of MIG, and refuse a field that they do not know (`man nvidia-smi`, return value).
FIELDS_BEFORE_MIG = FIELDS[:-1]
INVALID_ARGUMENT = 2
TIMEOUT_SECONDS = 60

# Names of vGPUs: board, slices of a MIG-backed one, framebuffer in GB and series, as in "GRID T4-16Q" or
# "NVIDIA A100-3-20C" (https://docs.nvidia.com/vgpu/latest/grid-vgpu-user-guide/, virtual GPU types).
_VGPU = re.compile(r"-\d+([ABCQ]|CME)$")


class MigInstance(TypedDict):
    """A MIG instance of a GPU."""

    uuid: str
    profile: str


class Gpu(TypedDict):
    """A GPU that the driver shows. `pci_address` is empty for one that is not on a PCI bus."""

    index: int
    uuid: str
    name: str
    driver_version: str
    memory_mib: Optional[int]
    pci_address: str
    virtual: bool
    mig_mode: str
    mig_devices: list[MigInstance]


class Query(NamedTuple):
    """What nvidia-smi answers.

    - gpus: the GPUs that answer. lost: PCI addresses that it names as those of GPUs that do not.
    - error: why it shows no GPU, or not all; fix: what to do about that.
    - mig_error: why it does not list the MIG instances.
    """

    gpus: list[Gpu]
    lost: list[str] = []
    error: str = ""
    fix: str = ""
    mig_error: str = ""

    @property
    def driver_failed(self) -> bool:
        """Whether a driver is loaded that shows no GPU. Such a host has GPUs, whatever its other hardware says."""
        return not self.gpus and self.fix in _OF_A_LOADED_DRIVER


def query(commands: Commands) -> Query:
    """What nvidia-smi answers."""
    smi = commands.path("nvidia-smi")
    if not smi:
        return Query([], error="nvidia-smi is not installed", fix=_INSTALL)
    for fields in (FIELDS, FIELDS_BEFORE_MIG):
        arguments = [smi, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
        answer = commands.run_within(TIMEOUT_SECONDS, arguments)
        if answer.code != INVALID_ARGUMENT:
            break
    # One GPU that fell off the bus makes it end with an error, though it shows the others.
    gpus = parse_gpus(answer.output)
    lost = lost_gpus(answer.text)
    error, fix = ("", "") if answer.code == 0 and gpus else (reason(answer), fix_of(answer))
    if any(gpu["mig_mode"] == "Enabled" for gpu in gpus):
        listing = commands.run_within(TIMEOUT_SECONDS, [smi, "-L"])
        instances = parse_list(listing.output)
        if listing.code != 0 and any(gpu["uuid"] not in instances for gpu in gpus):
            failure = f"ended with {listing.code}: {listing.text}. Run it on the host."
            return Query(gpus, lost, error, fix, f"nvidia-smi -L, which lists the MIG instances, {failure}")
        for gpu in gpus:
            gpu["mig_devices"] = instances.get(gpu["uuid"], [])
    return Query(gpus, lost, error, fix)


def parse_gpus(output: str) -> list[Gpu]:
    """GPUs from what `nvidia-smi --query-gpu=FIELDS --format=csv,noheader,nounits` prints."""
    gpus: list[Gpu] = []
    for row in csv.reader(output.splitlines(), skipinitialspace=True):
        if len(row) not in (len(FIELDS), len(FIELDS_BEFORE_MIG)) or not row[0].strip().isdigit():
            continue
        index, uuid, name, driver, memory, address, mig = (value.strip() for value in (*row, "[N/A]")[: len(FIELDS)])
        # Of a GPU that is being lost the row says [Unknown Error] or [GPU is lost].
        if not uuid.startswith("GPU-"):
            continue
        gpus.append(
            {
                "index": int(index),
                "uuid": uuid,
                "name": name,
                "driver_version": driver,
                "memory_mib": int(memory) if memory.isdigit() else None,
                "pci_address": pci.address(address),
                "virtual": bool(_VGPU.search(name)),
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


# "Unable to determine the device handle for GPU2: 0000:BA:00.0: Unknown Error"; the number is not in every version.
_NO_HANDLE = re.compile(r"device handle for gpu\s*(?:\d+:\s*)?([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])", re.I)


def lost_gpus(text: str) -> list[str]:
    """PCI addresses of the GPUs of which nvidia-smi says that it cannot reach them."""
    return sorted({pci.address(bus_id) for bus_id in _NO_HANDLE.findall(text)})


def reason(answer: Answer) -> str:
    """Why nvidia-smi does not show all GPUs, without the rows of those that it shows."""
    rows = [line for line in answer.output.splitlines() if not parse_gpus(line)]
    return answer._replace(output="\n".join(rows) + "\n").text or f"nvidia-smi ended with {answer.code}"


_INSTALL = "Install the NVIDIA driver, or reboot after installing it."
_REBOOT_PENDING = (
    "The driver was updated, and its previous kernel module is still loaded. Reboot the host, or load the new module"
    " when no job uses a GPU."
)
_LOST = "A GPU fell off the bus or needs a reset. Reboot the host when its jobs allow."
_HANGS = (
    "The driver hangs, as it does for a GPU in a bad state: the kernel's log says more (journalctl -k --grep NVRM)."
    " Reboot the host when its jobs allow."
)
# Also if virtual machines have all GPUs, so that nothing follows for the hardware.
_NO_GPU = "The driver is loaded and starts no GPU. The kernel's log says why (journalctl -k --grep NVRM)."
_OF_A_LOADED_DRIVER = (_REBOOT_PENDING, _LOST, _HANGS)
# What nvidia-smi says, and what to do. Return codes: `man nvidia-smi`.
_FIXES = (
    (re.compile("version mismatch", re.I), _REBOOT_PENDING),
    (re.compile("device handle for gpu|gpu is lost|fallen off the bus|unknown error|requires a reset", re.I), _LOST),
    (re.compile("no devices were found", re.I), _NO_GPU),
)


def fix_of(answer: Answer) -> str:
    """What to do if nvidia-smi does not show all GPUs."""
    if answer.code == TIMED_OUT:
        return _HANGS
    return next((fix for pattern, fix in _FIXES if pattern.search(answer.text)), _INSTALL)
