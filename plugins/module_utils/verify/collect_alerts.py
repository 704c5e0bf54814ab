# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Collects what Prometheus and Alertmanager report about alerts. `alerts` decides what is a fault."""

import re
import socket
import time
import uuid
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager import notifications
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager.client import Client as Alertmanager
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager.client import moment
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager.matchers import Matcher
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.client import Client as Prometheus
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.errors import PrometheusError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.alerts import (
    WATCHDOG,
    Group,
    Rule,
    Seen,
    Sent,
    Trial,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.cluster import Cluster, split

_SENT = re.compile(r'^prometheus_notifications_(sent|errors)_total\{alertmanager="([^"]*)"\} (\S+)$', re.MULTILINE)
# Prometheus counts alerts for each Alertmanager from 3.10 on. Since then, `sent` has only those that arrived
# (https://github.com/prometheus/prometheus/pull/16355).
_SUCCESSES_ALONE = re.compile(r'^prometheus_notifications_dropped_total\{alertmanager="', re.MULTILINE)
_LOADED = re.compile(r"^prometheus_config_last_reload_success_timestamp_seconds (\S+)$", re.MULTILINE)
# How Go writes the time of what never happened.
_NEVER = "0001-01-01"
_PAUSE_SECONDS = 0.5
_TEST_ALERT = "VerifyTestAlert"


def look(prometheus: Prometheus, alertmanager: Optional[Alertmanager], now: float) -> Seen:
    """The rules of Prometheus, and whether its alerts arrive. `now` is the time of Prometheus."""
    metrics = prometheus.text("/metrics")
    loaded = _LOADED.search(metrics)
    since_loaded = now - float(loaded[1]) if loaded else 0.0
    groups = [_group(group, now, since_loaded) for group in prometheus.get("rules")["groups"]]
    active = [_shown(entry["url"]) for entry in prometheus.get("alertmanagers")["activeAlertmanagers"]]
    error, arrived, age, cluster = "", None, 0.0, None
    if alertmanager:
        try:
            arrived = bool(alertmanager.alerts(Matcher("alertname", WATCHDOG)))
            status = alertmanager.status()
            age, cluster = status.seconds_since_start, Cluster(status.cluster, status.peers)
        except PrometheusError as problem:
            error = str(problem)
    return Seen(groups, active, sent_alerts(metrics), error, arrived, age, cluster)


def closed(address: str, timeout: float) -> str:
    """Why an address with a port takes no connection, empty if it takes one."""
    host, port = split(address)
    try:
        socket.create_connection((host, int(port)), timeout).close()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def try_alert(alertmanager: Alertmanager, name: str, severity: str, wait: float) -> Trial:
    """Send a test alert and look what Alertmanager sends, for `wait` seconds at most.

    The alert has a host of its own, as Alertmanager sends a new group of alerts soonest.
    """
    labels = {"alertname": _TEST_ALERT, "severity": severity, "host": f"test-of-{name}-{uuid.uuid4().hex[:8]}"}
    summary = f"Test of the way of alerts from {name}. Nothing is wrong"
    annotations = {"summary": summary, "description": "The playbook verify sent this with verify_test_alert."}
    metrics = alertmanager.metrics()
    begin, starts_at = time.monotonic(), _in_seconds(0)
    # Alertmanager resolves it by itself if this run ends before it does.
    alertmanager.send_alert(labels, annotations, starts_at, _in_seconds(wait + 300))
    try:
        while True:
            trial = _trial(alertmanager, labels, metrics, time.monotonic() - begin)
            if trial.is_over or trial.seconds >= wait:
                return trial
            time.sleep(_PAUSE_SECONDS)
    finally:
        alertmanager.send_alert(labels, annotations, starts_at, _in_seconds(0))


def _trial(alertmanager: Alertmanager, labels: dict[str, str], metrics: str, seconds: float) -> Trial:
    received = alertmanager.alerts(*(Matcher(name, labels[name]) for name in ("alertname", "host")))
    receivers = [receiver for alert in received for receiver in alert.receivers]
    configuration = alertmanager.status().configuration if receivers else ""
    integrations: dict[str, int] = {}
    for receiver in receivers:
        for kind, count in notifications.integrations(configuration, receiver).items():
            integrations[kind] = integrations.get(kind, 0) + count
    before = notifications.requests(metrics, receivers)
    after = notifications.requests(alertmanager.metrics(), receivers)
    silences = [f"the silence {silence}" for alert in received for silence in alert.silenced_by]
    others = ["an alert that inhibits it" for alert in received if alert.inhibited_by]
    return Trial(seconds, receivers, integrations, notifications.since(before, after), silences + others)


def _in_seconds(seconds: float) -> datetime:
    return datetime.fromtimestamp(time.time() + seconds, timezone.utc)


def _group(given: Any, now: float, since_loaded: float) -> Group:
    last = given["lastEvaluation"]
    age = since_loaded if last.startswith(_NEVER) else now - moment(last).timestamp()
    return Group(given["name"], float(given["interval"]), age, [_rule(rule, now) for rule in given["rules"]])


def _rule(given: Any, now: float) -> Rule:
    active = [now - moment(alert["activeAt"]).timestamp() for alert in given.get("alerts") or []]
    state = given.get("state") or ""
    return Rule(given["name"], given["health"], given.get("lastError") or "", state, max(active, default=0.0))


def sent_alerts(metrics: str) -> list[Sent]:
    """What Prometheus sent to each Alertmanager, from its own metrics."""
    counts: dict[str, dict[str, int]] = {}
    for kind, url, value in _SENT.findall(metrics):
        counts.setdefault(url, {})[kind] = int(float(value))
    successes_alone = bool(_SUCCESSES_ALONE.search(metrics))
    sent = []
    for url, count in counts.items():
        failed, attempts = count.get("errors", 0), count.get("sent", 0)
        if successes_alone:
            attempts += failed
        sent.append(Sent(_shown(url), attempts, failed))
    return sent


def _shown(url: str) -> str:
    return url.replace("/api/v2/alerts", "")
