"""Measures what a fleet of hosts of eight GPUs costs a real Prometheus with the role's configuration.

Prometheus runs alone, and with remote write to a real VictoriaMetrics. The figures are CPU time, memory and disk for
each host, and whether all scrapes stay in the interval.

One process serves the hosts. Then both servers answer the queries of the fleet dashboard. Exits with 1 if scrapes were
missed or a query is too slow.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / ".cache" / "collections")]

from tests.conftest import link_collection

link_collection()

from bench.scale import disk, panels
from bench.scale.scraped import Scrapes, scrapes
from bench.scale.servers import INTERVAL, Process, Site, prometheus, simulator, site, victoria_metrics
from tests.rules.servers import wait_until

WORK = ROOT / ".cache" / "bench" / "fleet"
RESULTS = WORK.with_suffix(".json")
BAR = 1.0
# New series cost more than further samples of series that exist.
WARM_UP = 60
PROMETHEUS, VICTORIA_METRICS, SIMULATOR = "Prometheus", "VictoriaMetrics", "simulator"
HOSTS_ON_DISK = 1
DAY, MIB = 86400, 1024**2


@dataclass(frozen=True)
class Use:
    """What a process used: CPU seconds in each second, and the most resident memory in bytes."""

    cpu: float
    memory: int


@dataclass(frozen=True)
class Step:
    """What a number of hosts cost each process. `rate` and `log` are samples of a host in a second, and bytes of the
    write-ahead log of a host in a second.
    """

    hosts: int
    series: float
    rate: float
    log: float
    scrapes: Scrapes
    uses: dict[str, Use]
    role_memory: str

    @property
    def name(self) -> str:
        """The servers of the step."""
        return " and ".join(name for name in self.uses if name != SIMULATOR)


def measure(hosts: int, remote_write: bool, seconds: int, runs: int) -> tuple[Step, dict[str, list[panels.Answer]]]:
    """A number of hosts on servers that begin without data. With `runs`, they begin with an hour of data of the fleet
    dashboard, and answer its queries.
    """
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        written = stack.enter_context(victoria_metrics(WORK)) if remote_write else None
        given = site(hosts, written.url if written else "", WORK)
        end = 0
        if written and runs:
            print(f"Making the hour before the run for {hosts} hosts", flush=True)
            end = panels.fill(WORK / "prometheus", written, given)
            _wait_until_idle(written)
        with simulator(given, WORK) as simulated:
            processes = {SIMULATOR: simulated, PROMETHEUS: stack.enter_context(prometheus(given, WORK))}
            if written:
                processes[VICTORIA_METRICS] = written
            time.sleep(WARM_UP)
            step = _measured(given, processes, seconds)
        print(row(step), flush=True)
        return step, _answers(given, processes, end, runs) if end else {}


def _measured(given: Site, processes: dict[str, Process], seconds: int) -> Step:
    scraping = processes[PROMETHEUS]
    counted = {
        "samples": "prometheus_tsdb_head_samples_appended_total",
        "log": "prometheus_tsdb_wal_storage_size_bytes ",
    }
    begin, before = time.monotonic(), {name: scraping.total(metric) for name, metric in counted.items()}
    cpu = {name: process.cpu() for name, process in processes.items()}
    memory = dict.fromkeys(processes, 0)
    while time.monotonic() - begin < seconds:
        time.sleep(INTERVAL)
        memory = {name: max(most, processes[name].memory()) for name, most in memory.items()}
    taken = time.monotonic() - begin
    uses = {name: Use((process.cpu() - cpu[name]) / taken, memory[name]) for name, process in processes.items()}
    grown = {name: (scraping.total(metric) - before[name]) / taken for name, metric in counted.items()}
    return Step(
        given.hosts,
        scraping.total("prometheus_tsdb_head_series ") / given.hosts,
        grown["samples"] / given.hosts,
        grown["log"] / given.hosts,
        scrapes(scraping, len(given.ports) * given.hosts, INTERVAL, seconds),
        uses,
        given.memory,
    )


def _answers(given: Site, processes: dict[str, Process], end: int, runs: int) -> dict[str, list[panels.Answer]]:
    """Answers of servers that have an hour of data, and the series of the run. The simulator has ended, since it would
    use the processors too.
    """
    servers = {name: processes[name] for name in (PROMETHEUS, VICTORIA_METRICS)}
    for process in servers.values():
        panels.wait(process, given, end)
        _wait_until_idle(process)
    return {name: panels.measure(process, given.hosts, runs, end) for name, process in servers.items()}


def _wait_until_idle(process: Process) -> None:
    """Wait until a process uses less than half a processor. Prometheus still asks the targets of the simulator."""

    def is_idle() -> bool:
        before = process.cpu()
        time.sleep(INTERVAL)
        return process.cpu() - before < INTERVAL / 2

    wait_until(is_idle, f"{process.url} does not come to rest", 600)


def sizes() -> dict[str, float]:
    """Bytes of a sample on disk."""
    shutil.rmtree(WORK, ignore_errors=True)
    (WORK / "blocks").mkdir(parents=True)
    print(f"Making two hours of {HOSTS_ON_DISK} host for the size of samples", flush=True)
    block = disk.of_prometheus(HOSTS_ON_DISK, WORK / "blocks")
    with victoria_metrics(WORK) as process:
        return {PROMETHEUS: block, VICTORIA_METRICS: disk.of_victoria_metrics(HOSTS_ON_DISK, process)}


HEAD = (
    f"{'hosts':>5} {'servers':<31}{'process':<16}{'CPU s a host':>13}{'RSS, MiB':>10}\n"
    f"{'':>5} {'':<31}{'':<16}{'and minute':>13}{'a host':>10}"
)


def row(step: Step) -> str:
    """The figures of a step as text."""
    lines = [
        f"{step.hosts:>5} {step.name:<31}{name:<16}"
        f"{60 * used.cpu / step.hosts:>13.3f}{used.memory / MIB / step.hosts:>10.2f}"
        for name, used in step.uses.items()
    ]
    done = step.scrapes
    lines.append(
        f"      A host has {step.series:.0f} series, {step.rate:.0f} samples/s and {step.log / 1000:.1f} kB/s of log."
        f" {done.missed} of {done.due} scrapes missed; median {1000 * done.median:.0f} ms,"
        f" slowest {done.slowest:.2f} s. {done.missed_evaluations} evaluations missed."
        f" The role allows {step.role_memory} of memory."
    )
    return "\n".join(lines)


def on_disk(bytes_per_sample: dict[str, float], rate: float) -> str:
    """What samples take as text."""
    return "\n".join(
        f"{name}: {size:.2f} bytes a sample, {size * rate * DAY / 1e6:.0f} MB a host and day"
        for name, size in bytes_per_sample.items()
    )


def full(steps: Sequence[Step], cores: int) -> str:
    """At how many hosts the servers use all cores, as a straight line through the steps says."""
    lines = []
    for name in dict.fromkeys(step.name for step in steps):
        points = [
            (step.hosts, sum(used.cpu for server, used in step.uses.items() if server != SIMULATOR))
            for step in steps
            if step.name == name
        ]
        hosts, slope = max(points)[0], max(points)[1] / max(points)[0]
        fixed = 0.0
        if len(points) > 1:
            mean_hosts, mean_cpu = (sum(values) / len(points) for values in zip(*points, strict=True))
            slope = sum((x - mean_hosts) * (y - mean_cpu) for x, y in points) / sum(
                (x - mean_hosts) ** 2 for x, _y in points
            )
            fixed = mean_cpu - slope * mean_hosts
        limit = (cores - fixed) / slope
        lines.append(
            f"{name}: {slope * 1000:.2f} ms of CPU time a second for each host, {fixed:.2f} s for all;"
            f" {cores} cores are full at {limit:.0f} hosts, extrapolated from {hosts}"
        )
    return "\n".join(lines)


def missed(steps: Sequence[Step], answers: dict[str, list[panels.Answer]]) -> list[str]:
    """What did not reach its bar."""
    words = [
        f"{step.hosts} hosts on {step.name}: {step.scrapes.missed} scrapes missed"
        for step in steps
        if step.scrapes.missed
    ]
    for name, given in answers.items():
        for answer in given:
            if answer.median > BAR:
                words.append(f"{name}, {answer.title}, {answer.legend}: {answer.median:.2f} s, the bar is {BAR:g} s")
            if not answer.series:
                words.append(f"{name}, {answer.title}, {answer.legend}: no answer")
    return words


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--hosts", type=int, nargs="+", default=[50, 100, 200], help="numbers of hosts, one after another"
    )
    parser.add_argument("--seconds", type=int, default=180, help="how long to measure each, after a minute")
    parser.add_argument("--runs", type=int, default=5, help="runs of each query after one to warm up; 0 for no queries")
    given = parser.parse_args()
    # Servers end with the benchmark.
    signal.signal(signal.SIGTERM, lambda *_received: sys.exit(1))
    steps: list[Step] = []
    answers: dict[str, list[panels.Answer]] = {}
    print(HEAD, flush=True)
    for hosts in given.hosts:
        for remote_write in (False, True):
            runs = given.runs if remote_write and hosts == max(given.hosts) else 0
            step, found = measure(hosts, remote_write, given.seconds, runs)
            steps.append(step)
            answers |= found
    cores = os.cpu_count() or 1
    print(f"\n{full(steps, cores)}")
    bytes_per_sample = sizes()
    print(on_disk(bytes_per_sample, steps[-1].rate))
    if answers:
        print(f"\nThe fleet dashboard with {max(given.hosts)} hosts over an hour, medians of {given.runs} runs")
        print(panels.table(answers, 10))
    result = {
        "cores": cores,
        "load": os.getloadavg()[2],
        "bytes_per_sample": bytes_per_sample,
        "steps": [asdict(step) for step in steps],
        "panels": {name: [asdict(answer) for answer in found] for name, found in answers.items()},
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    words = missed(steps, answers)
    print("\n".join(words) or "All bars are met")
    return 1 if words else 0


if __name__ == "__main__":
    sys.exit(main())
