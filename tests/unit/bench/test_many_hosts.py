"""The benchmark of many hosts, with a few."""

from __future__ import annotations

import pytest

from bench import many_hosts


def done(**values):
    return many_hosts.Run(
        **{"checks": 1.0, "wall": 2.0, "cpu": 10.0, "memory": 100, "hosts": 10, "changed": 0, "output": "", **values}
    )


def test_a_run_within_the_bars_misses_none():
    assert done().missed(0.02) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"checks": 21.0}, "the checks took 21.0 s"),
        ({"cpu": 20.0}, "a host took the CPU time of 100 tasks"),
        ({"changed": 2}, "2 hosts reported a change"),
    ],
)
def test_a_bar_that_is_missed_is_named(values, words):
    assert [text for text in done(**values).missed(0.02) if words in text]


@pytest.mark.long
def test_runs_of_a_few_hosts_change_nothing():
    runs = [(name, run.changed, task > 0) for name, run, task in many_hosts.measure(4, "2")]
    assert runs == [("run", 0, True), ("dry run", 0, True)]
