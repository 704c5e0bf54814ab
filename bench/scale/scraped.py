"""What the Prometheus of the benchmark of a fleet reports about its scrapes."""

from __future__ import annotations

from dataclasses import dataclass

from bench.scale.servers import Process
from tests.rules.servers import Prometheus


@dataclass(frozen=True)
class Scrapes:
    """Scrapes of a time: how many were due, how many of them were missed, and how long they took in seconds."""

    due: int
    missed: int
    median: float
    slowest: float
    missed_evaluations: int


def scrapes(server: Process, targets: int, interval: int, seconds: int) -> Scrapes:
    """The scrapes of the last seconds."""
    window = f"{{job=~'cadvisor|nvidia-gpu|node'}}[{seconds}s]"
    ask = Prometheus(server.url).query

    def value(expression: str) -> float:
        return ask(expression)[0][1]

    due = targets * seconds // interval
    done = round(value(f"sum(sum_over_time(up{window}))"))
    missed = server.total("prometheus_rule_group_iterations_missed_total")
    return Scrapes(
        due,
        max(0, due - done),
        value(f"quantile(0.5, quantile_over_time(0.5, scrape_duration_seconds{window}))"),
        value(f"max(max_over_time(scrape_duration_seconds{window}))"),
        round(missed),
    )
