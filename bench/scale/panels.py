"""The queries of the fleet dashboard over its default time range.

The servers get the series that the dashboard asks for, of the hour before the run, from here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.scale import history
from bench.scale.servers import INTERVAL, Process, Site
from bench.simulated import addresses
from bench.simulated.host import GPUS
from tests.dashboards import queries, server
from tests.rules.servers import wait_until

RANGE = 3600
[DASHBOARD] = [path for path in queries.FILES if path.stem == "gpu-fleet"]


@dataclass(frozen=True)
class Answer:
    """What a query cost in seconds, and how many series it answered."""

    title: str
    legend: str
    series: int
    median: float
    worst: float


def _is_asked(name: str, expressions: str) -> bool:
    """Whether a name is in the queries, or fits one of their patterns."""
    patterns = re.findall(r'__name__=~"([^"]+)"', expressions)
    return any(re.fullmatch(pattern, name) for pattern in patterns) or bool(re.search(rf"\b{name}\b", expressions))


def fill(folder: Path, victoria_metrics: Process, given: Site) -> int:
    """Put the hour before the present time into the folder of a Prometheus that does not run yet, and into
    VictoriaMetrics. Returns the end of the hour, since this takes minutes.
    """
    asked = "\n".join(query.expr for query in queries.of(DASHBOARD))
    end = int(time.time()) // INTERVAL * INTERVAL

    def past() -> Iterator[history.Past]:
        return history.samples(given.hosts, end - RANGE, end, lambda name: _is_asked(name, asked))

    history.make_blocks(past(), folder)
    history.put(past(), victoria_metrics.url)
    return end


def wait(process: Process, given: Site, end: int) -> None:
    """Wait until a server has the hour before `end`."""
    ask = server.Prometheus(process.url).query

    def has_all_gpus() -> bool:
        answer = ask("count(DCGM_FI_DEV_SM_CLOCK)", end - RANGE // 2)
        return [int(entry["value"][1]) for entry in answer] == [GPUS * given.hosts]

    wait_until(has_all_gpus, f"{process.url} does not show what was put into it", 150)


def measure(process: Process, hosts: int, runs: int, end: int) -> list[Answer]:
    """Every query of the dashboard with all hosts over the hour before `end`, after one run to warm up."""
    ask = server.Prometheus(process.url)
    chosen = {"host": list(addresses(hosts)), "gpu": [str(number) for number in range(GPUS)]}
    answers = []
    for query in queries.of(DASHBOARD):
        expression = queries.sent(query.expr, chosen, RANGE)
        taken, count = [], 0
        for _run in range(runs + 1):
            if query.instant:
                count = len(ask.query(expression, end))
            else:
                count = len(ask.query_range(expression, end - RANGE, end, queries.step(RANGE)))
            taken.append(ask.seconds)
        answers.append(Answer(query.title, query.legend, count, median(taken[1:]), max(taken)))
    return answers


def table(answers: dict[str, list[Answer]], most: int) -> str:
    """The slowest as text, with a column for each server."""
    rows = sorted(zip(*answers.values(), strict=True), key=lambda row: -max(answer.median for answer in row))
    lines = [f"{'panel':<26}{'query':<20}{'series':>7}" + "".join(f"{f'{name}, s':>22}" for name in answers)]
    for row in rows[:most]:
        times = "".join(f"{answer.median:>22.3f}" for answer in row)
        lines.append(f"{row[0].title[:25]:<26}{row[0].legend[:19]:<20}{row[0].series:>7}{times}")
    return "\n".join(lines)
