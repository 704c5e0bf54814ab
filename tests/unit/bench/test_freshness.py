"""The benchmark of freshness, in a world with a clock of its own."""

from __future__ import annotations

import pytest

from bench import freshness

KEY = ("gpu1", "0", "DCGM_FI_DEV_GPU_UTIL")
OTHER = ("gpu2", "0", "DCGM_FI_DEV_GPU_UTIL")


class Simulation:
    """Values that can be seen `lag` seconds after they were set; each key has its own lag."""

    def __init__(self, lags):
        self.time = 100.0
        self.lags = lags
        self.set = {key: [] for key in lags}

    def change(self, key, value):
        """Set a value."""
        self.set[key].append((self.time, value))

    def values(self):
        """What can be seen now. Asking takes 20 ms."""
        self.time += 0.02
        visible = {
            key: [value for moment, value in done if moment + self.lags[key] <= self.time]
            for key, done in self.set.items()
        }
        return {key: done[-1] for key, done in visible.items() if done}

    def wait(self, seconds):
        """Let time pass."""
        self.time += seconds

    def world(self):
        """The world of this simulation."""
        return freshness.World(
            change=self.change, values=self.values, now=lambda: self.time, wait=self.wait, phase=lambda: 2.0
        )


def streams_with(*delays):
    """Streams with these delays."""
    return [freshness.Stream(KEY, due=0, delays=list(delays))]


def test_delays_are_measured_from_the_change_to_the_answer():
    simulation = Simulation({KEY: 3.0, OTHER: 7.0})
    near, far = freshness.follow(simulation.world(), [KEY, OTHER], each=4)
    assert (len(near.delays), len(far.delays)) == (4, 4)
    assert all(3.0 <= delay < 3.2 for delay in near.delays)
    assert all(7.0 <= delay < 7.2 for delay in far.delays)


def test_a_value_changes_only_after_the_one_before_came_through_and_its_phase_passed():
    simulation = Simulation({KEY: 3.0})
    freshness.follow(simulation.world(), [KEY], each=3)
    assert [value for _moment, value in simulation.set[KEY]] == [1, 2, 3]
    moments = [moment for moment, _value in simulation.set[KEY]]
    assert all(later - earlier >= 5.0 for earlier, later in zip(moments, moments[1:]))


def test_a_change_that_never_comes_through_ends_the_run():
    with pytest.raises(SystemExit, match="gpu1 0 DCGM_FI_DEV_GPU_UTIL: a change did not come through within 60 s"):
        freshness.follow(Simulation({KEY: 1000.0}).world(), [KEY], each=1)


@pytest.mark.parametrize(("collected", "oldest"), [(5, 11.0), (1, 7.0)])
@pytest.mark.parametrize(("late", "met"), [(0, True), (2, True), (3, False)])
def test_one_change_in_a_hundred_may_be_late(late, met, collected, oldest):
    assert (
        freshness.met(streams_with(*[oldest] * (200 - late), *[oldest + 0.1] * late), interval=5, collected=collected)
        is met
    )


def test_the_table_has_a_row_for_each_host_and_one_for_all():
    text = freshness.table(
        [*streams_with(4.0, 6.0), freshness.Stream(OTHER, due=0, delays=[9.5, 9.5])], interval=5, collected=1
    )
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines()[1:4]}
    assert rows == {
        "gpu1": ["2", "5.00", "6.00", "6.00", "6.00"],
        "gpu2": ["2", "9.50", "9.50", "9.50", "9.50"],
        "all": ["4", "7.75", "9.50", "9.50", "9.50"],
    }


def test_values_are_read_from_data_frames():
    def frame(labels, *values):
        return {
            "schema": {"fields": [{"name": "Time"}, {"name": "Value", "labels": labels}]},
            "data": {"values": [[0], list(values)] if values else []},
        }

    labels = {"host": "gpu1", "gpu": "0", "__name__": "DCGM_FI_DEV_GPU_UTIL", "modelName": "NVIDIA H100"}
    assert freshness.read([frame(labels, 42), frame({**labels, "gpu": "1"})]) == {KEY: 42.0}
