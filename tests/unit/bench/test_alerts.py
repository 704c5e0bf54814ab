"""The benchmark of alerts, in a world with a clock of its own."""

from __future__ import annotations

import pytest

from bench import alerts, faults
from tests.webhooks import Notification

GPUS = [("gpu1", "0"), ("gpu2", "0")]


class Simulation:
    """Alerts that arrive `lag` seconds after a field of a GPU changed, with those of XIDs, which still fire."""

    def __init__(self, lag):
        self.time, self.lag = 100.0, lag
        self.changes = []
        self.sent = []

    def change(self, fault, value):
        """Set a field of a GPU."""
        self.changes.append((self.time, fault, value))
        labels = {"alertname": fault.kind.alert, "host": fault.host, "gpu": fault.gpu, "xid": fault.kind.xid}
        alert = {"status": "firing" if value else "resolved", "labels": labels}
        still = [alert for message in self.sent for alert in message.content["alerts"] if alert["labels"]["xid"]]
        if value or not fault.kind.xid:
            self.sent.append(Notification({"alerts": [alert, *still]}, self.time + self.lag))

    def world(self):
        """The world of this simulation."""
        return faults.World(
            change=self.change,
            notifications=lambda: [message for message in self.sent if message.arrived <= self.time],
            now=lambda: self.time,
            wait=self.pass_time,
            phase=lambda: 2.0,
        )

    def pass_time(self, seconds):
        """Let time pass."""
        self.time += seconds


def test_each_gpu_gets_its_share_of_faults_of_all_kinds():
    planned = faults.plan([("gpu1", "0"), ("gpu1", "1"), ("gpu2", "0")], alerts.FAULTS)
    assert [len(of_gpu) for of_gpu in planned] == [7, 7, 6]
    assert {fault.kind.alert for of_gpu in planned for fault in of_gpu} == {kind.alert for kind in faults.KINDS}
    assert {(fault.host, fault.gpu) for fault in planned[1]} == {("gpu1", "1")}


def test_more_faults_than_there_are_kinds_are_refused():
    with pytest.raises(SystemExit, match="2 GPUs are too few for 15 faults: 7 of each are possible"):
        faults.plan(GPUS, 15)


def test_delays_run_from_the_fault_to_the_message():
    simulation = Simulation(lag=8.0)
    streams = faults.follow(simulation.world(), faults.plan(GPUS, 14))
    assert alerts.delays(streams) == [8.0] * 14
    assert "all                      14       8.0      8.0" in alerts.table(streams)


def test_the_next_fault_of_a_gpu_comes_after_the_end_of_the_last_was_reported():
    simulation = Simulation(lag=8.0)
    [stream] = faults.follow(simulation.world(), faults.plan(GPUS[:1], 7))
    assert [value > 0 for _moment, _fault, value in simulation.changes] == [True, False] * 7
    begun = [(moment, fault.kind) for moment, fault, value in simulation.changes if value]
    for (earlier, kind), (later, _next) in zip(begun, begun[1:]):
        told = 8.0 if kind.xid else 16.0
        assert later - earlier >= told + 2.0
    assert stream.done


@pytest.mark.parametrize("lag", [1000.0, 200.0])
def test_a_message_that_does_not_arrive_ends_the_run(lag):
    with pytest.raises(SystemExit, match="GpuRecoveryAction.*did not arrive as firing within 120 s"):
        faults.follow(Simulation(lag).world(), faults.plan(GPUS, 2))


def test_a_message_about_another_gpu_or_from_before_the_fault_does_not_count():
    fault = faults.Fault("gpu1", "0", faults.KINDS[0])
    labels = {"alertname": "GpuRecoveryAction", "host": "gpu1", "gpu": "0", "severity": "page"}

    def message(arrived, **other):
        return Notification({"alerts": [{"status": "firing", "labels": {**labels, **other}}]}, arrived)

    messages = [message(4.0), message(6.0, gpu="1"), message(7.0, host="gpu2"), message(9.0)]
    assert fault.arrival(messages, "firing", since=5.0) == 9.0
    assert fault.arrival(messages, "resolved", since=5.0) is None
