# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What the hosts of a fleet have, and what Prometheus and Grafana see of them."""

from typing import Optional, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.engine import EngineState
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.nvidia_smi import Gpu


class _Asked(TypedDict, total=False):
    """How a task of Ansible ended that asked a host."""

    failed: bool
    unreachable: bool
    msg: str


class GpuInfo(_Asked, total=False):
    """The GPUs of a host."""

    present: bool
    hardware: bool
    lost_devices: list[str]
    gpus: list[Gpu]


class EngineInfo(_Asked, total=False):
    """The Docker engine of a host."""

    engine: EngineState


class Target(TypedDict):
    """A target that Prometheus scrapes at `url` every `interval` seconds. Only model servers have a `server`.

    `of_role` says that the target is in a file of the role, and not from the site's own discovery.
    """

    job: str
    host: str
    server: str
    url: str
    health: str
    error: str
    interval: float
    of_role: bool


class Database(TypedDict):
    """Prometheus' database. Times are seconds, sizes bytes.

    `oldest` and `newest` are the times of the oldest and of the newest sample, None if missing. A `size_limit` of 0
    means no limit.
    """

    oldest: Optional[float]
    newest: Optional[float]
    retention: float
    size_limit: float
    size: float


class Measured(TypedDict, total=False):
    """What Prometheus knows, or only `error` if it cannot be asked. Times and ages are seconds.

    A Prometheus in agent mode knows only `targets` and `scrape_interval`.

    - now: its time. scrape_interval: that of the running configuration.
    - gpu_age: for each host and GPU, how long none of its restless values has changed.
    - container_age: for each host, how long no container's CPU time has changed. A host without a sample is left out.
    - gpus: for each host and GPU the ids of its MIG instances, empty if it has none.
    - container_series, containers, containers_lately: for each host the number of series, the names that have an image,
      and the names of the last minutes.
    - collector_age: for each host that has metrics of a container GPU collector, how old they are.
    - container_gpus, container_gpus_lately: for each host and id of a container the UUIDs of its GPUs, now and in the
      last minutes.
    - clock_skew: for each host that has a node exporter, positive if its clock is ahead.
    """

    error: str
    now: float
    targets: list[Target]
    scrape_interval: float
    gpu_age: dict[str, dict[str, float]]
    container_age: dict[str, float]
    gpus: dict[str, dict[str, list[str]]]
    container_series: dict[str, int]
    containers: dict[str, list[str]]
    containers_lately: dict[str, list[str]]
    collector_age: dict[str, float]
    container_gpus: dict[str, dict[str, list[str]]]
    container_gpus_lately: dict[str, dict[str, list[str]]]
    clock_skew: dict[str, float]
    database: Database


class _Panels(TypedDict):
    title: str
    panels: int
    faults: list[tuple[str, str]]


class ShownDashboard(_Panels, total=False):
    """A dashboard in Grafana. `panels` is how many panels were looked at.

    Each fault is a panel's title and a problem, which is empty if the panel shows no data and that is not an error.
    The `unchecked` panels need other datasources than Prometheus.
    """

    unchecked: list[str]


class Shown(TypedDict, total=False):
    """What Grafana shows: why it cannot be asked, and its dashboards by uid, None for a missing one."""

    error: str
    dashboards: dict[str, Optional[ShownDashboard]]


class Row(TypedDict):
    """A host's line of the table; None for what is not known or does not apply. Ages and skew are seconds."""

    host: str
    jobs: dict[str, str]
    sample_age: Optional[float]
    gpus_seen: Optional[int]
    gpus_there: Optional[int]
    mig_seen: int
    mig_there: int
    containers_seen: Optional[int]
    containers_there: Optional[int]
    clock_skew: Optional[float]
