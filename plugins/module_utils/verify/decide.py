# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What is wrong with the fleet, from what its hosts have and what Prometheus and Grafana see of it. Pure.

One sentence for each fault: what follows from a fault that was told already is not told again.
"""

import re
import time
from typing import NamedTuple, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.gpu import lost_message
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.nvidia_smi import Gpu
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.orphans import orphans, removal
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import container_gpus, dashboard_faults
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.faults import SITE, Problem, listed, one_line
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.observed import (
    EngineInfo,
    GpuInfo,
    Measured,
    Row,
    Shown,
    Target,
)

CONTAINERS, GPUS, NODE, SERVERS = "cadvisor", "nvidia-gpu", "node", "model-server"
_EXPORTERS = {CONTAINERS: "cAdvisor", GPUS: "The DCGM exporter", NODE: "The node exporter"}
# What a target of a job needs running on its host. The proxy stands before cAdvisor.
_SERVICES = {CONTAINERS: ["cadvisor", "cadvisor-proxy"], GPUS: ["dcgm-exporter"], NODE: ["node-exporter"]}
# How the names of what a job measures begin.
_METRICS = {CONTAINERS: r"\bcontainer_(?!gpu)", GPUS: r"\bDCGM_", NODE: r"\bnode_"}
# Queries that find nothing of some GPUs. A GPU in MIG mode has no utilization of its own.
_NOT_WITH_MIG = r"^DCGM_FI_DEV_GPU_UTIL$"
# Of a vGPU DCGM reads memory, clocks, XIDs, NVLinks and the license alone (NVIDIA/dcgm-exporter#193).
_NOT_WITH_VGPU = r"^(?!.*\bDCGM_FI_DEV_\(?(FB_|SM_CLOCK|MEM_CLOCK|XID_|NVLINK_|VGPU_)).*\bDCGM_"
# A GPU that shares the host's memory has no framebuffer. A query with an alternative is asked all the same.
_NOT_WITHOUT_FRAMEBUFFER = r"^(?!.*\bor\b).*\bDCGM_FI_DEV_FB_"
# Of a size limit as much may be in use after the oldest block, which is the largest, was dropped.
_LEAST_OF_SIZE_LIMIT = 0.1
# The first deployment is remembered once Prometheus is healthy, and the first scrape comes after that.
_FIRST_SAMPLE_SECONDS = 300
# What an exporter and a scrape may take beyond their intervals.
_SLACK_SECONDS = 5


class Wanted(NamedTuple):
    """What there should be. Times are seconds.

    - hosts: names in the order of the table.
    - jobs: for each job the host and the server of what Prometheus should scrape. Only model servers name a server.
    - gpus, engines: for each host what host_info reports about its GPUs and its engine, or how host_info failed.
    - groups: the hosts of the groups gpu_hosts and monitoring, which say which services a host has.
    - data_since: since when Prometheus keeps its data, None if that is not known.
    - data_since_file: the file with data_since.
    - hosts_elsewhere: those that another monitoring host should scrape.
    - monitoring_host: where Prometheus, Alertmanager and Grafana run; any of the hosts if it is empty.
    """

    hosts: list[str]
    jobs: dict[str, list[tuple[str, str]]]
    gpus: dict[str, GpuInfo]
    engines: dict[str, EngineInfo]
    scrape_interval: float
    frozen_after: float
    clock_skew: float
    data_since: Optional[float]
    data_since_file: Optional[str]
    groups: dict[str, list[str]] = {}
    hosts_elsewhere: list[str] = []
    monitoring_host: str = ""


class Drawable(NamedTuple):
    """What dashboards can draw.

    - hosts: those of which there is all that any host has, and whose GPUs measure most.
    - absent: regular expressions of the queries that find nothing in a fleet like this.
    """

    hosts: list[str]
    absent: list[str]


class Verdict(NamedTuple):
    """A row for each host, the faults, and what could not be checked."""

    rows: list[Row]
    problems: list[Problem]
    notes: list[str]


def drawable(wanted: Wanted, prometheus: Measured) -> Drawable:
    """What can be drawn of the wanted hosts."""
    hosts = [_Host(wanted, prometheus, name) for name in wanted.hosts]
    absent = [metrics for job, metrics in _METRICS.items() if not any(job in host.jobs for host in hosts)]
    absent += [] if any(host.has_collector for host in hosts) else [container_gpus.METRICS]
    fully_measured = _fully_measured(hosts)
    fewest = min((len(host.unmeasured) for host in fully_measured), default=0)
    chosen = [host for host in fully_measured if len(host.unmeasured) == fewest]
    unmeasured = sorted(set().union(*(host.unmeasured for host in chosen or hosts)))
    return Drawable([host.name for host in chosen], [*absent, *unmeasured])


def decide(wanted: Wanted, prometheus: Measured, grafana: Shown) -> Verdict:
    """The faults of the fleet."""
    problems: list[Problem] = []
    notes: list[str] = []
    if prometheus.get("error"):
        hosts = [_Host(wanted, {}, name) for name in wanted.hosts]
        stopped = not_running(wanted, "prometheus")
        problems.append(Problem("prometheus", "", f"Prometheus cannot be asked: {prometheus['error']}{stopped}"))
        problems += [fault for host in hosts for fault in host.unreachable()]
        return Verdict([host.row() for host in hosts], problems, notes)
    hosts = [_Host(wanted, prometheus, name) for name in wanted.hosts]
    if "database" not in prometheus:
        return _of_agent(wanted, prometheus, grafana, hosts)
    for host in hosts:
        problems += host.problems()
    problems += _left_behind(wanted, prometheus)
    problems += _intervals(wanted, prometheus)
    lost, note = _lost_data(wanted, prometheus)
    problems += lost
    stopped = not_running(wanted, "grafana")
    problems += _future_samples(wanted, prometheus)
    blind = not _fully_measured(hosts) or any(_blind(hosts, job) for job in wanted.jobs if job != SERVERS)
    problems += dashboard_faults.problems(grafana, stopped, blind)
    unknown = [host.name for host in hosts if host.states and host.skew is None]
    still = [host.name for host in hosts if host.nothing_moves]
    uncompared = [host.name for host in hosts if host.has_collector and NODE not in host.jobs]
    notes += [note] if note else []
    if uncompared:
        reason = f"since Prometheus has no data of the job {NODE} for them"
        notes.append(f"The GPUs of containers of {listed(uncompared)} were not checked, {reason}.")
    if still:
        reason = "since these GPUs measure no energy, power or temperature"
        notes.append(f"Whether values of GPUs of {listed(still)} are frozen was not checked, {reason}.")
    notes += (
        [f"The clocks of {listed(unknown)} were not checked, since Prometheus has no data of the job {NODE} for them."]
        if unknown
        else []
    )
    notes += dashboard_faults.unchecked(grafana)
    return Verdict([host.row() for host in hosts], problems, notes)


def not_running(wanted: Wanted, service: str, host: str = "") -> str:
    """A clause that says that a service does not run on a monitoring host, and why; empty if it runs."""
    host = host or wanted.monitoring_host
    return "".join(_Host(wanted, {}, name).not_running(service) for name in ([host] if host else wanted.hosts))


def is_unreachable(wanted: Wanted, host: str) -> bool:
    """Whether Ansible could not reach the host."""
    return bool((wanted.engines.get(host) or {}).get("unreachable"))


def _of_agent(wanted: Wanted, prometheus: Measured, grafana: Shown, hosts: list[_Host]) -> Verdict:
    """The faults that a Prometheus in agent mode knows of. Empty panels may have their reason in what was not asked."""
    problems = [fault for host in hosts for fault in host.scrape_faults()]
    problems += _left_behind(wanted, prometheus)
    problems += _intervals(wanted, prometheus)
    problems += dashboard_faults.problems(grafana, not_running(wanted, "grafana"), blind=True)
    unchecked = "GPUs, containers, ages of samples, clocks, rules, alerts and empty panels were not checked"
    note = f"Prometheus runs as an agent, which answers no queries. So {unchecked}."
    return Verdict([host.row() for host in hosts], problems, [note, *dashboard_faults.unchecked(grafana)])


def _left_behind(wanted: Wanted, prometheus: Measured) -> list[Problem]:
    """Services and targets of an earlier inventory."""
    problems = []
    for host in wanted.hosts if wanted.groups else []:
        groups = [group for group, members in wanted.groups.items() if host in members]
        engine = (wanted.engines.get(host) or {}).get("engine")
        names = orphans(groups, engine["containers"] if groups and engine else [])
        problems += [Problem("left", host, f"{host}: {removal(names)}")] if names else []
    targets = [target for target in prometheus.get("targets", []) if target["of_role"] and target["job"] in wanted.jobs]
    left = sorted({target["host"] for target in targets if target["host"]} - {*wanted.hosts})
    gone = [host for host in left if host not in wanted.hosts_elsewhere]
    moved = [host for host in left if host in wanted.hosts_elsewhere]
    if gone:
        text = f"Prometheus has targets on {listed(gone)}, which the inventory does not have. {SITE}"
        problems.append(Problem("left", "", text))
    if moved:
        text = f"Prometheus has targets on {listed(moved)}, which another monitoring host should scrape."
        problems.append(Problem("left", "", f"{text} Run the playbook site without --limit."))
    return problems


class _Host:
    """One host: what it has and what is seen of it."""

    def __init__(self, wanted: Wanted, prometheus: Measured, name: str) -> None:
        self.name = name
        self._wanted = wanted
        self._asked = bool(prometheus)
        self._gpu_info: GpuInfo = wanted.gpus.get(name) or {}
        self._engine_info: EngineInfo = wanted.engines.get(name) or {}
        jobs = {job: [server for host, server in places if host == name] for job, places in wanted.jobs.items()}
        self.jobs = {
            job: servers for job, servers in jobs.items() if servers and not (job == GPUS and self._without_gpu())
        }
        # If a host has several targets of a kind, the one that is not up counts.
        targets = [target for target in prometheus.get("targets", []) if target["host"] == name]
        targets.sort(key=lambda target: target["health"] != "up")
        self._targets = {(target["job"], target["server"]): target for target in targets}
        self.states = {job: self._state(job) for job in self.jobs} if self._asked else {}
        self._seen: dict[str, list[str]] = prometheus.get("gpus", {}).get(name, {})
        ages = prometheus.get("gpu_age", {}).get(name, {})
        self._ages = {uuid: age for uuid, age in ages.items() if uuid in self._seen}
        self._container_age: Optional[float] = prometheus.get("container_age", {}).get(name)
        self._series: int = prometheus.get("container_series", {}).get(name, 0)
        self._containers = set(prometheus.get("containers", {}).get(name, []))
        self._lately = set(prometheus.get("containers_lately", {}).get(name, []))
        self._collector = container_gpus.Seen(
            prometheus.get("collector_age", {}).get(name),
            prometheus.get("container_gpus", {}).get(name, {}),
            prometheus.get("container_gpus_lately", {}).get(name, {}),
        )
        self.skew: Optional[float] = prometheus.get("clock_skew", {}).get(name)

    @property
    def unmeasured(self) -> set[str]:
        """Regular expressions of the queries that find nothing of any GPU of the host."""
        known = {gpu["uuid"]: gpu for gpu in self._gpu_info.get("gpus") or []}
        lacks = [_unmeasured(known.get(uuid), instances) for uuid, instances in self._seen.items()]
        return set.intersection(*lacks) if lacks else set()

    @property
    def has_collector(self) -> bool:
        """Whether a container GPU collector runs on the host."""
        return container_gpus.runs(self._engine_info.get("engine"))

    @property
    def nothing_moves(self) -> bool:
        """Whether GPUs are seen of which nothing is that changes all the time."""
        return self._up(GPUS) and bool(set(self._seen) - set(self._ages))

    def _without_gpu(self) -> bool:
        """Whether the host was asked and has no NVIDIA hardware: then the role dcgm_exporter deploys nothing there."""
        return self._gpu_info.get("hardware") is False

    def _state(self, job: str) -> str:
        """The health of the job's targets, of several the worst."""
        states = [
            target["health"] if target else "missing"
            for target in (self._targets.get((job, server)) for server in self.jobs[job])
        ]
        return next((state for state in states if state != "up"), "up")

    def _up(self, job: str) -> bool:
        return self.states.get(job) == "up"

    @property
    def _gpus(self) -> Optional[list[Gpu]]:
        """The GPUs that the host has, None if that is not known or not asked for."""
        return self._gpu_info.get("gpus") if GPUS in self.jobs else None

    @property
    def _answering_ages(self) -> dict[str, float]:
        """The ages of all GPUs but lost ones, of which the exporter may repeat the last values."""
        if not self._gpu_info.get("lost_devices"):
            return self._ages
        answering = {gpu["uuid"] for gpu in self._gpu_info.get("gpus") or []}
        return {uuid: age for uuid, age in self._ages.items() if uuid in answering}

    @property
    def _running(self) -> Optional[set[str]]:
        engine = self._engine_info.get("engine")
        if not engine or not engine.get("reachable") or CONTAINERS not in self.jobs:
            return None
        return {container["name"] for container in engine.get("containers") or []}

    @property
    def _settled(self) -> set[str]:
        """The containers that ran long enough to be seen when the host was asked: cAdvisor looks at the interval, and
        Prometheus after that.
        """
        engine = self._engine_info.get("engine")
        containers = (engine.get("containers") or []) if engine else []
        least_age = 2 * self._wanted.scrape_interval + _SLACK_SECONDS
        settled = {container["name"] for container in containers if container["age"] > least_age}
        return settled & (self._running or set())

    def good(self, job: str) -> bool:
        """Whether the job delivers what the dashboards draw."""
        delivers = {CONTAINERS: bool(self._containers) or not self._running, GPUS: bool(self._seen)}
        return self._up(job) and delivers.get(job, True)

    def scrape_faults(self) -> list[Problem]:
        """The faults of this host that need no query."""
        return [*(self.unreachable() or self._down()), *self._lost()]

    def problems(self) -> list[Problem]:
        """The faults of this host."""
        problems = self.unreachable() or self._down()
        problems += self._clock()
        problems += self._lost()
        problems += self._gpu_faults() if self._up(GPUS) else []
        problems += self._container_faults() if self._up(CONTAINERS) else []
        problems += self._faults_of_container_gpus() if self._up(NODE) else []
        return problems

    def _fault(self, check: str, message: str) -> Problem:
        return Problem(check, self.name, message)

    def unreachable(self) -> list[Problem]:
        """That Ansible could not ask the host, with what Prometheus has of it."""
        for info in (self._gpu_info, self._engine_info):
            reason = one_line(str(info.get("msg", ""))).removeprefix("Task failed: ").rstrip(".")
            if info.get("unreachable"):
                down = bool(self.states) and not any(self._up(job) for job in self.states)
                seen = (
                    "and Prometheus gets nothing from it either"
                    if down
                    else "so what it has could not be compared with what Prometheus sees"
                )
                others = [] if down else self._down()
                return [
                    self._fault("reachable", f"{self.name} cannot be reached by Ansible, {seen}: {reason}."),
                    *others,
                ]
            if info.get("failed"):
                return [
                    self._fault("reachable", f"{self.name} could not be inspected: {reason}."),
                    *self._down(),
                ]
        return []

    def _down(self) -> list[Problem]:
        wanted = [(job, server) for job, servers in self.jobs.items() for server in servers] if self._asked else []
        faults = [self._not_up(job, server, self._targets.get((job, server))) for job, server in wanted]
        return [fault for fault in faults if fault]

    def _not_up(self, job: str, server: str, target: Optional[Target]) -> Optional[Problem]:
        if target and target["health"] == "up":
            return None
        exporter = f"The model server {server}" if job == SERVERS else _EXPORTERS.get(job, f"The job {job}")
        stopped = next((stopped for service in _SERVICES.get(job, []) for stopped in self._stopped(service)), "")
        if stopped:
            return self._fault("targets", f"{exporter} of {self.name} does not run: {stopped}")
        if job == CONTAINERS and target and "502 Bad Gateway" in target["error"]:
            return self._fault(
                "targets",
                f"{exporter} of {self.name} does not answer its TLS proxy (502 Bad Gateway): it is stopped or hangs."
                " See the logs of its container there.",
            )
        if job == GPUS and self._gpu_info.get("present") is False:
            return self._fault(
                "targets",
                f"{exporter} of {self.name} does not run, since the driver shows no GPU:"
                f" {self._gpu_info.get('msg', '')}",
            )
        if target is None:
            place = f"{server} of {self.name}" if server else self.name
            return self._fault(
                "targets", f"Prometheus does not scrape {place} for the job {job}, which the inventory asks for. {SITE}"
            )
        if target["health"] == "unknown":
            return self._fault("targets", f"{exporter} of {self.name} has not been scraped yet.")
        return self._fault(
            "targets", f"{exporter} of {self.name} does not answer Prometheus: {one_line(target['error']).rstrip('.')}."
        )

    def _stopped(self, service: str) -> list[str]:
        """Why the service does not run here; nothing if it runs, or if the host was not asked."""
        engine = self._engine_info.get("engine")
        services = (engine.get("stopped_services") or []) if engine else []
        return [
            f"its container {stopped['container']} is {stopped['status']}"
            + (
                f", and its start failed: {one_line(stopped['error']).rstrip('.')}. {SITE}"
                if stopped["error"]
                else f". {SITE}"
            )
            for stopped in services
            if stopped["service"] == service
        ]

    def not_running(self, service: str) -> str:
        """A clause that says that the service does not run here, and why; empty if it runs."""
        return "".join(
            f" {service.capitalize()} does not run on {self.name}: {reason}" for reason in self._stopped(service)
        )

    def _wrong_clock(self) -> bool:
        return self.skew is not None and abs(self.skew) > self._wanted.clock_skew

    def _clock(self) -> list[Problem]:
        if self.skew is None or not self._wrong_clock():
            return []
        side = "ahead of" if self.skew > 0 else "behind"
        return [
            self._fault(
                "clock",
                f"The clock of {self.name} is {abs(self.skew):.0f} s {side} that of the monitoring host."
                " Set both by NTP.",
            )
        ]

    def _lost(self) -> list[Problem]:
        """That GPUs of the host do not answer its driver."""
        lost = self._gpu_info.get("lost_devices") or []
        if not lost or GPUS not in self.jobs:
            return []
        return [self._fault("gpus", f"{self.name} has {lost_message(len(self._gpus or []), lost)}")]

    def _gpu_faults(self) -> list[Problem]:
        if self._gpu_info.get("present") is False:
            # The exporter may have the GPUs from before, so they are not compared.
            return [self._fault("gpus", f"GPUs of {self.name} were not compared: {self._gpu_info.get('msg', '')}")]
        faults = self._gpus_missing() if self._gpus is not None else []
        ages = self._answering_ages
        frozen = sorted(uuid for uuid, age in ages.items() if age >= self._wanted.frozen_after)
        if not frozen:
            return faults
        still = (
            f"no energy, power or temperature has changed for {self._wanted.frozen_after:.0f} s or more,"
            " though Prometheus scrapes it"
        )
        if len(frozen) == len(ages):
            return [*faults, self._fault("age", f"The DCGM exporter of {self.name} is frozen: {still}.")]
        return [
            *faults,
            *(self._fault("age", f"The values of {uuid} of {self.name} are frozen: {still}.") for uuid in frozen),
        ]

    def _gpus_missing(self) -> list[Problem]:
        installed = {gpu["uuid"]: gpu for gpu in self._gpus or []}
        # A GPU in MIG mode is seen by its instances alone.
        visible = {
            uuid: gpu for uuid, gpu in installed.items() if gpu.get("mig_mode") != "Enabled" or gpu.get("mig_devices")
        }
        missing = [f"{uuid} (index {gpu['index']})" for uuid, gpu in visible.items() if uuid not in self._seen]
        strange = sorted(set(self._seen) - set(installed))
        faults = []
        if missing:
            counts = f"{self.name} has {_count(len(visible), 'GPU')} and Prometheus sees {len(visible) - len(missing)}"
            faults.append(
                self._fault("gpus", f"{counts}: {listed(missing)} {'is' if len(missing) == 1 else 'are'} missing.")
            )
        # A lost GPU may still have series, and was told by its PCI address.
        if len(strange) > len(self._gpu_info.get("lost_devices") or []):
            faults.append(
                self._fault(
                    "gpus", f"Prometheus sees {listed(strange)} on {self.name}, which the driver there does not show."
                )
            )
        for uuid, gpu in visible.items():
            instances, seen = _instances(gpu), len(set(self._seen.get(uuid, [])))
            if uuid in self._seen and seen < instances:
                text = f"{uuid} of {self.name} has {_count(instances, 'MIG instance')} and Prometheus sees {seen}."
                faults.append(self._fault("gpus", text))
        return faults

    def _container_faults(self) -> list[Problem]:
        running = self._running or set()
        if self._wrong_clock() and not self._series:
            # cAdvisor's samples carry the host's time: after a step back Prometheus drops them until it is where it
            # was.
            return []
        if self._settled and not self._containers:
            if self._series:
                return [
                    self._fault(
                        "containers",
                        f"The containers of {self.name} have no name: cAdvisor cannot reach the"
                        " socket of Docker or containerd.",
                    )
                ]
            silent = (
                f"cAdvisor of {self.name} says nothing of {_count(len(running), 'running container')},"
                " though Prometheus scrapes it."
            )
            text = f"{silent} It may not reach the socket of Docker or containerd: see the logs of its container there."
            return [self._fault("containers", text)]
        age = self._container_age
        if self._series and (age is None or age >= self._wanted.frozen_after) and not self._wrong_clock():
            text = (
                f"no container's CPU time has changed for {self._wanted.frozen_after:.0f} s or more,"
                " though Prometheus scrapes it"
            )
            doubt = (
                ""
                if self.skew is not None
                else f" Or the clock of {self.name} is behind, which the job {NODE} would show."
            )
            return [self._fault("age", f"cAdvisor of {self.name} is frozen: {text}.{doubt}")]
        missing = sorted(self._settled - self._containers - self._lately)
        if missing:
            counts = f"{self.name} runs {_count(len(running), 'container')} and Prometheus does not see {len(missing)}"
            return [self._fault("containers", f"{counts}: {listed(missing)}.")]
        engine = self._engine_info.get("engine")
        if engine and not engine.get("reachable"):
            return [
                self._fault(
                    "containers",
                    f"The Docker engine of {self.name} does not list its containers: {engine.get('error', '')}.",
                )
            ]
        return []

    def _faults_of_container_gpus(self) -> list[Problem]:
        stopped = self._stopped(container_gpus.SERVICE)
        if stopped:
            text = f"The container GPU collector of {self.name} does not run: {stopped[0]}"
            return [self._fault("container_gpus", text)]
        engine, gpus = self._engine_info.get("engine"), self._gpu_info.get("gpus")
        # What a name means changes if a GPU comes or is lost, which was told.
        changed = self._gpu_info.get("lost_devices") or (self._gpus is not None and self._gpus_missing())
        if not engine or not gpus or not self.has_collector or changed:
            return []
        least_age = 2 * self._wanted.scrape_interval + _SLACK_SECONDS
        text = container_gpus.fault(self.name, engine, gpus, self._collector, least_age)
        return [self._fault("container_gpus", text)] if text else []

    def row(self) -> Row:
        """The host's line of the table."""
        gpus, running = self._gpus, self._running
        containers = self._containers & running if running is not None else self._containers
        ages = list(self._answering_ages.values()) if self._up(GPUS) else []
        if self._container_age is not None and self._up(CONTAINERS):
            ages.append(self._container_age)
        return {
            "host": self.name,
            "jobs": self.states,
            "sample_age": round(max(ages), 1) if ages else None,
            "gpus_seen": len(self._seen) if self._asked and GPUS in self.jobs else None,
            "gpus_there": len(gpus) if gpus is not None else None,
            "mig_seen": sum(len(set(ids)) for ids in self._seen.values()),
            "mig_there": sum(map(_instances, gpus or [])),
            "containers_seen": len(containers) if self._asked and CONTAINERS in self.jobs else None,
            "containers_there": len(running) if running is not None else None,
            "clock_skew": round(self.skew, 1) if self.skew is not None else None,
        }


def _unmeasured(gpu: Optional[Gpu], instances: list[str]) -> set[str]:
    """Regular expressions of the queries that find nothing of a GPU. Nothing is known of one that the driver does not
    show.
    """
    lacks = {_NOT_WITH_MIG} if instances else set()
    if gpu and gpu.get("virtual"):
        lacks.add(_NOT_WITH_VGPU)
    if gpu and gpu.get("memory_mib", 0) is None:
        lacks.add(_NOT_WITHOUT_FRAMEBUFFER)
    return lacks


def _instances(gpu: Gpu) -> int:
    """The least number of GPU instances, which are what DCGM measures: MIG devices that share one have profiles such as
    1c.3g.40gb.
    """
    shared = [bool(re.match(r"\d+c\.", device.get("profile", ""))) for device in gpu.get("mig_devices") or []]
    return shared.count(False) + any(shared)


def _fully_measured(hosts: list[_Host]) -> list[_Host]:
    """The hosts that deliver for every exporter, of those that have the most."""
    exporters = {host.name: [job for job in _EXPORTERS if job in host.jobs] for host in hosts}
    most = max(map(len, exporters.values()), default=0)
    return [host for host in hosts if len(exporters[host.name]) == most and all(map(host.good, exporters[host.name]))]


def _blind(hosts: list[_Host], job: str) -> bool:
    """Whether no host delivers for the job, so that its panels are empty for a reason that was told."""
    scraped = [host for host in hosts if job in host.jobs]
    return bool(scraped) and not any(host.good(job) for host in scraped)


def _intervals(wanted: Wanted, prometheus: Measured) -> list[Problem]:
    running = prometheus["scrape_interval"]
    right = f"and gpu_monitoring_scrape_interval is {wanted.scrape_interval:g} s. {SITE}"
    problems = []
    if running != wanted.scrape_interval:
        problems.append(
            Problem("interval", "", f"The running configuration of Prometheus scrapes every {running:g} s, {right}")
        )
    known = (running, wanted.scrape_interval)
    scraped = [target for target in prometheus["targets"] if target["job"] in wanted.jobs]
    odd = {target["job"]: target["interval"] for target in scraped if target["interval"] not in known}
    for job, interval in sorted(odd.items()):
        problems.append(Problem("interval", "", f"Prometheus scrapes the job {job} every {interval:g} s, {right}"))
    return problems


def _lost_data(wanted: Wanted, prometheus: Measured) -> tuple[list[Problem], str]:
    """Whether Prometheus lost data that no retention dropped, and a note if that is not known."""
    since, now, database = wanted.data_since, prometheus["now"], prometheus["database"]
    if since is None:
        return [], f"Whether Prometheus lost data was not checked, since the beginning of its data is not known. {SITE}"
    oldest = now if database["oldest"] is None else database["oldest"]
    dropped_until = now - database["retention"] if database["retention"] else 0
    if oldest <= max(since, dropped_until) + _FIRST_SAMPLE_SECONDS:
        return [], ""
    if database["size_limit"] and database["size"] >= _LEAST_OF_SIZE_LIMIT * database["size_limit"]:
        return (
            [],
            "Whether Prometheus lost data was not checked, since its size limit may have dropped what is"
            f" older than {_moment(oldest)}.",
        )
    text = (
        f"it should have data since {_moment(since)}, and the oldest sample is of {_moment(oldest)}."
        " Its volume was emptied or replaced"
    )
    return [
        Problem(
            "data",
            "",
            f"Prometheus lost its data: {text}. If that is accepted, remove"
            f" {wanted.data_since_file} and run the playbook site.",
        )
    ], ""


def _future_samples(wanted: Wanted, prometheus: Measured) -> list[Problem]:
    """Samples from the time when a clock was ahead: of these series Prometheus takes no sample that is older."""
    newest, now = prometheus["database"]["newest"], prometheus["now"]
    skews = [skew for skew in prometheus["clock_skew"].values() if skew is not None]
    # cAdvisor's samples carry the time of their host, whose clock is already reported.
    ahead = max([0.0, *skews]) + wanted.clock_skew
    if newest is None or newest - now <= ahead:
        return []
    text = f"Prometheus has samples of {_moment(newest)}, and its clock says {_moment(now)}: a clock was ahead."
    fix = (
        "It drops newer samples of the same series until then."
        " Set the clocks by NTP, and wait, or remove the volume of Prometheus with all its data."
    )
    return [Problem("clock", "", f"{text} {fix}")]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _moment(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
