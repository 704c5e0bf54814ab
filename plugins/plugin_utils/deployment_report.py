# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.address import with_port
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.orphans import orphans, removal
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.targets import HostFacts

# The file of Prometheus' targets of each exporter, and the variable by which a site gives other targets.
_FILES = {"cadvisor": "cadvisor.json", "dcgm_exporter": "nvidia-gpu.json", "node_exporter": "node.json"}
_VARIABLES = {
    "cadvisor": "prometheus_cadvisor_targets",
    "dcgm_exporter": "prometheus_gpu_targets",
    "node_exporter": "prometheus_node_targets",
}


@dataclass(frozen=True)
class Run:
    """What is known at the end of a run of the playbook site."""

    # The hosts of the run, and those that still answer.
    hosts: Sequence[str]
    reached: Sequence[str]
    groups: Mapping[str, Sequence[str]]
    fleet: Mapping[str, HostFacts]
    variables_of: Callable[[str], Mapping[str, Any]]
    # Whether the run deploys Prometheus, and what monitoring hosts outside of the run answered.
    deploys_prometheus: bool
    asked: Mapping[str, Mapping[str, Any]]
    # The monitoring host that scrapes a host; empty if each monitoring host scrapes all.
    scraped_by: Mapping[str, str] = field(default_factory=dict)

    def scrapes(self, monitoring: str, host: str) -> bool:
        """Whether the Prometheus of a monitoring host should have the targets of a host."""
        return self.scraped_by.get(host, monitoring) == monitoring

    def look(self, host: str) -> Mapping[str, Any]:
        """The look at a host; empty if the run did not look."""
        look: Mapping[str, Any] = self.variables_of(host).get("gpu_monitoring_host", {})
        return look

    def in_groups(self, *groups: str) -> list[str]:
        """The hosts of groups, each once."""
        return list(dict.fromkeys(host for group in groups for host in self.groups.get(group, [])))


def problems(run: Run) -> dict[str, list[str]]:
    """Why something was not deployed, by host."""
    reached = {*run.reached}
    reasons_by_host: dict[str, list[str]] = {}
    for host in run.hosts:
        known = run.variables_of(host)
        reasons = [str(reason) for reason in known.get("gpu_monitoring_failures", [])]
        exporters = known.get("gpu_monitoring_exporters", {})
        if exporters.get("unreachable"):
            stopped = "The exporters were not deployed, because the host stopped answering"
            reasons.insert(0, f"{stopped}: {exporters['msg']}")
        elif host not in reached and not reasons:
            reasons = [_unreachable(run.look(host))]
        if reasons:
            reasons_by_host[host] = reasons
    return reasons_by_host


def deployed(run: Run, *groups: str) -> list[str]:
    """The hosts of groups on which the run deployed everything."""
    hosts, failed = {*run.hosts}, problems(run)
    return [host for host in run.in_groups(*groups) if host in hosts and host not in failed]


def text(reasons_by_host: Mapping[str, Sequence[str]]) -> str:
    """The problems, a line for each."""
    hosts_of: dict[str, list[str]] = {}
    for host, reasons in reasons_by_host.items():
        for reason in reasons:
            hosts_of.setdefault(" ".join(reason.split()), []).append(host)
    lines = [f"{_listed(hosts)}: {reason}" for reason, hosts in hosts_of.items()]
    return "\n".join(["This run did not deploy everything. Run it again when these hosts are repaired:", *lines])


def warnings(run: Run) -> list[str]:
    """What Prometheus does not know after the run, and what earlier runs left behind."""
    return [*_unknown_targets(run), *_left_hosts(run), *_orphans(run)]


def _unreachable(look: Mapping[str, Any]) -> str:
    if look.get("unreachable"):
        return f"Nothing was deployed: {look['msg']}"
    return "The host failed or stopped answering. The output of its last task says why."


def _unknown_targets(run: Run) -> Iterator[str]:
    failed, hosts = problems(run), {*run.hosts}
    without_problems = deployed(run, "gpu_hosts", "monitoring")
    for monitoring in run.in_groups("monitoring"):
        if monitoring in hosts and (run.deploys_prometheus or monitoring in failed):
            # The run has deployed these targets, or has reported that it could not.
            continue
        answer = run.asked.get(monitoring) or run.look(monitoring)
        others = [host for host in without_problems if host != monitoring and run.scrapes(monitoring, host)]
        if "json_files" not in answer:
            reason = answer.get("msg", "the run did not look at the host")
            if others:
                yield f"{monitoring} could not be asked whether its Prometheus knows {_listed(others)}: {reason}"
            continue
        known = _known(run, monitoring, answer["json_files"])
        unknown = [
            host
            for host in others
            if not all(_knows(run, known, host, exporter) for exporter in run.fleet[host]["exporters"])
        ]
        if unknown:
            yield (
                f"Prometheus on {monitoring} does not know {_listed(unknown)}, or knows another address or port."
                f" Run the playbook site with --limit {monitoring}."
            )
        moved = [
            host
            for host in run.in_groups("gpu_hosts", "monitoring")
            if not run.scrapes(monitoring, host) and any(targets.get(host) for targets in known.values())
        ]
        if moved:
            yield (
                f"Prometheus on {monitoring} still has targets on {_listed(moved)}, which another monitoring host"
                f" scrapes now. Run the playbook site with --limit {monitoring}."
            )


def _knows(run: Run, known: Mapping[str, Mapping[str, Sequence[str]]], host: str, exporter: str) -> bool:
    if exporter not in known:
        return True
    targets = known[exporter].get(host)
    if exporter == "dcgm_exporter":
        gpu = run.look(host).get("gpu", {})
        if not gpu.get("present") and not gpu.get("hardware"):
            return True
    return targets == [with_port(run.fleet[host]["address"], run.fleet[host]["exporters"][exporter])]


def _known(run: Run, monitoring: str, files: Mapping[str, Any]) -> dict[str, dict[str, Sequence[str]]]:
    """Targets by exporter and host, of the files that the role makes. A site knows what its own targets are."""
    by_name = {os.path.basename(path): content for path, content in files.items()}
    own = run.variables_of(monitoring)
    return {
        exporter: dict(_targets_by_host(by_name.get(file)))
        for exporter, file in _FILES.items()
        if _VARIABLES[exporter] not in own
    }


def _targets_by_host(content: Any) -> Iterator[tuple[str, Sequence[str]]]:
    """The groups of a file. An earlier deployment may have had targets of the site, without the label `host`."""
    for group in content if isinstance(content, list) else []:
        if isinstance(group, Mapping) and isinstance(group.get("labels"), Mapping) and "host" in group["labels"]:
            yield str(group["labels"]["host"]), group.get("targets", [])


def _left_hosts(run: Run) -> Iterator[str]:
    members = {*run.in_groups("gpu_hosts", "monitoring")}
    for monitoring in run.in_groups("monitoring"):
        known = _known(run, monitoring, run.look(monitoring).get("json_files", {}))
        left = sorted({host for targets in known.values() for host in targets} - members)
        if left:
            yield (
                f"Prometheus on {monitoring} had targets on {_listed(left)}, which the groups gpu_hosts and monitoring"
                " no longer have. The services there may still run."
                f" Run the playbook remove with an inventory that still has {_listed(left)}."
            )


def _orphans(run: Run) -> Iterator[str]:
    members = {group: {*run.in_groups(group)} for group in ("gpu_hosts", "monitoring")}
    for host in run.hosts:
        groups = [group for group in members if host in members[group]]
        left = orphans(groups, run.look(host).get("engine", {}).get("containers", []))
        if left:
            yield f"{host}: {removal(left)}"


def _listed(hosts: Sequence[str]) -> str:
    return ", ".join(hosts[:5]) + (f" and {len(hosts) - 5} more hosts" if len(hosts) > 5 else "")
