"""The emulated driver of the lab's GPU hosts: its state file, from which the programs of `tests/lab/driver` answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / "driver"
VERSION = (SOURCES / "version.txt").read_text().strip()
# nvidia-ctk takes it for firmware and mounts it into every GPU container.
STATE_FILE = f"/lib/firmware/nvidia/{VERSION}/gsp_lab.bin"


@dataclass(frozen=True)
class Instance:
    """A MIG instance: profile such as 1g.10gb, ids of the GPU instance and of its compute instance."""

    uuid: str
    profile: str
    gi: int
    ci: int = 0


@dataclass(frozen=True)
class Gpu:
    """A made-up GPU; `mig` says whether MIG is on. One with a `memory_mib` of 0 shares the host's memory."""

    minor: int
    uuid: str
    name: str
    memory_mib: int
    mig: bool = False
    instances: tuple[Instance, ...] = ()

    @property
    def pci_bus_id(self) -> str:
        """Bus id in NVML's form."""
        return f"00000000:{self.minor + 1:02X}:00.0"


def gpus(host: str) -> list[Gpu]:
    """The GPUs that a host has at first; none for a host without."""
    if host == "gpu1":
        return [
            Gpu(minor, f"GPU-00000001-0000-4000-8000-00000000000{minor}", "NVIDIA A100-SXM4-80GB", 81920)
            for minor in range(2)
        ]
    if host == "gpu3":
        return [Gpu(0, "GPU-00000003-0000-4000-8000-000000000000", "NVIDIA L40S", 46068)]
    if host == "debian12":
        return [Gpu(0, "GPU-00000012-0000-4000-8000-000000000000", "Tesla T4", 15360)]
    if host == "gpu2":
        return [Gpu(0, "GPU-00000002-0000-4000-8000-000000000000", "NVIDIA H100 80GB HBM3", 81559)]
    return []


# Fields that DCGM does not read of a vGPU, and of a GPU that shares the host's memory.
NOT_OF_VGPU = tuple(
    (
        "DCGM_FI_DEV_GPU_UTIL DCGM_FI_DEV_MEM_COPY_UTIL DCGM_FI_DEV_ENC_UTIL DCGM_FI_DEV_DEC_UTIL"
        " DCGM_FI_DEV_GPU_TEMP DCGM_FI_DEV_MEMORY_TEMP DCGM_FI_DEV_POWER_USAGE DCGM_FI_DEV_ENFORCED_POWER_LIMIT"
        " DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION DCGM_EXP_CLOCK_EVENTS_COUNT DCGM_FI_DEV_POWER_VIOLATION"
        " DCGM_FI_DEV_THERMAL_VIOLATION DCGM_FI_DEV_PCIE_REPLAY_COUNTER DCGM_FI_DEV_PCIE_TX_THROUGHPUT"
        " DCGM_FI_DEV_PCIE_RX_THROUGHPUT DCGM_FI_DEV_ECC_SBE_VOL_TOTAL DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"
        " DCGM_FI_DEV_XID_ERRORS DCGM_EXP_XID_ERRORS_COUNT DCGM_FI_DEV_ROW_REMAP_FAILURE"
        " DCGM_FI_DEV_ROW_REMAP_PENDING"
    ).split()
)
NOT_OF_SHARED_MEMORY = (
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_FB_FREE",
    "DCGM_FI_DEV_FB_RESERVED",
    "DCGM_FI_DEV_MEMORY_TEMP",
)


def sliced(gpu: Gpu, *profiles: str) -> Gpu:
    """The GPU with MIG on and an instance for each profile."""
    instances = tuple(
        Instance(f"MIG{gpu.uuid[3:-4]}{number:02d}{gpu.uuid[-2:]}", profile, gi=number + 6)
        for number, profile in enumerate(profiles, start=1)
    )
    return Gpu(gpu.minor, gpu.uuid, gpu.name, gpu.memory_mib, mig=True, instances=instances)


def state(
    present_gpus: Iterable[Gpu],
    values: Mapping[str, Mapping[str, float]] | None = None,
    frozen: bool = False,
    lost: Iterable[Gpu] = (),
    absent: Iterable[str] = (),
    smi: str = "",
    processes: Iterable[tuple[int, int, int, int]] = (),
) -> str:
    """Content of the state file, one fact on a line.

    `values` fixes what the DCGM exporter reports. The key is the number of a GPU, for it and its instances, or GPU.GI
    of an instance. Field and value follow, in the units of DCGM's old names. DCGM_EXP_GPU_HEALTH_STATUS:WATCH is a
    field too. `frozen` stops the exporter's collections. A GPU that is left out disappeared without a trace. nvidia-smi
    cannot reach those of `lost`. `absent` are fields that no GPU measures. `smi` is `hangs`, or `mismatch` for a
    library of another version than the kernel module. `processes` are what NVML reports: number of the GPU, id on the
    host, MiB of memory and percent of utilization.
    """
    lines = []
    for gpu in present_gpus:
        lines.append(
            f"gpu {gpu.minor} {gpu.uuid} {gpu.memory_mib} {gpu.pci_bus_id}"
            f" {'Enabled' if gpu.mig else 'Disabled'} {gpu.name}"
        )
        lines += [
            f"instance {gpu.minor} {instance.gi} {instance.ci} {instance.profile} {instance.uuid}"
            for instance in gpu.instances
        ]
    lines += [
        f"value {entity} {field} {value}"
        for entity, fields in (values or {}).items()
        for field, value in fields.items()
    ]
    lines += [f"lost {gpu.pci_bus_id}" for gpu in lost] + [f"absent {field}" for field in absent]
    lines += [f"process {' '.join(map(str, process))}" for process in processes]
    return "\n".join(lines + [f"smi {smi}"] * bool(smi) + ["frozen"] * frozen) + "\n"
