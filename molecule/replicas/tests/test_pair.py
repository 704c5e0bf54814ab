"""A pair of monitoring hosts sends each alert once, and loses neither alerts nor data when one of them is killed."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

import pytest
import yaml
from monitors import SECOND, killed, start

from tests.lab import driver, hosts
from tests.stack import LAB_NAME, SECRETS, on, wait_until

pytestmark = pytest.mark.long
BOTH = ("monitor1", SECOND)
# The second Alertmanager waits 5 s for the first one, after the 5 s of the group.
TURN = 20
FAULT = {"0": {"DCGM_FI_DEV_ROW_REMAP_FAILURE": 1}}


@contextlib.contextmanager
def row_remap_failed(name):
    """A GPU of a host could not replace a faulty row."""
    hosts.set_state(LAB_NAME, name, driver.state(driver.gpus(name), FAULT))
    try:
        yield {"alertname": "GpuRowRemapFailed", "host": name}
    finally:
        hosts.set_state(LAB_NAME, name, driver.state(driver.gpus(name)))


@pytest.fixture
def told(notifications):
    """The alerts with these labels and this status in the order in which the webhook got them."""

    def read(status, **labels):
        return [
            alert
            for notification in notifications[1]
            for alert in notification.content["alerts"]
            if alert["status"] == status and labels.items() <= alert["labels"].items()
        ]

    return read


def whole(*monitors):
    for monitor in monitors:
        wait_until(monitor.is_whole, lambda m=monitor: f"{m.name}: {m.prometheus.health()} {m.peers()}", 180)


def gaps(moments, longest=9.0):
    """Pauses of more than one scrape, as their beginning and end."""
    return [pair for pair in zip(moments, moments[1:], strict=False) if pair[1] - pair[0] > longest]


def test_each_host_says_which_replica_it_is(first, second):
    for monitor in (first, second):
        running = yaml.safe_load(monitor.prometheus.get("status/config")["yaml"])
        assert running["global"]["external_labels"] == {"prometheus_replica": monitor.name}
        alertmanagers = monitor.prometheus.get("alertmanagers")["activeAlertmanagers"]
        assert len({alertmanager["url"] for alertmanager in alertmanagers}) == 2


def test_both_grafanas_have_the_same_and_each_asks_its_own_prometheus(first, second):
    contents = []
    for monitor in (first, second):
        found = monitor.grafana.get("/api/search?type=dash-db&limit=5000")
        sources = monitor.grafana.get("/api/datasources")
        contents.append(({board["uid"] for board in found}, {(source["uid"], source["type"]) for source in sources}))
        names = {frame["schema"]["fields"][-1]["labels"]["host"] for frame in monitor.grafana.frames("up")}
        assert names == {"gpu1", "gpu2", *BOTH}
    assert contents[0] == contents[1]
    assert len(contents[0][0]) > 5


def test_the_port_of_the_cluster_takes_nobody_without_a_certificate_of_the_fleet(first, second):
    trusting = ssl.create_default_context(cafile=str(SECRETS / "ca" / "ca.crt"))
    for name in BOTH:
        published = on(name, "docker port alertmanager").splitlines()
        assert f"9094/tcp -> {hosts.address(LAB_NAME, name)}:9094" in published
        assert not [line for line in published if "udp" in line]
        with (
            socket.create_connection((hosts.address(LAB_NAME, name), 9094), timeout=10) as connection,
            trusting.wrap_socket(connection, server_hostname="alertmanager") as client,
            pytest.raises(ssl.SSLError, match="(?i)certificate.required"),
        ):
            client.recv(1)


def test_an_unchanged_run_changes_nothing(first, second, playbook):
    run = playbook("site")
    assert run.code == 0, run.output
    assert {name: counts["changed"] for name, counts in run.recap.items()} == dict.fromkeys(
        ("gpu1", "gpu2", *BOTH), 0
    ), run.output


def test_verify_reports_no_fault(first, second, verify):
    run, reports = verify(verify_wait="60s")
    assert run.code == 0, run.output
    assert {*reports} == {*BOTH}
    for report in reports.values():
        assert {row["host"] for row in report["hosts"]} == {"gpu1", "gpu2", *BOTH}


def test_a_silence_is_made_once_and_known_to_both(first, second, playbook):
    run = playbook("silence", silence_hosts="gpu2")
    assert run.code == 0, run.output
    for monitor in (first, second):
        wait_until(lambda monitor=monitor: len(monitor.alertmanager.silences()) == 1, f"silence of {monitor.name}")
    run = playbook("silence", silence_hosts="gpu2", silence_state="absent")
    assert run.code == 0, run.output
    for monitor in (first, second):
        wait_until(lambda monitor=monitor: monitor.alertmanager.silences() == [], f"{monitor.name} has no silence")


def test_an_alert_reaches_both_alertmanagers_and_is_sent_once(first, second, told):
    before = {monitor: monitor.sent_alerts() for monitor in (first, second)}
    with row_remap_failed("gpu1") as labels:
        for monitor in (first, second):
            wait_until(lambda monitor=monitor: monitor.alertmanager.alerts(**labels), f"the alert at {monitor.name}")
            wait_until(
                lambda monitor=monitor: all(
                    count > before[monitor].get(address, 0) for address, count in monitor.sent_alerts().items()
                ),
                lambda monitor=monitor: f"{monitor.name} sent {before[monitor]}, then {monitor.sent_alerts()}",
            )
            assert len(monitor.sent_alerts()) == 2
        [alert] = wait_until(lambda: told("firing", **labels), "the alert")
        assert "prometheus_replica" not in alert["labels"]
        both_had_their_turn = time.monotonic() + TURN
        wait_until(lambda: time.monotonic() > both_had_their_turn or len(told("firing", **labels)) > 1, "", 2 * TURN)
        assert len(told("firing", **labels)) == 1
    wait_until(lambda: told("resolved", **labels), "the end", 120)


def test_a_killed_host_costs_no_alert_and_no_data_and_rejoins_without_a_hand(first, second, told, verify, playbook):
    def shared():
        """Either of them may be the one that sends."""
        return first.shared_notifications() + second.shared_notifications()

    begin, known = time.time(), shared()
    with row_remap_failed("gpu1") as early:
        before = len(told("firing", **early))
        wait_until(lambda: len(told("firing", **early)) > before, "the alert before the kill")
        wait_until(lambda: shared() > known, "the other one knows that the alert was sent")
        with killed("monitor1"):
            dead = time.time()
            with row_remap_failed("gpu2") as late:
                matchers = ",".join(f'{name}="{value}"' for name, value in late.items())
                firing = f'ALERTS{{alertstate="firing",{matchers}}}'
                wait_until(lambda: second.prometheus.query(firing), "the alert fires after the kill")
                wait_until(lambda: second.alertmanager.alerts(**late), "the Alertmanager has the alert")
                wait_until(lambda: told("firing", **late), lambda: f"not sent:\n{second.on_the_way(**late)}", 120)
                wait_until(lambda: told("firing", alertname="HostDown", host="monitor1"), "HostDown", 180)
                assert len(told("firing", **early)) == before + 1, "it was sent again"
                run, reports = verify(verify_wait="0s")
                assert run.code != 0
                assert "monitor1" in " ".join(problem["message"] for problem in reports[SECOND]["problems"])
                run = playbook("silence", silence_hosts=SECOND)
                assert second.alertmanager.silences(), run.output
                back = time.time()
    whole(first, second)
    wait_until(lambda: told("resolved", **late), "the end of the alert after the kill", 120)
    wait_until(lambda: told("resolved", alertname="HostDown", host="monitor1"), "the end of HostDown", 120)
    wait_until(first.alertmanager.silences, "the silence that was made while it was away")
    playbook("silence", silence_hosts=SECOND, silence_state="absent")
    window = int(time.time() - begin)
    series = 'up{job="nvidia-gpu",host="gpu1"}'
    assert gaps(second.samples(series, window)) == []
    [(last, next_one)] = gaps(first.samples(series, window))
    assert dead - 10 < last < dead + 1 and next_one > back
    run, _reports = verify(verify_wait="60s")
    assert run.code == 0, run.output


def test_the_others_are_deployed_while_a_monitoring_host_is_dead(first, second, playbook):
    on("monitor1", "docker rm --force node-exporter")
    with killed(SECOND):
        run = playbook("site")
        assert run.code == 4, run.output
        assert run.recap[SECOND]["unreachable"] == 1
        assert f"{SECOND}: Nothing was deployed: " in run.output
        assert (run.recap["monitor1"]["changed"], run.recap["gpu1"]["changed"]) == (1, 0), run.output
    whole(first, second)


def test_a_replaced_host_comes_back_by_the_playbook(first, second, playbook, verify):
    hosts.remove(LAB_NAME, "monitor1")
    start("monitor1")
    run = playbook("site")
    assert run.code == 0, run.output
    assert run.recap[SECOND]["changed"] == 0, run.output
    whole(first, second)
    boards = [
        {board["uid"] for board in monitor.grafana.get("/api/search?type=dash-db&limit=5000")}
        for monitor in (first, second)
    ]
    assert boards[0] == boards[1]
    run, _reports = verify(verify_wait="90s")
    assert run.code == 0, run.output
