"""Alerts of the lab reach a webhook and a mail server on this machine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Any

import pytest

from tests.lab import driver, hosts
from tests.lab.services import GATEWAY
from tests.mail_server import mail_server
from tests.stack import LAB_NAME, ROOT, container_state, run_playbook, unreachable, wait_until
from tests.webhooks import Notification, webhook


@dataclass(frozen=True)
class Receivers:
    """What the webhook and the mail server got, the webhook's URL, and the role variables that name both."""

    notifications: list[Notification]
    mails: list[Message]
    url: str
    variables: dict[str, Any]

    def alerts(self, status: str, **labels: str) -> list[tuple[dict[str, Any], float]]:
        """The alerts of the webhook that are `firing` or `resolved` and have these labels, and when each arrived."""
        return [
            (alert, notification.arrived)
            for notification in self.notifications
            for alert in notification.content["alerts"]
            if alert["status"] == status and labels.items() <= alert["labels"].items()
        ]

    def mail(self, subject: str) -> str:
        """The text of the first mail with this subject; empty if none came."""
        bodies = [part for mail in self.mails if mail["Subject"] == subject for part in mail.walk()]
        return next((part.get_payload(decode=True).decode() for part in bodies if not part.is_multipart()), "")


@pytest.fixture(scope="module")
def deploy(site):
    """Runs one role of the monitoring host with these variables."""

    def run(role: str, **variables: Any) -> int:
        deployment = site("--limit=monitor1", f"--tags={role}", variables=variables)
        assert deployment.code == 0, deployment.output
        return deployment.recap["monitor1"]["changed"]

    return run


@pytest.fixture(scope="module")
def receivers(deploy) -> Iterator[Receivers]:
    """Sends alerts to both, by the routes that a site gets by default."""
    with contextlib.ExitStack() as servers:
        url, notifications = servers.enter_context(webhook(address=GATEWAY))
        smarthost, mails = servers.enter_context(mail_server(GATEWAY))
        email = {
            "to": ["oncall@example.com"],
            "from": "alerts@example.com",
            "smarthost": smarthost,
            "require_tls": False,
        }
        variables = {
            "alertmanager_receivers": [{"name": "oncall", "webhook": {"url_file": "secrets/hook"}, "email": email}],
            "alertmanager_secret_files": {"hook": url},
            "alertmanager_route_tests": [{"labels": {"severity": "page"}, "receiver": "oncall"}],
        }
        deploy("alertmanager", **variables)
        yield Receivers(notifications, mails, url, variables)
        deploy("alertmanager")


@pytest.fixture(scope="module", autouse=True)
def no_fault_left():
    """The last test of this file runs verify, which must report no fault."""


def silence(*arguments: str, **variables: str) -> int:
    """Runs the playbook silence; how much it changed."""
    run = run_playbook(ROOT / "playbooks" / "silence.yml", *arguments, variables=variables)
    assert run.code == 0, run.output
    return run.recap["monitor1"]["changed"]


def held_back(alertmanager, reason: str) -> float:
    """For how many alerts Alertmanager sent nothing since it started, for `silence` or `inhibition`."""
    counts = [
        line
        for line in alertmanager.metrics().splitlines()
        if line.startswith("alertmanager_notifications_suppressed_total{")
    ]
    return sum(float(line.split()[-1]) for line in counts if f'reason="{reason}"' in line)


def test_a_fault_of_a_gpu_is_held_back_by_a_silence_and_then_reported_with_its_end(
    receivers, deploy, alertmanager, grafana
):
    """A change of the receivers takes neither a restart nor the silence."""
    gpus = driver.gpus("gpu1")
    fault = {"alertname": "GpuRowRemapFailed", "host": "gpu1", "gpu": "1", "severity": "page"}
    assert silence("--check", silence_hosts="gpu1") == 1
    assert alertmanager.silences() == []
    assert silence(silence_hosts="gpu1") == 1
    assert silence(silence_hosts="gpu1") == 0
    [oncall] = receivers.variables["alertmanager_receivers"]
    started = container_state("monitor1", "alertmanager")["StartedAt"]
    deploy("alertmanager", **{**receivers.variables, "alertmanager_receivers": [{**oncall, "labels": {"team": "ml"}}]})
    running = alertmanager.get("status")["config"]["original"]
    assert "team: ml" in running and receivers.url not in running
    assert container_state("monitor1", "alertmanager")["StartedAt"] == started
    before = held_back(alertmanager, "silence")
    hosts.set_state(LAB_NAME, "gpu1", driver.state(gpus, {"1": {"DCGM_FI_DEV_ROW_REMAP_FAILURE": 1}}))
    try:
        wait_until(
            lambda: held_back(alertmanager, "silence") > before and alertmanager.alerts(**fault),
            "the silence holds nothing back",
        )
        assert silence("--check", silence_hosts="gpu1", silence_state="absent") == 1
        ended = time.monotonic()
        assert silence(silence_hosts="gpu1", silence_state="absent") == 1
        told = wait_until(lambda: receivers.alerts("firing", **fault), "the alert does not arrive")
        assert [arrived > ended for _alert, arrived in told] == [True]
        alert = told[0][0]
        assert alert["labels"]["modelName"] == gpus[1].name
        assert alert["annotations"]["summary"].startswith(
            f"GPU 1 ({gpus[1].name}) of gpu1 could not replace a faulty row"
        )
        link = alert["annotations"]["dashboard_url"]
        assert link == f"{grafana.url}/d/gpu-host?var-host=gpu1"
        shown = grafana.get("/api/dashboards/uid/gpu-host")["dashboard"]
        assert "host" in [variable["name"] for variable in shown["templating"]["list"]]
        mail = wait_until(lambda: receivers.mail("PAGE: gpu1: GpuRowRemapFailed"), "the mail does not arrive")
        assert alert["annotations"]["summary"] in mail and f"Dashboard: {link}" in mail
    finally:
        hosts.set_state(LAB_NAME, "gpu1", driver.state(gpus))
    wait_until(lambda: receivers.alerts("resolved", **fault), "the end is not told")
    mail = wait_until(
        lambda: receivers.mail("RESOLVED: gpu1: GpuRowRemapFailed"), "the mail of the end does not arrive"
    )
    assert f"Resolved: GPU 1 ({gpus[1].name}) of gpu1" in mail


@pytest.mark.long
def test_a_host_that_is_down_is_reported_alone(receivers, deploy, alertmanager):
    """An alert of the site for each exporter, which is pending longer than HostDown, follows from the host that is
    down.
    """
    follows = {"alert": "SiteExporterDown", "expr": "up == 0", "for": "40s", "labels": {"severity": "page"}}
    deploy(
        "prometheus", prometheus_alert_reboot_grace="20s", prometheus_rules_extra=[{"name": "site", "rules": [follows]}]
    )
    before = held_back(alertmanager, "inhibition")
    try:
        with unreachable("gpu2"):
            inhibited = wait_until(
                lambda: alertmanager.alerts(alertname="SiteExporterDown", host="gpu2"),
                "the site's alert does not fire",
                180,
            )
            assert all(alert["status"]["inhibitedBy"] for alert in inhibited)
            wait_until(lambda: held_back(alertmanager, "inhibition") > before, "HostDown holds nothing back")
            wait_until(
                lambda: receivers.alerts("firing", alertname="HostDown", host="gpu2"), "HostDown does not arrive"
            )
            assert {alert["labels"]["alertname"] for alert, _arrived in receivers.alerts("firing", host="gpu2")} == {
                "HostDown"
            }
        wait_until(lambda: receivers.alerts("resolved", alertname="HostDown", host="gpu2"), "the end is not told", 120)
        wait_until(lambda: not alertmanager.alerts(host="gpu2"), "the host's alerts do not end")
    finally:
        deploy("prometheus")


def test_a_test_alert_of_verify_arrives_at_each_receiver(receivers, verify, alertmanager):
    """What other receivers are sent at the same moment does not count."""
    assert (
        'alertmanager_notification_requests_total{integration="email",receiver_name="oncall"}' in alertmanager.metrics()
    )
    run, report = verify(verify_wait="60s", verify_test_alert=True)
    assert run.code == 0, run.output
    [note] = [note for note in report["notes"] if "test alert" in note]
    assert note.endswith("the receiver oncall took it by email and webhook.")
    [(alert, _arrived)] = receivers.alerts("firing", alertname="VerifyTestAlert", severity="page")
    assert alert["annotations"]["summary"] == "Test of the way of alerts from monitor1. Nothing is wrong"
    assert alert["annotations"]["summary"] in receivers.mail(f"PAGE: {alert['labels']['host']}: VerifyTestAlert")
