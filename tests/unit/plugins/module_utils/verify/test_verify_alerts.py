"""Faults that verify reports between a rule of Prometheus and a receiver."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager.notifications import (
    Requests,
    integrations,
    requests,
    since,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import alerts, collect_alerts

AT = "https://10.0.0.9:9093"
GOOD = (alerts.Rule("Watchdog", "ok", "", "firing", 71.0), alerts.Rule("GpuMissing", "ok", "", "inactive", 0.0))
WANTED = alerts.Wanted(["GpuMissing", "Watchdog"], True)


def group(name="gpu", interval=5.0, age=2.0, rules=GOOD):
    return alerts.Group(name, interval, age, [*rules])


def seen(groups=None, alertmanagers=(AT,), sent=(), error="", arrived=True, age=3600.0):
    return alerts.Seen([group()] if groups is None else groups, [*alertmanagers], [*sent], error, arrived, age)


def told(wanted=WANTED, **given):
    return [problem.message for problem in alerts.problems(wanted, seen(**given))]


def test_nothing_is_reported_where_all_is_well():
    assert told() == []
    assert told(sent=[alerts.Sent(AT, 9, 3)]) == []
    assert told(groups=[group(age=24)]) == []
    assert told(sent=[alerts.Sent(AT, 9, 0), alerts.Sent("https://10.0.0.8:9093", 4, 4)]) == []


def test_an_alert_without_a_rule_is_reported():
    wanted = alerts.Wanted(["GpuMissing", "HostDown", "GpuHot"], True)
    assert told(wanted) == ["Prometheus has no rule for the alerts GpuHot and HostDown. Run the playbook site."]
    assert told(groups=[]) == ["Prometheus has no rule for the alerts GpuMissing and Watchdog. Run the playbook site."]


def test_a_recording_rule_is_no_alert():
    recording = alerts.Rule("GpuMissing", "ok", "", "", 0.0)
    assert told(groups=[group(rules=[GOOD[0], recording])]) == [
        "Prometheus has no rule for the alert GpuMissing. Run the playbook site."
    ]


def test_rules_that_fail_are_reported_once_for_each_reason():
    bad = [alerts.Rule(name, "err", "many-to-many matching\nnot allowed.", "inactive", 0.0) for name in ("B", "A", "B")]
    assert told(groups=[group(rules=[*GOOD, *bad])]) == [
        "Prometheus cannot evaluate the rules A and B: many-to-many matching not allowed."
    ]


def test_a_group_that_is_late_is_reported():
    assert told(groups=[group("gpu", 60, 200), group("machines", 60, 189), group("containers")]) == [
        "Prometheus has not evaluated the rules of the group gpu for 200 s, which are due every 60 s.",
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"alertmanagers": []},
            "Prometheus has no Alertmanager, so nobody is notified of alerts. Run the playbook site.",
        ),
        ({"error": "url: no Alertmanager answers."}, "Alertmanager cannot be asked: url: no Alertmanager answers."),
        (
            {"sent": [alerts.Sent(AT, 4, 4)]},
            f"Prometheus cannot send alerts to {AT}: each of 4 failed. See the log of Prometheus.",
        ),
        (
            {"arrived": False},
            f"The alert Watchdog, which always fires, does not arrive at Alertmanager at {AT}."
            " See the log of Prometheus.",
        ),
    ],
)
def test_a_broken_way_is_reported_once(given, message):
    assert told(**given, **({} if "arrived" in given else {"arrived": False})) == [message]


def test_an_alertmanager_that_is_stopped_is_reported_with_the_reason():
    wanted = alerts.Wanted(["Watchdog"], True, " Alertmanager does not run on m1: its container is exited.")
    [message] = told(wanted, error="url: no Alertmanager answers.", arrived=None)
    assert message.endswith("no Alertmanager answers. Alertmanager does not run on m1: its container is exited.")
    assert told(wanted) == []


def test_an_alertmanager_that_has_just_started_gets_alerts_within_a_minute():
    assert told(arrived=False, age=30) == []
    assert len(told(arrived=False, age=120)) == 1


def test_a_site_without_an_alertmanager_is_not_asked_for_one():
    assert told(alerts.Wanted(["Watchdog"], False), alertmanagers=[], arrived=None) == []


def test_watchdog_is_missed_only_while_it_fires():
    assert told(alerts.Wanted([], True), groups=[group(rules=[GOOD[1]])], arrived=False) == []


def test_watchdog_is_not_missed_before_prometheus_sends_alerts_again():
    young = GOOD[0]._replace(active_seconds=69.0)
    assert told(groups=[group(rules=[young, GOOD[1]])], arrived=False) == []


def trial(receivers=("page",), made=None, failed=None, configured=None, suppressed_by=(), seconds=6.4):
    made, failed = made or {}, failed or {}
    sent = {kind: Requests(count, failed.get(kind, 0)) for kind, count in made.items()}
    configured = {"webhook": 1} if configured is None else configured
    return alerts.Trial(seconds, [*receivers], configured, sent, [*suppressed_by])


@pytest.mark.parametrize(
    ("given", "is_over", "words"),
    [
        ({"receivers": []}, False, "Alertmanager does not show it after 6 s."),
        ({"suppressed_by": ["the silence 7d86"]}, True, "it is suppressed by the silence 7d86."),
        ({"configured": {}}, True, "the receiver page has no integration. Add a receiver to alertmanager_receivers"),
        ({}, False, "the receiver page sent nothing by webhook within 6 s. Raise verify_test_alert_wait"),
        ({"made": {"webhook": 1}, "failed": {"webhook": 1}}, False, "the receiver page failed by webhook."),
        ({"configured": {"webhook": 2}, "made": {"webhook": 1}}, False, "sent nothing by webhook"),
        ({"configured": {"webhook": 1, "email": 1}, "made": {"webhook": 3}}, False, "sent nothing by email"),
        (
            {"configured": {"webhook": 1, "email": 1}, "made": {"webhook": 2}, "failed": {"webhook": 1}},
            False,
            "sent nothing by email",
        ),
    ],
)
def test_why_a_test_alert_did_not_arrive(given, is_over, words):
    tried = trial(**given)
    assert tried.is_over == is_over
    [problem] = alerts.trial_problems(tried)
    assert problem.message.startswith("The test alert did not arrive: ") and words in problem.message


def test_a_test_alert_that_arrived_is_a_note():
    tried = trial(("page", "chat"), {"webhook": 1, "email": 1}, configured={"email": 1, "webhook": 1})
    assert tried.is_over and not alerts.trial_problems(tried)
    assert alerts.trial_note(tried) == (
        "The test alert arrived after 6 s: the receivers page and chat took it by email and webhook."
    )


def test_a_test_alert_that_arrived_after_a_failed_request_is_no_problem():
    tried = trial(made={"webhook": 2}, failed={"webhook": 1})
    assert tried.is_over and not alerts.trial_problems(tried)


METRICS = """\
# TYPE alertmanager_notification_requests_total counter
alertmanager_notification_requests_failed_total{integration="email"} 1
alertmanager_notification_requests_failed_total{integration="webhook"} 0
alertmanager_notification_requests_total{integration="email"} 3
alertmanager_notification_requests_total{integration="webhook"} 12
"""
OF_RECEIVERS = """\
alertmanager_notification_requests_failed_total{integration="webhook",receiver_name="judge"} 4
alertmanager_notification_requests_total{integration="webhook",receiver_name="judge"} 9
alertmanager_notification_requests_total{integration="webhook",receiver_name="page"} 2
"""


def test_requests_are_counted_by_integration():
    assert requests(METRICS, ["page"]) == {"email": Requests(3, 1), "webhook": Requests(12, 0)}


def test_where_metrics_have_receivers_only_the_right_ones_count():
    assert requests(OF_RECEIVERS, ["page"]) == {"webhook": Requests(2, 0)}
    assert requests(OF_RECEIVERS, ["page", "judge"]) == {"webhook": Requests(11, 4)}


def test_what_was_sent_meanwhile_is_the_difference():
    before, after = {"email": Requests(3, 1), "webhook": Requests(5, 0)}, {"email": Requests(3, 1)}
    assert since(before, {**after, "webhook": Requests(7, 1), "slack": Requests(1, 0)}) == {
        "webhook": Requests(2, 1),
        "slack": Requests(1, 0),
    }


CONFIGURATION = """\
route:
  receiver: nobody
receivers:
- name: nobody
- name: 'two: words'
  webhook_configs:
  - send_resolved: true
    http_config:
      follow_redirects: true
    url: <secret>
  - send_resolved: true
    url: <secret>
  email_configs:
  - to: a@example.com
    headers:
      Subject: x
  labels:
    name: other
- name: page
  slack_configs:
  - channel: '#page'
templates: []
"""


@pytest.mark.parametrize(
    ("receiver", "kinds"),
    [
        ("nobody", {}),
        ("two: words", {"webhook": 2, "email": 1}),
        ("page", {"slack": 1}),
        ("other", {}),
    ],
)
def test_the_integrations_of_a_receiver_are_read_from_the_configuration(receiver, kinds):
    assert integrations(CONFIGURATION, receiver) == kinds


def test_a_configuration_without_receivers_has_no_integration():
    assert integrations("route: {}\n", "page") == {}


@pytest.mark.parametrize(
    ("dropped", "sent", "errors", "attempts"),
    [
        # Prometheus 3.9 counts all attempts as sent, 3.10 only those that arrived.
        ("prometheus_notifications_dropped_total 0", 4, 4, 4),
        (f'prometheus_notifications_dropped_total{{alertmanager="{AT}/api/v2/alerts"}} 0', 4, 4, 8),
        (f'prometheus_notifications_dropped_total{{alertmanager="{AT}/api/v2/alerts"}} 4', 0, 4, 4),
    ],
)
def test_all_alerts_count_whatever_prometheus_counts_as_sent(dropped, sent, errors, attempts):
    label = f'{{alertmanager="{AT}/api/v2/alerts"}}'
    metrics = (
        f"{dropped}\nprometheus_notifications_errors_total{label} {errors}\n"
        f"prometheus_notifications_sent_total{label} {sent}\n"
    )
    assert collect_alerts.sent_alerts(metrics) == [alerts.Sent(AT, attempts, errors)]
