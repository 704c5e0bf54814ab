"""Faults of GPUs that page at once, made one after the other, and how long the message of each takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

from tests.webhooks import Notification

POLL_SECONDS = 0.1
# A message that took as long as this is lost.
LOST_SECONDS = 120


@dataclass(frozen=True)
class Kind:
    """A fault: the alert, the field that shows the fault, and its value. An alert of an XID outlasts the fault."""

    alert: str
    field: str
    value: int
    xid: str = ""


RECOVERY, REMAP, XID = "DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION", "DCGM_FI_DEV_ROW_REMAP_FAILURE", "DCGM_FI_DEV_XID_ERRORS"
# In this order on each GPU. From the first XID on, the host has an alert that fires when the next fault comes.
KINDS = (
    Kind("GpuRecoveryAction", RECOVERY, 1),
    Kind("GpuRowRemapFailed", REMAP, 1),
    Kind("GpuRecoveryAction", RECOVERY, 2),
    Kind("GpuXidResetGpu", XID, 119, "119"),
    Kind("GpuRowRemapFailed", REMAP, 1),
    Kind("GpuXidNvlink", XID, 74, "74"),
    Kind("GpuRecoveryAction", RECOVERY, 4),
)


@dataclass(frozen=True)
class Fault:
    """A kind of fault on a GPU of a host."""

    host: str
    gpu: str
    kind: Kind

    def arrival(self, notifications: Sequence[Notification], status: str, since: float) -> float | None:
        """When its alert with this status first arrived since a moment."""
        wanted = {"alertname": self.kind.alert, "host": self.host, "gpu": self.gpu}
        wanted.update({"xid": self.kind.xid} if self.kind.xid else {})
        for notification in notifications:
            if notification.arrived >= since:
                for alert in notification.content["alerts"]:
                    if alert["status"] == status and wanted.items() <= alert["labels"].items():
                        return notification.arrived
        return None


def plan(measured: Sequence[tuple[str, str]], count: int) -> list[list[Fault]]:
    """So many faults, by GPU, as many on each as can be."""
    faults = [Fault(host, gpu, kind) for kind, (host, gpu) in islice(product(KINDS, measured), count)]
    if len(faults) < count:
        raise SystemExit(f"{len(measured)} GPUs are too few for {count} faults: {len(KINDS)} of each are possible.")
    return [[fault for fault in faults if (fault.host, fault.gpu) == gpu] for gpu in measured]


@dataclass(frozen=True)
class World:
    """What faults need: setting a field, arrivals, a clock, waiting, and the wait before the next fault of a GPU."""

    change: Callable[[Fault, int], None]
    notifications: Callable[[], Sequence[Notification]]
    now: Callable[[], float]
    wait: Callable[[float], None]
    phase: Callable[[], float]


@dataclass
class Stream:
    """The faults of one GPU, one after the other. Its present fault waits for a message with `status`."""

    faults: list[Fault]
    due: float
    status: str = ""
    since: float = 0.0
    delays: list[float] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether every fault was told and ended."""
        return len(self.delays) == len(self.faults) and not self.status


def follow(world: World, planned: list[list[Fault]]) -> list[Stream]:
    """Make all faults, those of different GPUs side by side."""
    streams = [Stream(faults, world.now() + world.phase()) for faults in planned]
    while not all(stream.done for stream in streams):
        for stream in streams:
            if not stream.done:
                _advance(world, stream)
        world.wait(POLL_SECONDS)
    return streams


def _advance(world: World, stream: Stream) -> None:
    now = world.now()
    if not stream.status:
        if now >= stream.due:
            stream.status, stream.since = "firing", now
            fault = stream.faults[len(stream.delays)]
            world.change(fault, fault.kind.value)
        return
    fault = stream.faults[len(stream.delays) - (stream.status == "resolved")]
    arrived = fault.arrival(world.notifications(), stream.status, stream.since)
    if arrived is None:
        if now - stream.since > LOST_SECONDS:
            raise SystemExit(f"{fault}: the alert did not arrive as {stream.status} within {LOST_SECONDS} s.")
        return
    if stream.status == "firing":
        stream.delays.append(arrived - stream.since)
        stream.since = now
        world.change(fault, 0)
    # The alert of an XID fires on for minutes.
    stream.status = "resolved" if stream.status == "firing" and not fault.kind.xid else ""
    stream.due = now + world.phase()
