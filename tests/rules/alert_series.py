"""Series of a small healthy fleet for promtool: a GPU host with two GPUs, and the host that monitors it.

`promtool test rules` begins at the Unix time 0, so a host that runs for long was booted at a negative time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

# Seconds between two samples.
STEP = 30
# Parts of a series: the first value, growth per sample, number of samples; None for no sample, STALE for the end of a
# series.
STALE = "stale"
Part = tuple[Any, float, int]

# Fields whose unit exporter 4.9 changes, with their names there and the factor. Prometheus' relabelling renames the
# others.
BASE_UNITS = {
    "DCGM_FI_DEV_GPU_UTIL": ("DCGM_FI_DEV_GPU_UTIL_RATIO", 0.01),
    "DCGM_FI_DEV_FB_USED": ("DCGM_FI_DEV_FB_USED_BYTES", 1048576),
    "DCGM_FI_DEV_FB_FREE": ("DCGM_FI_DEV_FB_FREE_BYTES", 1048576),
    "DCGM_FI_DEV_SM_CLOCK": ("DCGM_FI_DEV_SM_CLOCK_HERTZ", 1000000),
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": ("DCGM_FI_DEV_GPU_ENERGY_JOULES_TOTAL", 0.001),
    "DCGM_FI_DEV_THERMAL_VIOLATION": ("DCGM_FI_DEV_GPU_THERMAL_THROTTLE_SECONDS_TOTAL", 0.000000001),
}
# A healthy GPU: first value and growth per sample.
GPU: dict[str, tuple[float, float]] = {
    "DCGM_FI_DEV_SM_CLOCK": (1410, 0),
    "DCGM_FI_DEV_GPU_UTIL": (60, 0),
    "DCGM_FI_DEV_FB_USED": (40000, 0),
    "DCGM_FI_DEV_FB_FREE": (40000, 0),
    "DCGM_FI_DEV_GPU_TEMP": (61, 0),
    "DCGM_FI_DEV_MEMORY_TEMP": (70, 0),
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": (5000000, 6000000),
    "DCGM_FI_DEV_THERMAL_VIOLATION": (0, 15000000),
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": (0, 0),
    "DCGM_FI_DEV_RETIRED_PENDING": (0, 0),
    "DCGM_FI_DEV_ROW_REMAP_FAILURE": (0, 0),
    "DCGM_FI_DEV_ROW_REMAP_PENDING": (0, 0),
    "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": (2, 0),
    "DCGM_FI_DEV_PCIE_REPLAY_COUNTER": (100, 0.1),
    "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL": (0, 1),
    "DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL": (0, 0),
    "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL": (0, 0),
    "DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL": (0, 0),
    "DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION": (0, 0),
    "DCGM_FI_DEV_XID_ERRORS": (0, 0),
    "DCGM_EXP_XID_ERRORS_COUNT": (0, 0),
    'DCGM_EXP_CLOCK_EVENTS_COUNT{clock_event="power_cap"}': (20, 0),
}
# Which container has which GPU: the exporter of the collection has all.
ALLOCATED = {"training": (0, 1), "dcgm-exporter": (0, 1)}
# What the other jobs measure.
CONTAINER = {"container_start_time_seconds": (-5000, 0), "container_oom_events_total": (0, 0)}
MACHINE: dict[str, tuple[float, float]] = {
    "node_boot_time_seconds": (-90000, 0),
    "node_time_seconds": (0, STEP),
    "container_gpu_collector_last_success_timestamp_seconds": (-5, STEP),
    "node_memory_MemTotal_bytes": (1e12, 0),
    "node_memory_MemAvailable_bytes": (5e11, 0),
    "node_edac_uncorrectable_errors_total": (0, 0),
    "node_vmstat_oom_kill": (3, 0),
    "node_textfile_scrape_error": (0, 0),
    'node_filesystem_size_bytes{mountpoint="/",fstype="ext4"}': (1e12, 0),
    'node_filesystem_avail_bytes{mountpoint="/",fstype="ext4"}': (5e11, -1e6),
    'node_filesystem_readonly{mountpoint="/",fstype="ext4"}': (0, 0),
    'node_filesystem_readonly{mountpoint="/mnt/sets",fstype="xfs"}': (1, 0),
    'node_filesystem_device_error{mountpoint="/",fstype="ext4",device_error=""}': (0, 0),
    'node_filesystem_device_error{mountpoint="/root/x",fstype="fuse",device_error="permission denied"}': (1, 0),
    'node_network_receive_errs_total{device="eth0"}': (0, 0),
    'node_network_receive_packets_total{device="eth0"}': (0, 15000),
    'node_network_transmit_errs_total{device="eth0"}': (0, 0),
    'node_network_transmit_packets_total{device="eth0"}': (0, 15000),
    'gpu_monitoring_certificate_expiry_timestamp_seconds{kind="server",subject="CN=gpu1"}': (8640000, 0),
    "gpu_monitoring_backup_last_success_timestamp_seconds": (0, STEP),
    "gpu_monitoring_backup_max_age_seconds": (172800, 0),
}
PROMETHEUS: dict[str, tuple[float, float]] = {
    "prometheus_config_last_reload_successful": (1, 0),
    'prometheus_rule_evaluation_failures_total{rule_group="gpu"}': (0, 0),
    'prometheus_rule_group_iterations_missed_total{rule_group="gpu"}': (0, 0),
    "prometheus_tsdb_compactions_failed_total": (0, 0),
    "prometheus_tsdb_wal_corruptions_total": (0, 0),
    "prometheus_tsdb_reloads_failures_total": (0, 0),
    "prometheus_notifications_dropped_total": (0, 0),
    "prometheus_notifications_errors_total": (0, 0),
    "prometheus_notifications_alertmanagers_discovered": (1, 0),
    "prometheus_sd_file_read_errors_total": (0, 0),
    "prometheus_sd_http_failures_total": (0, 0),
    "prometheus_target_scrapes_exceeded_sample_limit_total": (0, 0),
    "prometheus_target_scrapes_exceeded_body_size_limit_total": (0, 0),
    "prometheus_target_scrape_pool_exceeded_label_limits_total": (0, 0),
    'prometheus_remote_storage_queue_highest_sent_timestamp_seconds{url="https://example.com/write"}': (0, STEP),
    'prometheus_remote_storage_samples_pending{url="https://example.com/write"}': (0, 0),
    'prometheus_remote_storage_samples_failed_total{url="https://example.com/write"}': (0, 0),
}
ALERTMANAGER: dict[str, tuple[float, float]] = {
    "alertmanager_config_last_reload_successful": (1, 0),
    "alertmanager_cluster_members": (2, 0),
    'alertmanager_tls_transport_write_errors_total{connection_type="packet"}': (0, 0),
    'alertmanager_notifications_failed_total{integration="email",receiver_name="oncall",reason="other"}': (0, 0),
}
VICTORIA_METRICS: dict[str, tuple[float, float]] = {"vm_storage_is_read_only": (0, 0)}


@dataclass(frozen=True)
class Series:
    """A series; `parts` follow each other in time."""

    name: str
    labels: Mapping[str, str]
    parts: tuple[Part, ...]

    def written(self) -> dict[str, str]:
        """The series in the notation of promtool."""
        labels = ",".join(f'{name}="{value}"' for name, value in self.labels.items())
        return {"series": f"{self.name}{{{labels}}}", "values": " ".join(map(_notation, self.parts))}

    def in_base_units(self) -> Series:
        """The series as exporter 4.9 has it."""
        if self.name not in BASE_UNITS:
            return self
        name, factor = BASE_UNITS[self.name]
        parts = (
            (start if start in (None, STALE) else start * factor, step * factor, count)
            for start, step, count in self.parts
        )
        return replace(self, name=name, parts=tuple(parts))


def _notation(part: Part) -> str:
    start, step, count = part
    if start is None:
        return f"_x{count}"
    if start == STALE:
        return STALE
    return f"{start:.6f}{step:+.6f}x{count - 1}"


def series(key: str, labels: Mapping[str, str], *parts: Part) -> Series:
    """The series of a name that may have labels of its own."""
    name, _brace, own = key.partition("{")
    pairs = (pair.partition("=") for pair in own.rstrip("}").split(",") if pair)
    return Series(name, {**labels, **{label: value.strip('"') for label, _equals, value in pairs}}, parts)


def gpu_labels(gpu: int, host: str = "gpu1") -> dict[str, str]:
    """The labels of a GPU's series after relabelling, with one that the site gave to the host."""
    own = {
        "gpu": str(gpu),
        "UUID": f"GPU-{gpu}",
        "device": f"nvidia{gpu}",
        "modelName": "NVIDIA H100",
        "pci_bus_id": f"0:{gpu}",
    }
    return {"job": "nvidia-gpu", "host": host, "instance": f"{host}:9400", "team": "vision", **own}


def healthy(samples: int) -> list[Series]:
    """All series of the fleet for a number of samples."""
    fleet_series = [
        series("up", {"job": job, "host": host, "instance": f"{host}:{job}", "team": "vision", **more}, (1, 0, samples))
        for job, host, more in (
            ("nvidia-gpu", "gpu1", {}),
            ("cadvisor", "gpu1", {}),
            ("node", "gpu1", {}),
            ("model-server", "gpu1", {"server": "llama"}),
            ("node", "monitor1", {}),
            ("prometheus", "monitor1", {}),
            ("alertmanager", "monitor1", {}),
            ("victoria-metrics", "monitor1", {}),
        )
    ]
    for gpu in (0, 1):
        fleet_series += [series(key, gpu_labels(gpu), (start, step, samples)) for key, (start, step) in GPU.items()]
    for name in ("cadvisor", "training"):
        labels = {
            "job": "cadvisor",
            "host": "gpu1",
            "instance": "gpu1:cadvisor",
            "name": name,
            "id": f"/docker/{name}",
            "image": "x",
        }
        fleet_series += [series(key, labels, (start, step, samples)) for key, (start, step) in CONTAINER.items()]
    for job, host, metrics in (
        ("node", "gpu1", MACHINE),
        ("prometheus", "monitor1", PROMETHEUS),
        ("alertmanager", "monitor1", ALERTMANAGER),
        ("victoria-metrics", "monitor1", VICTORIA_METRICS),
    ):
        labels = {"job": job, "host": host, "instance": f"{host}:{job}"}
        fleet_series += [series(key, labels, (start, step, samples)) for key, (start, step) in metrics.items()]
    # The Alertmanager of another monitoring host is a member too.
    fleet_series += [series("host:alertmanager:expected", {"host": f"monitor{n}"}, (1, 0, samples)) for n in (1, 2)]
    return [*fleet_series, *(allocated(name, gpu, samples) for name, gpus in ALLOCATED.items() for gpu in gpus)]


def allocated(name: str, gpu: int, samples: int, host: str = "gpu1") -> Series:
    """That a container has a GPU."""
    own = {"team": "vision", **({"monitoring": "true"} if name == "dcgm-exporter" else {"container_label_job": "llm"})}
    labels = {**container_labels(name, gpu, host), "via": "cdi", **own}
    return series("container_gpu_info", labels, (1, 0, samples))


def container_labels(name: str, gpu: int, host: str = "gpu1") -> dict[str, str]:
    """The labels of a container and a GPU, whose values come by the node exporter."""
    target = {"job": "node", "host": host, "instance": f"{host}:node"}
    return {**target, "name": name, "image": "x", "id": f"/docker/{name}", "gpu": str(gpu), "UUID": f"GPU-{gpu}"}
