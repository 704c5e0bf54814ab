"""What happens to a small fleet on healthy days, and GPUs that measure little. None of it may wake anybody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.rules.alert_faults import BEGIN, MINUTE
from tests.rules.alert_series import STALE, STEP, Part, Series, gpu_labels, healthy, series

_SAMPLES = 60 * MINUTE


@dataclass(frozen=True)
class Life:
    """`info` are the alerts of the severity info that belong to it."""

    name: str
    series: list[Series]
    info: tuple[str, ...] = ()
    samples: int = _SAMPLES


def _changed(change: Callable[[Series], tuple[Part, ...] | None]) -> list[Series]:
    """The healthy fleet; `change` gives the parts of a series after BEGIN, or None to leave it as it is."""
    changed = []
    for entry in healthy(_SAMPLES):
        parts, (start, step, _count) = change(entry), entry.parts[0]
        changed.append(entry if parts is None else Series(entry.name, entry.labels, ((start, step, BEGIN), *parts)))
    return changed


def _later(entry: Series, samples: int) -> Part:
    """The healthy rest of a series after a break of some samples."""
    start, step, count = entry.parts[0]
    return (start + step * (BEGIN + samples), step, count - BEGIN - samples)


def _break(entry: Series, samples: int) -> tuple[Part, ...]:
    """A series that ends and begins again."""
    return ((STALE, 0, 1), (None, 0, samples - 1), _later(entry, samples))


def _down(entry: Series, samples: int) -> tuple[Part, ...]:
    return ((0, 0, samples), _later(entry, samples))


def _rerun(entry: Series) -> tuple[Part, ...] | None:
    """The playbook recreates the exporters, which are away for a minute."""
    if entry.name == "up" and entry.labels.get("job") in ("nvidia-gpu", "cadvisor", "node"):
        return _down(entry, 2)
    return (
        _break(entry, 2)
        if entry.name != "up" and entry.labels.get("job") in ("nvidia-gpu", "cadvisor", "node")
        else None
    )


def _empty_answer(entry: Series) -> tuple[Part, ...] | None:
    """The DCGM exporter reads its counters again and says nothing meanwhile."""
    return _break(entry, 3) if entry.name != "up" and entry.labels.get("job") == "nvidia-gpu" else None


def _exporter_is_away() -> list[Series]:
    """The DCGM exporter is away for two minutes, and its first answer is empty. The GPUs had an ECC error long ago."""

    def away(entry: Series) -> tuple[Part, ...] | None:
        if entry.labels.get("job") != "nvidia-gpu":
            return None
        return _down(entry, 4) if entry.name == "up" else _break(entry, 5)

    def with_error(entry: Series) -> Series:
        parts = tuple((1 if start == 0 else start, step, count) for start, step, count in entry.parts)
        return Series(entry.name, entry.labels, parts) if entry.name == "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL" else entry

    return [with_error(entry) for entry in _changed(away)]


def _mounted_read_only() -> list[Series]:
    """A data set is mounted read-only."""
    labels = {"job": "node", "host": "gpu1", "instance": "gpu1:node", "mountpoint": "/mnt/new", "fstype": "ext4"}
    return [Series("node_filesystem_readonly", labels, ((None, 0, BEGIN), (1, 0, _SAMPLES - BEGIN)))]


def _service_restarts(entry: Series) -> tuple[Part, ...] | None:
    """A model server loads its model for five minutes."""
    return _down(entry, 5 * MINUTE) if entry.labels.get("job") == "model-server" else None


def _prometheus_restarts(entry: Series) -> tuple[Part, ...]:
    """No sample of anything for four minutes; promtool cannot stop evaluating rules."""
    return ((None, 0, 4 * MINUTE), _later(entry, 4 * MINUTE))


def _job_ends(entry: Series) -> tuple[Part, ...] | None:
    """The container of a training ended, and its GPU is free."""
    if entry.labels.get("name") == "training":
        return ((STALE, 0, 1),)
    free = {"DCGM_FI_DEV_GPU_UTIL": 0.0, "DCGM_FI_DEV_FB_USED": 4.0, "DCGM_FI_DEV_FB_FREE": 79996.0}
    return ((free[entry.name], 0, _SAMPLES - BEGIN),) if entry.labels.get("gpu") == "0" and entry.name in free else None


def _reboot(entry: Series) -> tuple[Part, ...] | None:
    """A host is away for seven minutes. Its second GPU and its model server need some minutes more."""
    late = entry.labels.get("gpu") == "1" or entry.labels.get("job") == "model-server"
    return _restarted(entry, 12 * MINUTE if late else 7 * MINUTE)


def _reboot_with_late_node_exporter(entry: Series) -> tuple[Part, ...] | None:
    """A host is away for seven minutes, and its node exporter for ten minutes more."""
    return _restarted(entry, 17 * MINUTE if entry.labels.get("job") == "node" else 7 * MINUTE)


def _restarted(entry: Series, away: int) -> tuple[Part, ...] | None:
    """A series of the host that restarts, which has no samples meanwhile."""
    if entry.labels["host"] != "gpu1":
        return None
    if entry.name == "up":
        return _down(entry, away)
    start, step, count = entry.parts[0]
    if entry.name == "node_boot_time_seconds":
        start = (BEGIN + 6 * MINUTE) * STEP
    elif entry.name == "container_start_time_seconds":
        start = (BEGIN + 7 * MINUTE) * STEP
    elif entry.name == "node_time_seconds":
        start = (BEGIN + away) * STEP
    elif entry.name == "container_gpu_collector_last_success_timestamp_seconds":
        start = (BEGIN + away) * STEP - 5
    elif entry.name == "node_filesystem_avail_bytes":
        start += step * (BEGIN + away)
    return ((STALE, 0, 1), (None, 0, away - 1), (start, step, count - BEGIN - away))


def _gpu_replaced(entry: Series) -> tuple[Part, ...] | None:
    """A GPU leaves; the new one is added below."""
    return ((STALE, 0, 1),) if entry.labels.get("gpu") == "1" else None


def _new_gpu() -> list[Series]:
    new = [entry for entry in healthy(_SAMPLES) if entry.labels.get("gpu") == "1"]
    return [
        Series(entry.name, {**entry.labels, "UUID": "GPU-new"}, ((None, 0, BEGIN), _later(entry, 0))) for entry in new
    ]


# Counters of what happened long ago.
_OF_OLD = {
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": 3.0,
    "DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL": 2.0,
    "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL": 5000.0,
    "DCGM_FI_DEV_PCIE_REPLAY_COUNTER": 900.0,
    "container_oom_events_total": 4.0,
    "node_vmstat_oom_kill": 9.0,
}


def _had_errors(samples: int) -> list[Series]:
    """The healthy fleet with errors of long ago."""
    fleet = [
        Series(entry.name, entry.labels, ((_OF_OLD.get(entry.name, entry.parts[0][0]), *entry.parts[0][1:]),))
        for entry in healthy(samples)
    ]
    return fleet + [series('DCGM_EXP_XID_ERRORS_TOTAL{xid="79"}', gpu_labels(0), (1, 0, samples))]


def _renamed(**labels: str) -> list[Series]:
    """Series with errors of long ago get new values of these labels at BEGIN."""
    renamed = []
    for entry in _had_errors(_SAMPLES):
        if not labels.keys() <= entry.labels.keys():
            renamed.append(entry)
            continue
        start, step, count = entry.parts[0]
        renamed.append(Series(entry.name, entry.labels, ((start, step, BEGIN), (STALE, 0, 1))))
        renamed.append(
            Series(
                entry.name, {**entry.labels, **labels}, ((None, 0, BEGIN), (start + step * BEGIN, step, count - BEGIN))
            )
        )
    return renamed


def away(samples: int, end: int) -> list[Series]:
    """The fleet with errors of long ago, without samples of anything from BEGIN until a sample."""
    return [
        Series(
            entry.name,
            entry.labels,
            ((start, step, BEGIN), (None, 0, end - BEGIN), (start + step * end, step, samples - end)),
        )
        for entry in _had_errors(samples)
        for start, step, _count in entry.parts
    ]


def _driver_starts_again(entry: Series) -> tuple[Part, ...] | None:
    """The counters of a GPU begin again at 0."""
    return ((0, entry.parts[0][1], _SAMPLES - BEGIN),) if entry.name in _OF_OLD or "ENERGY" in entry.name else None


def _gpu_with_errors_is_added() -> list[Series]:
    """A GPU comes from another host, where it had errors."""
    old = [entry for entry in _had_errors(_SAMPLES) if entry.labels.get("gpu") == "1"]
    return [
        Series(entry.name, {**entry.labels, "gpu": "2", "UUID": "GPU-2"}, ((None, 0, BEGIN), _later(entry, 0)))
        for entry in old
    ]


def _full_by_nature() -> list[Series]:
    """File systems that are always full, or in memory, and one of the network that was mounted read-only."""
    filesystems = []
    for fstype in ("squashfs", "iso9660", "tmpfs", "overlay", "erofs", "nfs4"):
        labels = {
            "job": "node",
            "host": "gpu1",
            "instance": "gpu1:node",
            "mountpoint": f"/mnt/{fstype}",
            "fstype": fstype,
            "device": fstype,
        }
        read_only = 0 if fstype in ("tmpfs", "overlay") else 1
        for metric, value in (("size_bytes", 1e9), ("avail_bytes", 0), ("readonly", read_only)):
            filesystems.append(Series(f"node_filesystem_{metric}", labels, ((value, 0, _SAMPLES),)))
    return filesystems


def _idle_remote_write(entry: Series) -> tuple[Part, ...] | None:
    """Nothing is there to send."""
    return ((BEGIN * STEP, 0, _SAMPLES - BEGIN),) if "highest_sent" in entry.name else None


def _unused_interfaces() -> list[Series]:
    """An interface that is down on purpose, and one of a bond that only receives a broken packet now and then."""
    interfaces = []
    for device, errors in (("eth1", 0.0), ("eth2", 1.0)):
        labels = {"job": "node", "host": "gpu1", "instance": "gpu1:node", "device": device}
        interfaces.append(series("node_network_receive_errs_total", labels, (0, errors, _SAMPLES)))
        interfaces += [
            series(f"node_network_{name}_total", labels, (0, 0, _SAMPLES))
            for name in ("receive_packets", "transmit_errs", "transmit_packets")
        ]
    return interfaces


def _xid_of_old(entry: Series) -> tuple[Part, ...] | None:
    """An application's XID that the exporter remembers is not new."""
    return ((13, 0, _SAMPLES - BEGIN),) if entry.name == "DCGM_FI_DEV_XID_ERRORS" else None


def _without_gpus() -> list[Series]:
    return [entry for entry in healthy(_SAMPLES) if "gpu" not in entry.labels]


def _measuring(*fields: tuple[str, float, float], **labels: str) -> list[Series]:
    """A fleet whose only GPU measures these fields: name, first value and growth."""
    return _without_gpus() + [
        series(name, {**gpu_labels(0), **labels}, (start, step, _SAMPLES)) for name, start, step in fields
    ]


_VGPU = (
    ("DCGM_FI_DEV_FB_USED", 2000, 0),
    ("DCGM_FI_DEV_FB_FREE", 6000, 0),
    ("DCGM_FI_DEV_SM_CLOCK", 1410, 0),
    ("DCGM_FI_DEV_XID_ERRORS", 0, 0),
)
_CONSUMER = (
    *_VGPU,
    ("DCGM_FI_DEV_GPU_TEMP", 70, 0),
    ("DCGM_FI_DEV_GPU_UTIL", 70, 0),
    ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", 1, 5000000),
)
_SHARED_MEMORY = (("DCGM_FI_DEV_GPU_TEMP", 50, 0), ("DCGM_FI_DEV_SM_CLOCK", 1410, 0), ("DCGM_FI_DEV_GPU_UTIL", 0, 0))
_MIG = (*_VGPU[:3], ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 0.5, 0), ("DCGM_FI_DEV_GPU_TEMP", 50, 0))

ALL = (
    Life("nothing happens", healthy(_SAMPLES)),
    Life("the playbook runs again", _changed(_rerun)),
    Life("an exporter says nothing for a moment", _changed(_empty_answer)),
    Life("an exporter is away for a moment", _exporter_is_away()),
    Life("a file system is mounted read-only", healthy(_SAMPLES) + _mounted_read_only()),
    Life("a service restarts", _changed(_service_restarts)),
    Life("Prometheus restarts", _changed(_prometheus_restarts)),
    Life("a job ends", _changed(_job_ends)),
    Life("a host restarts", _changed(_reboot), ("HostRebooted",)),
    Life("a host restarts and its node exporter is late", _changed(_reboot_with_late_node_exporter), ("HostRebooted",)),
    Life("a GPU is replaced", _changed(_gpu_replaced) + _new_gpu()),
    Life("errors of long ago", _had_errors(_SAMPLES)),
    Life("a site changes the labels of a host", _renamed(team="speech")),
    Life("an exporter has another port", _renamed(instance="gpu1:1")),
    Life("a container is renamed", _renamed(name="renamed")),
    Life("the driver starts again", _changed(_driver_starts_again)),
    Life("a GPU with errors of long ago is added", healthy(_SAMPLES) + _gpu_with_errors_is_added()),
    Life("file systems are full by nature", healthy(_SAMPLES) + _full_by_nature()),
    Life("a remote write has nothing to send", _changed(_idle_remote_write)),
    Life("interfaces are not used", healthy(_SAMPLES) + _unused_interfaces()),
    Life("the exporter remembers an XID of an application", _changed(_xid_of_old)),
    Life("a vGPU", _measuring(*_VGPU)),
    Life("a consumer's GPU", _measuring(*_CONSUMER)),
    Life("a GPU with the memory of its host", _measuring(*_SHARED_MEMORY)),
    Life("an instance of MIG", _measuring(*_MIG, GPU_I_ID="1", GPU_I_PROFILE="3g.40gb")),
)
