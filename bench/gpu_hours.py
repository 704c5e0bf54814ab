"""Measures the tables of GPU hours on a real Prometheus with a month of recorded series: 100 hosts of eight GPUs.

Each GPU has a container of its own, and a new one after some hours. Exits with 1 if all queries of the table by
label together take longer than the bar. The table by container, which has a series for each, is measured without a bar.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / ".cache" / "collections")]

from tests.dashboards import queries, series, server

WORK = ROOT / ".cache" / "bench"
BAR = 1.0
INTERVAL = 600
DAY = 86400
DAYS = 30
HOSTS, GPUS, TEAMS, JOBS = 100, 8, 20, 10
START = 1767225600  # 2026-01-01
END = START + DAYS * DAY
# The longest of Prometheus' own ranges within a tenth of a retention of 31 days.
BLOCK = "54h"
BY_LABEL, BY_CONTAINER = "GPU hours by label", "GPU hours by container"


@dataclass(frozen=True)
class Result:
    """Seconds of all queries of a table together, one after another, and how many rows it has."""

    table: str
    queries: int
    rows: int
    median: float
    worst: float


def by_labels() -> list[series.Series]:
    """The series by team and job, and those that say that hosts were measured."""
    pairs = [(f"team-{team}", f"job-{job}") for team in range(TEAMS) for job in range(JOBS)]
    labels = [{"container_label_team": team, "container_label_job": job} for team, job in pairs]
    recorded = [entry for own in labels for entry in series.recorded_gpus("container_labels", **own)]
    return recorded + [series.fresh(f"gpu{host:03}") for host in range(HOSTS)]


def of_containers(day: int) -> list[series.Series]:
    """The series of the containers of a day."""
    recorded: list[series.Series] = []
    for number in range(HOSTS * GPUS):
        own = {"container_label_team": f"team-{(number + day) % TEAMS}", "container_label_job": f"job-{number % JOBS}"}
        host, name = f"gpu{number // GPUS:03}", f"training-{number % GPUS}-{day}"
        recorded += series.recorded_gpus("container", host=host, name=name, **own)
    return recorded


def parts() -> Iterator[tuple[list[series.Series], int, int]]:
    """Series with the beginning and the end of their samples."""
    yield by_labels(), START, END
    for day in range(DAYS):
        yield of_containers(day), START + day * DAY, START + (day + 1) * DAY


def blocks() -> Path:
    """The folder with the month's blocks; made once for the same series."""
    seed = hashlib.sha256(
        f"{[(len(recorded), repr(recorded[0]), begin, end) for recorded, begin, end in parts()]}".encode()
    )
    folder = WORK / f"month-{seed.hexdigest()[:12]}"
    if folder.exists():
        return folder / "blocks"
    staged = WORK / "month.new"
    shutil.rmtree(staged, ignore_errors=True)
    (staged / "blocks").mkdir(parents=True)
    begin, samples = time.monotonic(), 0
    print(f"Making a month of recorded series, which is kept in {folder.relative_to(ROOT)}", flush=True)
    for recorded, first, last in parts():
        with tempfile.NamedTemporaryFile("w", dir=staged, suffix=".om") as text:
            samples += series.write(recorded, first, last, text, INTERVAL)
            text.flush()
            name = Path(text.name).name
            options = [f"--max-block-duration={BLOCK}", name, "blocks"]
            server.promtool(staged, "tsdb", "create-blocks-from", "openmetrics", *options)
    print(f"{samples / 1e6:.0f} million samples in {time.monotonic() - begin:.0f} s", flush=True)
    staged.rename(folder)
    return folder / "blocks"


def measure(prometheus: server.Prometheus, title: str, runs: int) -> Result:
    """A table over the month, after one run to warm up."""
    every = {"by": "container_label_team", "host": [f"gpu{host:03}" for host in range(HOSTS)]}
    [path] = [path for path in queries.FILES if path.stem == "gpu-by-container"]
    chosen = queries.all_selected(path, every)
    asked = [query for query in queries.of(path) if query.title == title]
    taken, rows = [], 0
    for _run in range(runs + 1):
        seconds = 0.0
        for query in asked:
            answer = prometheus.query(queries.sent(query.expr, chosen, DAYS * DAY), END - INTERVAL)
            seconds, rows = seconds + prometheus.seconds, max(rows, len(answer))
        taken.append(seconds)
    return Result(title, len(asked), rows, median(taken[1:]), max(taken[1:]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each table after one to warm up")
    given = parser.parse_args()
    if given.runs < 1:
        parser.error("--runs: at least 1")
    WORK.mkdir(parents=True, exist_ok=True)
    with server.served(blocks()) as prometheus:
        version = prometheus.version()
        results = [measure(prometheus, title, given.runs) for title in (BY_LABEL, BY_CONTAINER)]
    print(f"\nPrometheus {version}, {DAYS} days of {HOSTS} hosts of {GPUS} GPUs, {given.runs} runs")
    for result in results:
        table = f"{result.table}: {result.rows} rows of {result.queries} queries"
        print(f"{table}, median {result.median:.2f} s, worst {result.worst:.2f} s")
    met = results[0].median <= BAR and results[0].rows == TEAMS
    print(f"The bar of the table by label is {BAR:g} s: {'met' if met else 'MISSED'}")
    text = json.dumps({"prometheus": version, "results": [asdict(result) for result in results]}, indent=2)
    (WORK / "gpu_hours.json").write_text(f"{text}\n")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
