"""Faults of the small fleet, and the alerts that each must raise. Everything is healthy until a fault begins."""

from __future__ import annotations

from dataclasses import dataclass

from tests.rules.alert_series import CONTAINER, GPU, MACHINE, STALE, STEP, Part, Series, gpu_labels, series

MINUTE = 60 // STEP
# When faults begin: later than what rules compare with.
BEGIN = 12 * MINUTE


@dataclass(frozen=True)
class Fault:
    """`changes` by name of metric apply to the series with these labels; `raises` are the alerts that fire after
    `minutes`.
    """

    name: str
    raises: tuple[str, ...]
    changes: dict[str, tuple[Part, ...]]
    labels: dict[str, str]
    minutes: float = 2
    added: tuple[Series, ...] = ()

    def samples(self) -> int:
        """How many samples the series have."""
        return BEGIN + round(self.minutes * MINUTE) + MINUTE

    def applied(self, healthy: list[Series]) -> list[Series]:
        """The fleet with the fault."""
        return [self._applied(entry) for entry in healthy] + list(self.added)

    def _applied(self, entry: Series) -> Series:
        if entry.name not in self.changes or not self.labels.items() <= entry.labels.items():
            return entry
        start, step, _count = entry.parts[0]
        return Series(entry.name, entry.labels, ((start, step, BEGIN), *self.changes[entry.name]))


def _now(value: float, step: float = 0) -> tuple[Part, ...]:
    return ((value, step, 600),)


_GONE: tuple[Part, ...] = ((STALE, 0, 1),)
_DOWN = {"up": _now(0)}
_GPU_METRICS = (
    "SM_CLOCK",
    "GPU_TEMP",
    "FB_USED",
    "FB_FREE",
    "GPU_UTIL",
    "MEMORY_TEMP",
    "TOTAL_ENERGY_CONSUMPTION",
    "XID_ERRORS",
)
_MEASURED = ("up", *(name.partition("{")[0] for name in (*GPU, *CONTAINER, *MACHINE)))
_ALL_OF_GPU = dict.fromkeys((f"DCGM_FI_DEV_{name}" for name in _GPU_METRICS), _GONE)


def _gpu(name: str, alert: str, field: str, parts: tuple[Part, ...], minutes: float = 2) -> Fault:
    return Fault(name, (alert,), {f"DCGM_FI_DEV_{field}": parts}, {"gpu": "0"}, minutes)


def _added(name: str, alert: str, minutes: float, key: str, labels: dict[str, str], value: float) -> Fault:
    """A series begins with the fault."""
    return Fault(name, (alert,), {}, {}, minutes, (series(key, labels, (None, 0, BEGIN), (value, 0, 600)),))


def _last_xid(xid: int, alert: str) -> Fault:
    return Fault(f"XID {xid} is the last", (alert,), {"DCGM_FI_DEV_XID_ERRORS": _now(xid)}, {"gpu": "0"}, 0.5)


def _clock_event(event: str, alert: str) -> Fault:
    return _added(
        f"clock event {event}", alert, 11, f'DCGM_EXP_CLOCK_EVENTS_COUNT{{clock_event="{event}"}}', gpu_labels(0), 5
    )


def _machine(title: str, alert: str, metric: str, parts: tuple[Part, ...], minutes: float, **labels: str) -> Fault:
    return Fault(title, (alert,), {metric: parts}, {"host": "gpu1", **labels}, minutes)


def _own(name: str, alert: str, metric: str, parts: tuple[Part, ...], minutes: float = 6) -> Fault:
    return Fault(name, (alert,), {metric: parts}, {"host": "monitor1"}, minutes)


# A container that ran for long starts four times.
_STARTS: tuple[Part, ...] = tuple(
    (STEP * (BEGIN + begun), 0, count) for begun, count in ((0, 2), (2, 2), (4, 2), (6, 600))
)
_CONTAINER = {"job": "cadvisor", "host": "gpu1", "name": "again", "id": "/docker/again"}


def _grown(name: str, labels: dict[str, str]) -> Series:
    """A counter that goes from 2 to 3 with the fault."""
    return series(name, labels, (2, 0, BEGIN), (3, 0, 600))


def _old_gpu(name: str, *parts: Part) -> Fault:
    """A GPU that had uncorrected errors before."""
    labels = {**gpu_labels(0), "UUID": "GPU-7"}
    added = (
        series("DCGM_FI_DEV_SM_CLOCK", labels, (1410, 0, 600)),
        series("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", labels, *parts),
    )
    return Fault(name, ("GpuEccUncorrected",), {}, {}, 0.5, added)


def _shared(name: str, alert: str, minutes: float, part: Part) -> Fault:
    """Two hosts share a file system of 1 TB; `part` is what is free from the fault on."""
    of_mount = 'mountpoint="/data",fstype="nfs4",device="nas:/data"'
    added = []
    for host in ("gpu1", "monitor1"):
        labels = {"job": "node", "host": host, "instance": f"{host}:node"}
        added += [
            series(f"node_filesystem_size_bytes{{{of_mount}}}", labels, (1e12, 0, 600)),
            series(f"node_filesystem_readonly{{{of_mount}}}", labels, (0, 0, 600)),
            series(f"node_filesystem_avail_bytes{{{of_mount}}}", labels, (5e11, 0, BEGIN), part),
        ]
    return Fault(name, (alert,), {}, {}, minutes, tuple(added))


# The alert of each XID of NVIDIA's catalogue, and of one that is not in it.
XIDS = {
    **dict.fromkeys((46, 48, 62, 64, 95, 109, 110, 119, 120, 136, 140, 143, 158), "GpuXidResetGpu"),
    **dict.fromkeys((63, 92, 94, 144, 145, 146, 147, 148, 149, 150, 154, 155, 156, 157), "GpuXidWatch"),
    **dict.fromkeys((8, 11, 13, 25, 31, 32, 43, 45, 137), "GpuXidApplication"),
    **dict.fromkeys((54, 142, 151), "GpuXidHardware"),
    74: "GpuXidNvlink",
    79: "GpuXidRestartHost",
    69: "GpuXidOther",
}
OF_GPUS = (
    Fault("a GPU disappears", ("GpuMissing",), _ALL_OF_GPU, {"gpu": "0"}, 4),
    _gpu("recovery action", "GpuRecoveryAction", "GET_GPU_RECOVERY_ACTION", _now(2), 0.5),
    _last_xid(79, "GpuXidRestartHost"),
    _last_xid(95, "GpuXidResetGpu"),
    _last_xid(74, "GpuXidNvlink"),
    _last_xid(54, "GpuXidHardware"),
    _last_xid(63, "GpuXidWatch"),
    _added(
        "a total of XIDs begins with its first",
        "GpuXidRestartHost",
        0.5,
        'DCGM_EXP_XID_ERRORS_TOTAL{xid="79"}',
        gpu_labels(0),
        1,
    ),
    _added("fewer GPUs than the inventory says", "GpuCountLow", 3, "host:gpus:expected", {"host": "gpu1"}, 3),
    _gpu("uncorrected ECC error", "GpuEccUncorrected", "ECC_DBE_VOL_TOTAL", _now(1), 0.5),
    _old_gpu("another uncorrected ECC error", (2, 0, BEGIN), (3, 0, 600)),
    _old_gpu("an uncorrected ECC error after the counter began again", (5, 0, BEGIN - 4), (0, 0, 4), (1, 0, 600)),
    _gpu("row remap failed", "GpuRowRemapFailed", "ROW_REMAP_FAILURE", _now(1), 0.5),
    Fault(
        "row remap failed, one is pending, and many rows are remapped",
        ("GpuRowRemapFailed",),
        {
            "DCGM_FI_DEV_ROW_REMAP_FAILURE": _now(1),
            "DCGM_FI_DEV_ROW_REMAP_PENDING": _now(1),
            "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": _now(600),
        },
        {"gpu": "0"},
        0.5,
    ),
    _gpu("row remap pending", "GpuRowRemapPending", "ROW_REMAP_PENDING", _now(1), 0.5),
    _gpu("page retirement pending", "GpuRowRemapPending", "RETIRED_PENDING", _now(1), 0.5),
    _gpu("many rows remapped", "GpuRowRemapsMany", "UNCORRECTABLE_REMAPPED_ROWS", _now(401), 0.5),
    _clock_event("hw_thermal", "GpuThermalSlowdown"),
    _clock_event("hw_power_brake", "GpuPowerBrake"),
    _gpu("time held back by heat", "GpuThermalSlowdown", "THERMAL_VIOLATION", _now(3e9, 3e9), 16),
    _gpu("hot", "GpuHot", "GPU_TEMP", _now(85), 6),
    Fault(
        "hot and held back by heat",
        ("GpuThermalSlowdown",),
        {"DCGM_FI_DEV_GPU_TEMP": _now(90), "DCGM_FI_DEV_THERMAL_VIOLATION": _now(3e9, 3e9)},
        {"gpu": "0"},
        16,
    ),
    _gpu("hot memory", "GpuMemoryHot", "MEMORY_TEMP", _now(95), 6),
    _gpu("NVLink recovery", "GpuNvlinkRecovery", "NVLINK_RECOVERY_ERROR_COUNT_TOTAL", _now(1), 0.5),
    _gpu("NVLink CRC errors", "GpuNvlinkErrors", "NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", _now(1500, 1), 0.5),
    _gpu("NVLink data CRC errors", "GpuNvlinkErrors", "NVLINK_CRC_DATA_ERROR_COUNT_TOTAL", _now(1500), 0.5),
    _gpu("NVLink replays", "GpuNvlinkErrors", "NVLINK_REPLAY_ERROR_COUNT_TOTAL", _now(1500), 0.5),
    Fault(
        "NVLink replays before a recovery",
        ("GpuNvlinkRecovery",),
        {
            "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL": _now(1500),
            "DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL": _now(1),
        },
        {"gpu": "0"},
        0.5,
    ),
    *(
        Fault(
            f"Hopper's {field}",
            (alert,),
            {},
            {},
            0.5,
            (series(f"DCGM_FI_DEV_NVLINK_ERROR_DL_{field}", gpu_labels(0), (0, 0, BEGIN), (1500, 0, 600)),),
        )
        for field, alert in (
            ("CRC", "GpuNvlinkErrors"),
            ("REPLAY", "GpuNvlinkErrors"),
            ("RECOVERY", "GpuNvlinkRecovery"),
        )
    ),
    _gpu("PCIe replays", "GpuPcieReplays", "PCIE_REPLAY_COUNTER", _now(110, 10), 16),
    _gpu("memory full", "GpuMemoryFull", "FB_FREE", _now(400), 11),
    _gpu("idle with memory in use", "GpuAllocatedIdle", "GPU_UTIL", _now(0), 62),
    Fault(
        "frozen exporter", ("GpuTelemetryFrozen",), {"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": _now(485000000)}, {}, 17
    ),
)
OF_TARGETS = (
    Fault("DCGM exporter down", ("GpuExporterDown",), {**_DOWN, **_ALL_OF_GPU}, {"job": "nvidia-gpu"}, 3),
    Fault(
        "cAdvisor down",
        ("ContainerExporterDown",),
        {**_DOWN, "container_start_time_seconds": _GONE},
        {"job": "cadvisor"},
        6,
    ),
    Fault("node exporter down", ("HostExporterDown",), _DOWN, {"job": "node", "host": "gpu1"}, 16),
    Fault(
        "node exporter of the monitoring host down",
        ("HostExporterDown",),
        _DOWN,
        {"job": "node", "host": "monitor1"},
        17,
    ),
    Fault("model server down", ("ModelServerDown",), _DOWN, {"job": "model-server"}, 11),
    Fault("host down", ("HostDown",), {**_DOWN, **_ALL_OF_GPU}, {"host": "gpu1"}, 17),
    Fault("host no longer in the inventory", ("TargetLost",), dict.fromkeys(_MEASURED, _GONE), {"host": "gpu1"}, 6),
    Fault("target no longer in the files", ("TargetLost",), {"up": _GONE, **_ALL_OF_GPU}, {"job": "nvidia-gpu"}, 6),
    Fault("VictoriaMetrics down", ("VictoriaMetricsDown",), _DOWN, {"job": "victoria-metrics"}, 6),
    Fault(
        "Alertmanager down",
        ("AlertmanagerDown",),
        {**_DOWN, "alertmanager_notifications_failed_total": _GONE},
        {"job": "alertmanager"},
        6,
    ),
    Fault(
        "Alertmanager down, and alerts not taken",
        ("AlertmanagerDown",),
        {},
        {},
        17,
        (
            series("up", {"job": "alertmanager", "host": "monitor1"}, (1, 0, BEGIN), (0, 0, 600)),
            series(
                "prometheus_notifications_errors_total",
                {"job": "prometheus", "host": "monitor1", "alertmanager": "x"},
                (0, 0, BEGIN),
                (1, 1, 600),
            ),
        ),
    ),
)
OF_OTHERS = (
    Fault("no names", ("ContainersWithoutNames",), {"container_start_time_seconds": _GONE}, {}, 6),
    _machine("killed for memory", "ContainerOutOfMemory", "container_oom_events_total", _now(1), 0.5, name="training"),
    Fault(
        "killed for memory again",
        ("ContainerOutOfMemory",),
        {},
        {},
        0.5,
        (_grown("container_oom_events_total", _CONTAINER),),
    ),
    _machine("restarting", "ContainerRestarting", "container_start_time_seconds", _STARTS, 4, name="training"),
    _added(
        "the first sample of a container says that it was killed",
        "ContainerOutOfMemory",
        0.5,
        'container_oom_events_total{name="new",id="/docker/new"}',
        {"job": "cadvisor", "host": "gpu1"},
        1,
    ),
    _machine("restart", "HostRebooted", "node_boot_time_seconds", _now(1200), 0.5),
    _machine("disk fills", "HostDiskFillsSoon", "node_filesystem_avail_bytes", _now(1.5e11, -4e8), 20),
    _shared("shared disk fills", "SharedDiskFillsSoon", 20, (1.5e11, -4e8, 600)),
    _shared("shared disk full", "SharedDiskFull", 6, (1e10, 0, 600)),
    _machine("disk full", "HostDiskFull", "node_filesystem_avail_bytes", _now(1e10), 6),
    _machine("disk full and filling", "HostDiskFull", "node_filesystem_avail_bytes", _now(2e10, -1e8), 20),
    _shared("shared disk full and filling", "SharedDiskFull", 20, (2e10, -1e8, 600)),
    _added(
        "file system fails",
        "HostFilesystemError",
        6,
        'node_filesystem_device_error{mountpoint="/data",fstype="xfs",device_error="input/output error"}',
        {"job": "node", "host": "gpu1"},
        1,
    ),
    _machine("memory errors", "HostMemoryErrors", "node_edac_uncorrectable_errors_total", _now(1), 0.5),
    _machine("memory low", "HostMemoryLow", "node_memory_MemAvailable_bytes", _now(4e10), 11),
    _machine("main process of a container killed", "HostProcessKilled", "node_vmstat_oom_kill", _now(4), 2),
    Fault(
        "killed container",
        ("ContainerOutOfMemory",),
        {"node_vmstat_oom_kill": _now(4), "container_oom_events_total": _now(1)},
        {"host": "gpu1"},
        3,
    ),
    _machine("clock off", "HostClockOff", "node_time_seconds", _now(BEGIN * STEP + 30, STEP), 11),
    _machine(
        "GPU collector stopped",
        "ContainerGpuCollectorDown",
        "container_gpu_collector_last_success_timestamp_seconds",
        _now(BEGIN * STEP - 5),
        8,
    ),
    _machine("receive errors", "HostNetworkErrors", "node_network_receive_errs_total", _now(300, 300), 21),
    Fault(
        "every received packet has an error",
        ("HostNetworkErrors",),
        {"node_network_receive_errs_total": _now(300, 300), "node_network_receive_packets_total": _now(BEGIN * 15000)},
        {"host": "gpu1"},
        21,
    ),
    _machine("transmit errors", "HostNetworkErrors", "node_network_transmit_errs_total", _now(300, 300), 21),
    _machine("unreadable metrics", "HostTextfileError", "node_textfile_scrape_error", _now(1), 6),
    _machine(
        "certificate ends soon",
        "CertificateEndsSoon",
        "gpu_monitoring_certificate_expiry_timestamp_seconds",
        _now(13 * 86400),
        0.5,
    ),
    Fault(
        "certificate ends",
        ("CertificateEnds",),
        {"gpu_monitoring_certificate_expiry_timestamp_seconds": _now(86400)},
        {},
        0.5,
    ),
    _machine(
        "backup too old", "BackupTooOld", "gpu_monitoring_backup_last_success_timestamp_seconds", _now(-172801), 16
    ),
    _own("configuration refused", "PrometheusConfigRefused", "prometheus_config_last_reload_successful", _now(0)),
    _own("rule fails", "PrometheusRuleFails", "prometheus_rule_evaluation_failures_total", _now(1, 1)),
    _own("rules late", "PrometheusRulesLate", "prometheus_rule_group_iterations_missed_total", _now(1, 1), 17),
    _own("compaction fails", "PrometheusDataFails", "prometheus_tsdb_compactions_failed_total", _now(1), 0.5),
    _own("log corrupted", "PrometheusDataFails", "prometheus_tsdb_wal_corruptions_total", _now(1), 0.5),
    _own("blocks unreadable", "PrometheusDataFails", "prometheus_tsdb_reloads_failures_total", _now(1), 0.5),
    _own("alerts dropped", "PrometheusNotSending", "prometheus_notifications_dropped_total", _now(1, 1), 12),
    _own("alerts not taken", "PrometheusNotSending", "prometheus_notifications_errors_total", _now(1, 1), 12),
    _own("targets unreadable", "PrometheusTargetsUnreadable", "prometheus_sd_file_read_errors_total", _now(1, 1), 16),
    _own("discovery down", "PrometheusTargetsUnreadable", "prometheus_sd_http_failures_total", _now(1, 1), 16),
    Fault("one refresh fails", (), {"prometheus_sd_http_failures_total": _now(1)}, {"host": "monitor1"}, 9),
    *(
        _own(f"too many {what}", "PrometheusScrapeTooLarge", f"prometheus_target_{metric}_total", _now(1, 1))
        for what, metric in (
            ("series", "scrapes_exceeded_sample_limit"),
            ("bytes", "scrapes_exceeded_body_size_limit"),
            ("labels", "scrape_pool_exceeded_label_limits"),
        )
    ),
    Fault(
        "samples wait",
        ("PrometheusRemoteWriteBehind",),
        {
            "prometheus_remote_storage_queue_highest_sent_timestamp_seconds": _now(600),
            "prometheus_remote_storage_samples_pending": _now(20000),
        },
        {"host": "monitor1"},
        19,
    ),
    _own(
        "receiver refuses samples",
        "PrometheusRemoteWriteRefused",
        "prometheus_remote_storage_samples_failed_total",
        _now(1, 1),
        12,
    ),
    _own("a member is missing", "AlertmanagerMemberMissing", "alertmanager_cluster_members", _now(1), 22),
    _own(
        "a dead member is still counted",
        "AlertmanagerMemberMissing",
        "alertmanager_tls_transport_write_errors_total",
        _now(15, 15),
        22,
    ),
    Fault(
        "one of two Alertmanagers takes no alerts",
        (),
        {
            "prometheus_notifications_errors_total": _now(1, 1),
            "prometheus_notifications_alertmanagers_discovered": _now(2),
        },
        {"host": "monitor1"},
        12,
    ),
    Fault(
        "the host of a member is down",
        ("HostDown",),
        {"alertmanager_cluster_members": _now(1), "alertmanager_tls_transport_write_errors_total": _now(15, 15)},
        {"host": "monitor1"},
        40,
        (series("up", {"job": "node", "host": "monitor2", "instance": "m"}, (1, 0, BEGIN), (0, 0, 600)),),
    ),
    _own("VictoriaMetrics without space", "VictoriaMetricsReadOnly", "vm_storage_is_read_only", _now(1)),
    _own("Alertmanager refuses", "AlertmanagerConfigRefused", "alertmanager_config_last_reload_successful", _now(0)),
    _own("Alertmanager cannot send", "AlertmanagerNotSending", "alertmanager_notifications_failed_total", _now(1, 1)),
)
