# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Faults between the rules of Prometheus and the receivers of their alerts. Pure."""

from typing import NamedTuple, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager.notifications import Requests
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.cluster import Cluster
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.faults import (
    ALERTS,
    SITE,
    Problem,
    listed,
    one_line,
)

# An alert that always fires.
WATCHDOG = "Watchdog"
# How many intervals a group of rules may be late, and what an evaluation and a look may take beyond that.
_LATE_INTERVALS = 3
_SLACK_SECONDS = 10
# After its start Prometheus may send alerts before it knows Alertmanager, and Alertmanager forgets alerts when it
# restarts. Prometheus sends them again after a minute (--rules.alert.resend-delay).
_RESENT_SECONDS = 60


class Rule(NamedTuple):
    """A rule of Prometheus.

    - health: ok, err or unknown.
    - state: that of an alert, empty for a recording rule.
    - active_seconds: since when an alert of the rule is active, 0 if none is.
    """

    name: str
    health: str
    error: str
    state: str
    active_seconds: float


class Group(NamedTuple):
    """A group of rules.

    - interval: seconds between evaluations.
    - age: seconds since the last evaluation, or since the group was loaded before its first evaluation.

    Prometheus spreads the first evaluations of groups over their intervals.
    """

    name: str
    interval: float
    age: float
    rules: list[Rule]


class Sent(NamedTuple):
    """How many alerts Prometheus sent to an Alertmanager since it started, and how many of these failed."""

    url: str
    alerts: int
    failed: int


class Wanted(NamedTuple):
    """What there should be.

    - alerts: names of alerts. has_alertmanager: whether Prometheus has one.
    - stopped: a clause that says that the container of Alertmanager does not run, empty if it runs.
    """

    alerts: list[str]
    has_alertmanager: bool
    stopped: str = ""


class Seen(NamedTuple):
    """What there is.

    - alertmanagers: addresses of those to which Prometheus sends.
    - error: why Alertmanager cannot be asked, empty if it can or need not.
    - arrived: whether Alertmanager has the alert Watchdog. None if it was not asked.
    - alertmanager_age: seconds since Alertmanager started, 0 if it was not asked.
    - cluster: its cluster. None if it was not asked.
    """

    groups: list[Group]
    alertmanagers: list[str]
    sent: list[Sent]
    error: str
    arrived: Optional[bool]
    alertmanager_age: float
    cluster: Optional[Cluster] = None


class Trial(NamedTuple):
    """What became of a test alert.

    - receivers: who should get it. integrations: how many of each kind these have, by kind.
    - requests: what Alertmanager sent meanwhile, by kind.
    - suppressed_by: the silences and alerts that suppress it.
    """

    seconds: float
    receivers: list[str]
    integrations: dict[str, int]
    requests: dict[str, Requests]
    suppressed_by: list[str]

    @property
    def missing(self) -> list[str]:
        """The integrations that did not take the alert."""
        return [kind for kind, count in self.integrations.items() if self._taken(kind) < count]

    @property
    def failed(self) -> list[str]:
        """The missing integrations of which a request failed. Alertmanager sends again after some failures."""
        return [kind for kind in self.missing if kind in self.requests and self.requests[kind].failed]

    @property
    def is_over(self) -> bool:
        """Whether waiting on would change nothing."""
        return bool(self.receivers) and (bool(self.suppressed_by) or not self.missing)

    def _taken(self, kind: str) -> int:
        requests = self.requests.get(kind, Requests(0, 0))
        return requests.made - requests.failed


def problems(wanted: Wanted, seen: Seen) -> list[Problem]:
    """The faults, from the rules to Alertmanager."""
    told = [*_rules(wanted, seen), *_evaluation(seen)]
    if wanted.has_alertmanager:
        told += _way(wanted, seen)
    return [Problem(ALERTS, "", message) for message in told]


def _rules(wanted: Wanted, seen: Seen) -> list[str]:
    rules = [rule for group in seen.groups for rule in group.rules]
    missing = sorted({*wanted.alerts} - {rule.name for rule in rules if rule.state})
    told = [f"Prometheus has no rule for {_named('alert', missing)}. {SITE}"] if missing else []
    failing: dict[str, list[str]] = {}
    for rule in rules:
        if rule.health == "err":
            failing.setdefault(one_line(rule.error).rstrip("."), []).append(rule.name)
    for error, names in failing.items():
        told.append(f"Prometheus cannot evaluate {_named('rule', sorted(set(names)))}: {error}.")
    return told


def _evaluation(seen: Seen) -> list[str]:
    return [
        f"Prometheus has not evaluated the rules of the group {group.name} for {group.age:.0f} s,"
        f" which are due every {group.interval:g} s."
        for group in seen.groups
        if group.age > _LATE_INTERVALS * group.interval + _SLACK_SECONDS
    ]


def _way(wanted: Wanted, seen: Seen) -> list[str]:
    """From Prometheus to Alertmanager. One fault hides those that follow from it."""
    if not seen.alertmanagers:
        return [f"Prometheus has no Alertmanager, so nobody is notified of alerts. {SITE}"]
    if seen.error:
        return [f"Alertmanager cannot be asked: {seen.error}{wanted.stopped}"]
    # Prometheus keeps the counts of an Alertmanager that its configuration no longer has.
    active = [sent for sent in seen.sent if sent.url in seen.alertmanagers]
    lost = [sent for sent in active if sent.failed and sent.failed >= sent.alerts]
    if lost:
        return [
            f"Prometheus cannot send alerts to {sent.url}: each of {sent.alerts} failed. See the log of Prometheus."
            for sent in lost
        ]
    if seen.arrived is False and _is_due(seen):
        doubt = f"The alert {WATCHDOG}, which always fires, does not arrive at Alertmanager"
        return [f"{doubt} at {listed(seen.alertmanagers)}. See the log of Prometheus."]
    return []


def _is_due(seen: Seen) -> bool:
    """Whether Prometheus had the time to send the alert that always fires."""
    enough = _RESENT_SECONDS + _SLACK_SECONDS
    if seen.alertmanager_age <= enough:
        return False
    rules = [rule for group in seen.groups for rule in group.rules]
    return any(rule.name == WATCHDOG and rule.state == "firing" and rule.active_seconds > enough for rule in rules)


def trial_problems(trial: Trial) -> list[Problem]:
    """Why the test alert did not arrive."""
    message = _trial_fault(trial)
    return [Problem(ALERTS, "", f"The test alert did not arrive: {message}")] if message else []


def not_sent(error: str) -> Problem:
    """That the test alert could not be sent, or not followed."""
    return Problem(ALERTS, "", f"The test alert did not arrive, since Alertmanager cannot be asked: {error}")


def trial_note(trial: Trial) -> str:
    """That the test alert arrived."""
    return (
        f"The test alert arrived after {trial.seconds:.0f} s:"
        f" {_named('receiver', trial.receivers)} took it by {listed(list(trial.integrations))}."
    )


def _trial_fault(trial: Trial) -> str:
    if not trial.receivers:
        return f"Alertmanager does not show it after {trial.seconds:.0f} s. See its log."
    if trial.suppressed_by:
        return f"it is suppressed by {listed(trial.suppressed_by)}. End the silence, or repair what fires."
    receivers = _named("receiver", trial.receivers)
    if not trial.integrations:
        return f"{receivers} has no integration. Add a receiver to alertmanager_receivers and a route to it."
    if trial.failed:
        return f"{receivers} failed by {listed(trial.failed)}. The log of Alertmanager has the reason."
    if trial.missing:
        late = f"{receivers} sent nothing by {listed(trial.missing)} within {trial.seconds:.0f} s"
        return (
            f"{late}. Raise verify_test_alert_wait beyond the group_wait of the route, or see the log of Alertmanager."
        )
    return ""


def _named(noun: str, names: list[str]) -> str:
    return f"the {noun}{'' if len(names) == 1 else 's'} {listed(names)}"
