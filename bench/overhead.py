"""Measures what cAdvisor costs with the flags of our role against what it costs with its defaults, on this machine's
Docker engine.

All contenders run from one image beside the same light containers and take turns: those whose turn it is not are
paused. Each is pulled as Prometheus pulls it. Exits with 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import re
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Optional

import docker
from docker.models.containers import Container

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.lab import engine, images
from tests.tools import role_service

WORK = ROOT / ".cache" / "bench"
PREFIX = "gpu-monitoring-bench"
LIGHT = f"{PREFIX}-light"
INTERVAL_SECONDS = 5
# Long enough for the defaults to have stretched the intervals of what does not change.
WARM_UP_SECONDS = 90
# A paused cAdvisor catches up after the pause; that is left out.
SETTLE_SECONDS = 6
PULLS = 5
NOTHING, DEFAULTS, ONLY_DOCKER, OURS = "nothing", "defaults", "defaults, docker_only", "ours"
BARS = {"cpu": 0.35, "bytes": 0.30}
OLDEST_SECONDS = INTERVAL_SECONDS + 1
# What Docker Compose puts on every container.
LABELS = {
    "com.docker.compose.config-hash": "0f6c1f3c7bd1b9b8a0d8a5bb0a8a4d7bd0b9c3f2a4b8c6d5e7f8091a2b3c4d5e",
    "com.docker.compose.container-number": "1",
    "com.docker.compose.depends_on": "",
    "com.docker.compose.image": "sha256:4d420191f3251b9b8a0d8a5bb0a8a4d7bd0b9c3f2a4b8c6d5e7f8091a2b3c4d5",
    "com.docker.compose.oneoff": "False",
    "com.docker.compose.project": "training",
    "com.docker.compose.project.config_files": "/srv/training/compose.yml",
    "com.docker.compose.project.working_dir": "/srv/training",
    "com.docker.compose.service": "worker",
    "com.docker.compose.version": "2.40.3",
}
SAMPLE = re.compile(r'^container_cpu_usage_seconds_total\{.*name="([^"]+)".*\} \S+ (\d+)$', re.MULTILINE)
RAW_GROUP = re.compile(r'^container_start_time_seconds\{.*id="([^"]+)".*name="".*\}', re.MULTILINE)


@dataclass(frozen=True)
class Pull:
    """One answer of /metrics: bytes of its text and on the wire, series, seconds since the oldest sample of a light
    container, those seen.
    """

    text: int
    wire: int
    series: int
    oldest: float
    seen: int
    raw_groups: int


@dataclass(frozen=True)
class Turn:
    """What one turn of a contender cost: CPU seconds of its own and of dockerd, its memory in MiB, and its pulls."""

    cpu: float
    dockerd: float
    memory: float
    pulls: list[Pull]


def read(text: str, wire: int, now: float) -> Pull:
    """Facts about an answer that came at `now`, in seconds since the epoch."""
    times = {name: int(moment) / 1000 for name, moment in SAMPLE.findall(text) if name.startswith(LIGHT)}
    series = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
    oldest = now - min(times.values()) if times else float("inf")
    return Pull(len(text.encode()), wire, series, oldest, len(times), len(set(RAW_GROUP.findall(text))))


def pull(address: str) -> Pull:
    """Ask a cAdvisor for its metrics, compressed as Prometheus does."""
    connection = http.client.HTTPConnection(address, 8080, timeout=INTERVAL_SECONDS)
    try:
        connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body, now = answer.read(), time.time()
    finally:
        connection.close()
    if answer.status != 200:
        raise SystemExit(f"cAdvisor answers with {answer.status}: {body[:500]!r}")
    return read(gzip.decompress(body).decode(), len(body), now)


def cpu_seconds(process: Optional[int]) -> float:
    """CPU time of a process and its threads so far; 0 if the process is not known."""
    if not process:
        return 0.0
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(process: int) -> float:
    """Memory that a process has resident."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def dockerd() -> Optional[int]:
    """The engine's process, if it runs on this machine in the usual way."""
    try:
        return int(Path("/var/run/docker.pid").read_text())
    except (OSError, ValueError):
        return None


class Bench:
    """The containers of the benchmark."""

    def __init__(self, client: docker.DockerClient) -> None:
        self._client = client
        self._contenders: dict[str, Container] = {}
        self._dockerd = dockerd()

    def start(self, light: int) -> list[str]:
        """Have everything running; returns the flags of our role."""
        on = images.bases()
        image = images.service("cadvisor", on)
        options = role_service.rendered(
            "cadvisor",
            "cadvisor",
            {
                "gpu_monitoring_scrape_interval": f"{INTERVAL_SECONDS}s",
                "cadvisor_docker_root": self._client.info()["DockerRootDir"],
            },
        )
        commands: dict[str, list[str]] = {DEFAULTS: [], ONLY_DOCKER: ["--docker_only=true"], OURS: options["command"]}
        self._client.networks.create(PREFIX)
        for number in range(1, light + 1):
            loop = ["sh", "-c", "while sleep 1; do :; done"]
            name = f"{LIGHT}-{number}"
            self._client.containers.run(
                on["LAB_BASE"], loop, name=name, detach=True, init=True, network=PREFIX, labels=LABELS
            )
        for place, (contender, command) in enumerate(commands.items()):
            asked = {**options, "command": command}
            self._contenders[contender] = role_service.start(
                self._client, asked, f"{PREFIX}-cadvisor-{place}", image, PREFIX
            )
        return commands[OURS]

    def pause(self) -> None:
        """Stop all contenders until their turns."""
        for container in self._contenders.values():
            container.pause()

    def turn(self, contender: str) -> Turn:
        """Let one contender run alone, pulled at the interval, and measure it."""
        container = self._contenders.get(contender)
        if container:
            container.unpause()
        try:
            time.sleep(SETTLE_SECONDS)
            return self._measure(container)
        finally:
            if container:
                container.pause()

    def _measure(self, container: Optional[Container]) -> Turn:
        process = (
            int(container.attrs["State"]["Pid"]) if container and role_service.address(container, PREFIX) else None
        )
        before, begin = (cpu_seconds(process), cpu_seconds(self._dockerd)), time.monotonic()
        pulls = []
        for number in range(PULLS):
            time.sleep(max(0.0, begin + (number + 0.5) * INTERVAL_SECONDS - time.monotonic()))
            if container:
                pulls.append(pull(role_service.address(container, PREFIX)))
        time.sleep(max(0.0, begin + PULLS * INTERVAL_SECONDS - time.monotonic()))
        after = cpu_seconds(process), cpu_seconds(self._dockerd)
        return Turn(after[0] - before[0], after[1] - before[1], memory_mib(process) if process else 0.0, pulls)

    def clean(self) -> None:
        """Remove what a run made."""
        for container in self._client.containers.list(all=True, filters={"name": f"^{PREFIX}-"}):
            container.remove(force=True, v=True)
        for network in self._client.networks.list(names=[f"^{PREFIX}$"]):
            network.remove()


def summary(turns: dict[str, list[Turn]]) -> dict[str, dict[str, float]]:
    """Each contender's costs: CPU seconds over all its turns, dockerd's in the median turn, most memory, and medians
    and extremes of its pulls.
    """
    costs = {}
    for contender, taken in turns.items():
        pulls = [sample for turn in taken for sample in turn.pulls]
        if pulls:
            costs[contender] = {
                "cpu": sum(turn.cpu for turn in taken),
                "dockerd": median(turn.dockerd for turn in taken),
                "memory": max(turn.memory for turn in taken),
                "bytes": median(sample.text for sample in pulls),
                "wire": median(sample.wire for sample in pulls),
                "series": median(sample.series for sample in pulls),
                "oldest": max(sample.oldest for sample in pulls),
                "seen": min(sample.seen for sample in pulls),
                "raw_groups": max(sample.raw_groups for sample in pulls),
            }
    return costs


def ratios(costs: dict[str, dict[str, float]], peer: str) -> dict[str, float]:
    """What ours costs as a part of what the peer costs."""
    return {cost: costs[OURS][cost] / costs[peer][cost] for cost in BARS}


def missed(costs: dict[str, dict[str, float]], light: int) -> list[str]:
    """Which bars are missed, in words."""
    missed_bars = [
        f"{cost}: {ratio:.3f}, the bar is {BARS[cost]}"
        for cost, ratio in ratios(costs, DEFAULTS).items()
        if ratio > BARS[cost]
    ]
    if costs[OURS]["oldest"] > OLDEST_SECONDS:
        missed_bars.append(f"a sample was {costs[OURS]['oldest']:.1f} s old, the bar is {OLDEST_SECONDS} s")
    missed_bars += [
        f"{contender} saw {cost['seen']:.0f} of {light} containers"
        for contender, cost in costs.items()
        if cost["seen"] < light
    ]
    return missed_bars


def table(costs: dict[str, dict[str, float]], seconds: float, idle: float) -> str:
    """The costs as text; `seconds` is how long each contender was measured, `idle` what dockerd used in the median turn
    with all of them paused.
    """
    head = f"\n{'':24}{'CPU s':>8}{'% of core':>11}{'dockerd s/turn':>16}{'MiB':>6}"
    lines = [f"{head}{'series':>8}{'bytes':>10}{'on the wire':>13}{'oldest s':>10}"]
    for contender, cost in costs.items():
        share = 100 * cost["cpu"] / seconds
        start = f"{contender:24}{cost['cpu']:8.2f}{share:11.2f}{cost['dockerd']:16.2f}{cost['memory']:6.0f}"
        lines.append(f"{start}{cost['series']:8.0f}{cost['bytes']:10.0f}{cost['wire']:13.0f}{cost['oldest']:10.1f}")
    for peer in (DEFAULTS, ONLY_DOCKER):
        shares = ratios(costs, peer)
        bars = f"; the bars are {BARS['cpu']} and {BARS['bytes']}" if peer == DEFAULTS else ""
        lines.append(
            f"ours against {peer}: {shares['cpu']:.3f} of the CPU time, {shares['bytes']:.3f} of the bytes{bars}"
        )
    lines.append(f"dockerd used {idle:.2f} s in a turn with all of them paused.")
    lines.append(
        f"The defaults report {costs[DEFAULTS]['raw_groups']:.0f} control groups in addition to the containers."
    )
    return "\n".join(lines)


def measure(bench: Bench, rounds: int) -> dict[str, list[Turn]]:
    """Let all contenders take turns, every second round in reverse."""
    turns: dict[str, list[Turn]] = {contender: [] for contender in (NOTHING, DEFAULTS, ONLY_DOCKER, OURS)}
    for number in range(rounds):
        order: Iterable[str] = turns if number % 2 == 0 else reversed(turns)
        for contender in order:
            turns[contender].append(bench.turn(contender))
        ratio = turns[OURS][-1].cpu / turns[DEFAULTS][-1].cpu
        print(f"  round {number + 1}: {ratio:.3f} of the CPU time of the defaults", flush=True)
    return turns


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender")
    parser.add_argument("--containers", type=int, default=20, help="light containers")
    given = parser.parse_args()
    if given.rounds < 1 or given.containers < 1:
        parser.error("--rounds and --containers: at least 1")
    engine.ensure()
    bench = Bench(docker.from_env())
    bench.clean()
    try:
        flags = bench.start(given.containers)
        print(f"{given.containers} light containers; the role's flags: {' '.join(flags)}", flush=True)
        time.sleep(WARM_UP_SECONDS)
        bench.pause()
        turns = measure(bench, given.rounds)
    finally:
        bench.clean()
    costs = summary(turns)
    missed_bars = missed(costs, given.containers)
    print(table(costs, given.rounds * PULLS * INTERVAL_SECONDS, median(turn.dockerd for turn in turns[NOTHING])))
    print("\n".join(["MISSED:", *missed_bars]) if missed_bars else "met")
    WORK.mkdir(parents=True, exist_ok=True)
    runs: dict[str, Any] = {contender: [asdict(turn) for turn in taken] for contender, taken in turns.items()}
    report = {"flags": flags, "containers": given.containers, "costs": costs, "turns": runs, "missed": missed_bars}
    (WORK / "overhead.json").write_text(json.dumps(report, indent=2) + "\n")
    return 1 if missed_bars else 0


if __name__ == "__main__":
    sys.exit(main())
