"""Measures every query of the role's dashboards on a real Prometheus with a day of ten hosts of eight GPUs, at 5 s.

The queries are those of Grafana for the last hour, with 300 points. Exits with 1 if a query is too slow or has no
answer.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / ".cache" / "collections")]

from tests.dashboards import queries, series, server

WORK = ROOT / ".cache" / "bench"
BAR = 100.0
RANGE = 3600
START = 1767225600  # 2026-01-01
DAY = 86400
# Of 24 hours promtool makes 18, the longest of Prometheus' own ranges in them, and what is left.
BLOCKS = 2
END = START + DAY - series.SCRAPE_INTERVAL
HOSTS = [f"gpu{number:02}" for number in range(1, 11)]
GPUS, CONTAINERS, CORES = 8, 30, 64
# A container for each GPU, and one for two of them.
GIVEN = [*((f"training-{gpu}", gpu) for gpu in range(GPUS)), ("notebook", 0), ("notebook", 1)]
# At a moment no GPU may be idle.
IDLE = "< 5"
SERVED = ["vllm", "vllm-v0", "tgi", "triton", "torchserve", "ray-serve", "sglang", "vllm", "vllm", "vllm"]


@dataclass(frozen=True)
class Result:
    """What a query cost in milliseconds, and how many series with a value it answered."""

    dashboard: str
    title: str
    legend: str
    series: int
    median: float
    best: float
    finds_idle: bool


def fleet() -> list[list[series.Series]]:
    """The series of each host."""
    return [
        [
            *series.gpu_host(host, GPUS),
            *series.containers(host, CONTAINERS),
            *series.gpu_containers(host, GIVEN, usage=True),
            *series.machine(host, CORES),
            *series.model_server(host, engine),
            *series.alerts(host),
        ]
        for host, engine in zip(HOSTS, SERVED, strict=True)
    ]


def backfill(host_series: list[series.Series], folder: Path) -> int:
    """Have promtool make the blocks of one host, so that there is never the text of all; returns how many samples they
    hold.
    """
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".om") as text:
        samples = series.write(host_series, START, START + DAY, text)
        text.flush()
        server.promtool(
            folder,
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "--max-block-duration=24h",
            Path(text.name).name,
            "blocks",
        )
    return samples


def merge(folder: Path) -> None:
    """Make Prometheus merge the blocks of the same time, which it does by itself after a minute."""
    deadline = time.monotonic() + 1800
    with server.served(folder):
        while len(list(folder.glob("*/meta.json"))) > BLOCKS:
            if time.monotonic() > deadline:
                raise TimeoutError(f"Prometheus does not merge the blocks in {folder}")
            time.sleep(1)


def blocks() -> Path:
    """The folder with the day's blocks; made once for the same series."""
    fleet_series = fleet()
    folder = WORK / f"fleet-{hashlib.sha256(repr(fleet_series).encode()).hexdigest()[:12]}"
    if folder.exists():
        return folder / "blocks"
    staged = WORK / "fleet.new"
    shutil.rmtree(staged, ignore_errors=True)
    (staged / "blocks").mkdir(parents=True)
    begin = time.monotonic()
    print(
        f"Making a day of {sum(map(len, fleet_series))} series, which takes some 20 minutes"
        f" and is kept in {folder.relative_to(ROOT)}",
        flush=True,
    )
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        samples = sum(pool.map(lambda host: backfill(host, staged), fleet_series))
    merge(staged / "blocks")
    print(f"{samples / 1e6:.0f} million samples in {time.monotonic() - begin:.0f} s", flush=True)
    staged.rename(folder)
    return folder / "blocks"


def opened(path: Path) -> dict[str, str | Sequence[str]]:
    """What the variables are when a dashboard is opened: all if it has "all", else the first."""
    hosts = {variable["name"]: variable for variable in queries.item(path)["variables"]}.get("host")
    every = {
        "host": HOSTS[0] if hosts and not hosts["include_all"] else HOSTS,
        "gpu": [str(number) for number in range(GPUS)],
        "container": [f"training-{number}" for number in range(CONTAINERS)],
        "server": sorted(set(SERVED)),
        "quantile": "0.95",
        "by": "container_label_team",
    }
    return queries.all_selected(path, every)


def measure(prometheus: server.Prometheus, runs: int) -> list[Result]:
    """Every query of every dashboard, after one run to warm up. GPU hours have a benchmark of their own."""
    results = []
    for path in queries.FILES:
        for query in [query for query in queries.of(path) if ":avg10m" not in query.expr]:
            expr = queries.sent(query.expr, opened(path), RANGE)
            taken = []
            for _run in range(runs + 1):
                if query.instant:
                    answer = [[sample["value"]] for sample in prometheus.query(expr, END)]
                else:
                    answer = [
                        samples["values"]
                        for samples in prometheus.query_range(expr, END - RANGE, END, queries.step(RANGE))
                    ]
                taken.append(1000 * prometheus.seconds)
            count = sum(any(not math.isnan(float(value)) for _time, value in values) for values in answer)
            results.append(
                Result(path.stem, query.title, query.legend, count, median(taken[1:]), min(taken[1:]), IDLE in expr)
            )
    return results


def table(results: list[Result], most: int) -> str:
    """The slowest as text."""
    lines = [f"{'dashboard':<22}{'panel':<38}{'query':<36}{'series':>7}{'median ms':>11}{'best ms':>9}"]
    for result in sorted(results, key=lambda result: -result.median)[:most]:
        lines.append(
            f"{result.dashboard:<22}{result.title[:36]:<38}{result.legend[:34]:<36}"
            f"{result.series:>7}{result.median:>11.1f}{result.best:>9.1f}"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each query after one to warm up")
    parser.add_argument("--slowest", type=int, default=15, help="how many queries to show")
    given = parser.parse_args()
    if given.runs < 1:
        parser.error("--runs: at least 1")
    WORK.mkdir(parents=True, exist_ok=True)
    with server.served(blocks()) as prometheus:
        version = prometheus.version()
        results = measure(prometheus, given.runs)
    print(
        f"\nPrometheus {version}, the last hour of a day, a point every {queries.step(RANGE)} s,"
        f" medians of {given.runs} runs"
    )
    print(f"The slowest of {len(results)} queries")
    print(table(results, given.slowest))
    slow = [result for result in results if result.median > BAR]
    empty = [result for result in results if not result.series and not result.finds_idle]
    for result in empty:
        print(f"no answer: {result.dashboard}, {result.title}, {result.legend}")
    met = not slow and not empty
    print(f"The bar is {BAR:.0f} ms and an answer to each: {'met' if met else f'MISSED by {len(slow) + len(empty)}'}")
    (WORK / "queries.json").write_text(
        json.dumps({"prometheus": version, "results": [asdict(result) for result in results]}, indent=2) + "\n"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
