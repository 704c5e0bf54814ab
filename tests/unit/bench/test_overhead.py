"""What the benchmark of cAdvisor reads from its answers, and when a bar is missed."""

from __future__ import annotations

import pytest

from bench import overhead

METRICS = """# HELP container_cpu_usage_seconds_total Cumulative cpu time consumed in seconds.
container_cpu_usage_seconds_total{cpu="total",id="/docker/aa",name="gpu-monitoring-bench-light-1"} 0.5 1000000
container_cpu_usage_seconds_total{cpu="cpu00",id="/docker/ab",name="gpu-monitoring-bench-light-2"} 0.5 1002500
container_cpu_usage_seconds_total{cpu="total",id="/docker/ac",image="other",name="somebody-else"} 0.5 900000
container_start_time_seconds{id="/system.slice",image="",name=""} 1 1002500
container_start_time_seconds{id="/docker/aa",image="base",name="gpu-monitoring-bench-light-1"} 1 1002500
"""


def costs(cpu=1.0, size=1.0, oldest=4.0, seen=20):
    """Costs of the defaults, which are 10 each, and of ours."""
    default = {"cpu": 10.0, "bytes": 10.0, "oldest": 60.0, "seen": 20}
    return {overhead.DEFAULTS: default, overhead.OURS: {"cpu": cpu, "bytes": size, "oldest": oldest, "seen": seen}}


def test_an_answer_is_read():
    pull = overhead.read(METRICS, wire=100, now=1004.0)
    assert (pull.text, pull.wire, pull.series, pull.seen, pull.raw_groups) == (len(METRICS), 100, 5, 2, 1)
    assert pull.oldest == pytest.approx(4.0)


def test_an_answer_without_the_containers_is_no_young_one():
    assert overhead.read("", wire=0, now=1004.0).oldest == float("inf")


def test_bars_that_are_met():
    assert not overhead.missed(costs(cpu=3.5, size=3.0), light=20)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cpu": 3.6}, "cpu: 0.360, the bar is 0.35"),
        ({"size": 3.1}, "bytes: 0.310, the bar is 0.3"),
        ({"oldest": 6.5}, "a sample was 6.5 s old, the bar is 6 s"),
        ({"seen": 19}, "ours saw 19 of 20 containers"),
    ],
)
def test_a_bar_that_is_missed_is_named(changes, message):
    assert overhead.missed(costs(**changes), light=20) == [message]


def test_costs_are_summed_over_turns_and_pulls_of_all_of_them_count():
    pulls = [
        overhead.Pull(text=size, wire=1, series=1, oldest=size / 100, seen=20, raw_groups=3) for size in (100, 300, 200)
    ]
    turns = {
        overhead.NOTHING: [overhead.Turn(0, 0.5, 0, [])],
        overhead.OURS: [overhead.Turn(1, 2, 30, pulls[:2]), overhead.Turn(3, 4, 20, pulls[2:])],
    }
    assert overhead.summary(turns) == {
        overhead.OURS: {
            "cpu": 4,
            "dockerd": 3,
            "memory": 30,
            "bytes": 200,
            "wire": 1,
            "series": 1,
            "oldest": 3,
            "seen": 20,
            "raw_groups": 3,
        }
    }
