"""Measures how long a GPU's new value takes from the exporter's collection through Prometheus to a query in Grafana.

Changes values of every emulated GPU on the hosts of the demo (`make demo`), each at a random moment of the interval.
Queries each value through Grafana's datasource until the new value arrives. This is done with the default of
`dcgm_exporter_interval`, the scrape interval, and with 1 s. Exits with 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.lab import Emulator, deploy, gpus
from tests.lab.report import endpoints, session

WORK = ROOT / ".cache" / "bench"
# Values of one GPU that change on their own: so many changes at a time.
FIELDS = (
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_MEM_COPY_UTIL",
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_GPU_TEMP",
    "DCGM_FI_DEV_POWER_USAGE",
    "DCGM_FI_DEV_SM_CLOCK",
)
SHARE = 0.99
POLL_SECONDS = 0.1
# A change that took as long as this is lost.
LOST_SECONDS = 60

Key = tuple[str, str, str]


def limit(interval: float, collected: float) -> float:
    """Seconds in which a change must arrive: one interval to be collected, one to be scraped, and one second."""
    return collected + interval + 1


def percentile(delays: list[float], share: float) -> float:
    """The delay that this share of all does not exceed: the nearest rank."""
    return sorted(delays)[math.ceil(share * len(delays)) - 1]


class Grafana:
    """Asks Grafana for the present values of all GPUs, as a panel does."""

    def __init__(self, where: dict[str, Any]) -> None:
        self._url = where["grafana"]
        self._session = session(where, "grafana")
        datasources = self._json(self._session.get(f"{self._url}/api/datasources", timeout=10))
        self._datasource = next(
            {"type": datasource["type"], "uid": datasource["uid"]}
            for datasource in datasources
            if datasource["type"] == "prometheus" and datasource["isDefault"]
        )

    def version(self) -> str:
        """Grafana's version."""
        return str(self._json(self._session.get(f"{self._url}/api/health", timeout=10)).get("version", ""))

    def values(self) -> dict[Key, float]:
        """Value by host, GPU and field."""
        expression = f'{{__name__=~"{"|".join(FIELDS)}"}}'
        query = {"refId": "A", "datasource": self._datasource, "expr": expression, "instant": True, "range": False}
        body = {"queries": [query], "from": "now-1m", "to": "now"}
        answer = self._json(self._session.post(f"{self._url}/api/ds/query", json=body, timeout=10))
        return read(answer["results"]["A"]["frames"])

    @staticmethod
    def _json(answer: requests.Response) -> Any:
        answer.raise_for_status()
        return answer.json()


def read(frames: list[dict[str, Any]]) -> dict[Key, float]:
    """Value by host, GPU and field from Grafana's data frames."""
    values = {}
    for frame in frames:
        labels = frame["schema"]["fields"][-1].get("labels") or {}
        column = frame["data"]["values"][-1] if frame["data"]["values"] else []
        if column:
            values[labels.get("host", ""), labels.get("gpu", ""), labels.get("__name__", "")] = float(column[-1])
    return values


@dataclass
class Stream:
    """One value of one GPU, changed again and again: 1, 2, 3 and so on."""

    key: Key
    due: float
    changed: float = 0.0
    waiting: bool = False
    delays: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class World:
    """What following changes needs: setting a value, asking for all of them, a clock, waiting, and the wait before a
    stream's next change.
    """

    change: Callable[[Key, float], None]
    values: Callable[[], dict[Key, float]]
    now: Callable[[], float]
    wait: Callable[[float], None]
    phase: Callable[[], float]


def follow(world: World, keys: list[Key], each: int) -> list[Stream]:
    """Change every value so many times, each when the previous value has arrived and a random time has passed."""
    streams = [Stream(key, world.now() + world.phase()) for key in keys]
    while any(len(stream.delays) < each for stream in streams):
        for stream in streams:
            if not stream.waiting and len(stream.delays) < each and world.now() >= stream.due:
                stream.changed, stream.waiting = world.now(), True
                world.change(stream.key, len(stream.delays) + 1)
        values, now = world.values(), world.now()
        for stream in streams:
            if stream.waiting and values.get(stream.key) == len(stream.delays) + 1:
                stream.delays.append(now - stream.changed)
                stream.due, stream.waiting = now + world.phase(), False
            elif stream.waiting and now - stream.changed > LOST_SECONDS:
                raise SystemExit(f"{' '.join(stream.key)}: a change did not come through within {LOST_SECONDS} s.")
        world.wait(POLL_SECONDS)
    return streams


def measure(
    emulator: Emulator, grafana: Grafana, gpus: list[tuple[str, str]], changes: int, interval: float
) -> list[Stream]:
    """Follow at least so many changes, spread over all values of all GPUs."""
    keys = [(host, gpu, name) for host, gpu in gpus for name in FIELDS]
    for key in keys:
        emulator.set(*key, 0)
    deadline = time.monotonic() + LOST_SECONDS
    while any(grafana.values().get(key) != 0 for key in keys):
        if time.monotonic() > deadline:
            raise SystemExit("Not every GPU's value came through: is the demo up, with the emulated GPUs?")
        time.sleep(POLL_SECONDS)
    world = World(
        change=lambda key, value: emulator.set(*key, value),
        values=grafana.values,
        now=time.monotonic,
        wait=time.sleep,
        phase=lambda: random.uniform(0, interval),
    )
    return follow(world, keys, math.ceil(changes / len(keys)))


def table(streams: list[Stream], interval: float, collected: float) -> str:
    """The delays as text, of each host and of all."""
    by_host: dict[str, list[float]] = {}
    for stream in streams:
        by_host.setdefault(stream.key[0], []).extend(stream.delays)
    rows = {**by_host, "all": [delay for delays in by_host.values() for delay in delays]}
    lines = [f"{'':12}{'changes':>8}{'median s':>10}{'p90 s':>8}{'p99 s':>8}{'max s':>8}"]
    for name, delays in rows.items():
        shown = "".join(f"{percentile(delays, share):8.2f}" for share in (0.9, SHARE, 1))
        lines.append(f"{name:12}{len(delays):8}{median(delays):10.2f}{shown}")
    width = max(1, len(rows["all"]) // 60)
    for start in range(math.floor(max(rows["all"])) + 1):
        count = sum(start <= delay < start + 1 for delay in rows["all"])
        lines.append(f"{start:4} to {start + 1:2} s {count:4} {'#' * (count // width)}")
    lines.append(f"the bar: {SHARE:.0%} of the changes within {limit(interval, collected):g} s")
    return "\n".join(lines)


def met(streams: list[Stream], interval: float, collected: float) -> bool:
    """Whether enough changes came in time."""
    delays = [delay for stream in streams for delay in stream.delays]
    return percentile(delays, SHARE) <= limit(interval, collected)


def collect_every(lab: str, seconds: float) -> None:
    """Let the DCGM exporters of a lab collect at this interval."""
    deploy(lab, {"dcgm_exporter_interval": f"{seconds:g}s"}, "--limit=gpu_hosts", "--tags=dcgm_exporter")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=200, help="changes to follow at least")
    parser.add_argument("--interval", type=float, default=5, help="the lab's scrape interval in seconds")
    parser.add_argument("--lab", default="demo", help="name of the lab, which must be deployed")
    given = parser.parse_args()
    if given.changes < 1 or given.interval <= 0:
        parser.error("--changes and --interval: more than 0")
    where = endpoints(given.lab)
    measured = gpus(where["hosts"])
    grafana = Grafana(where)
    print(f"Grafana {grafana.version()}, {len(measured)} GPUs, scraped every {given.interval:g} s", flush=True)
    reports = []
    try:
        # The last setting is the default, so that the lab is left with it.
        for collected in (1.0, given.interval):
            collect_every(given.lab, collected)
            emulator = Emulator(given.lab, sorted({host for host, _gpu in measured}))
            begin = time.monotonic()
            try:
                streams = measure(emulator, grafana, measured, given.changes, given.interval)
            finally:
                emulator.close()
            passed = met(streams, given.interval, collected)
            print(f"dcgm_exporter_interval: {collected:g}s")
            print(table(streams, given.interval, collected) + (": met" if passed else ": MISSED"), flush=True)
            seconds, delays = time.monotonic() - begin, [asdict(stream) for stream in streams]
            reports.append(
                {
                    "interval": given.interval,
                    "collected": collected,
                    "seconds": seconds,
                    "met": passed,
                    "streams": delays,
                }
            )
    except BaseException:
        collect_every(given.lab, given.interval)
        raise
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "freshness.json").write_text(json.dumps(reports, indent=2) + "\n")
    return 0 if all(report["met"] for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
