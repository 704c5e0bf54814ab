# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What a site sets for the alerts of the role prometheus. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.alert_rules import (
    SEVERITIES,
    threshold_of,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import durations

# The files of the role, in roles/prometheus/files/alerts.
FILES = ("gpu.yml", "containers.yml", "machines.yml", "monitoring.yml")
_KEYS = ("threshold", "for", "severity")
Problem = tuple[str, str]


def problem_of_disabled(disabled: Sequence[Any], alerts: Mapping[str, Any]) -> Problem | None:
    """Problem and fix of the first name that is not one of the role's alerts."""
    return next((_unknown(str(name), alerts) for name in disabled if name not in alerts), None)


def problem_of_settings(settings: Mapping[str, Any], alerts: Mapping[str, Any]) -> Problem | None:
    """Problem and fix of the first setting that no alert can take."""
    return next(
        (problem for name, setting in settings.items() for problem in _problems(str(name), setting, alerts)), None
    )


def problem_of_rules(groups: Sequence[Any], alerts: Mapping[str, Any], disabled: Sequence[Any]) -> Problem | None:
    """Problem and fix of the first alert of a site with a wrong duration, or with the name of another or a disabled
    alert.
    """
    rules = [
        rule
        for group in groups
        if isinstance(group, Mapping)
        for rule in group.get("rules") or []
        if isinstance(rule, Mapping)
    ]
    own = [rule for rule in rules if "alert" in rule]
    for rule, key in ((rule, key) for rule in own for key in ("for", "keep_firing_for") if key in rule):
        problem = durations.problem_of(rule[key], f"{rule['alert']}.{key}")
        if problem:
            return problem
    for name, count in Counter(str(rule["alert"]) for rule in own).items():
        if name in alerts and name not in disabled:
            return (
                f"the alert {name} is one of the role",
                f"Choose another name, or add {name} to prometheus_alerts_disabled",
            )
        if count > 1:
            return f"the alert {name} is declared {count} times", "Give each alert its own name"
    return None


def problem_of_counts(counts: Mapping[str, Any], hosts: Sequence[str]) -> Problem | None:
    """Problem and fix of the first host that is unknown or whose number of GPUs is not a whole number above 0."""
    for host, count in counts.items():
        if host not in hosts:
            return f"{host} is not a host of the group gpu_hosts", "Use the names of the inventory"
        if _is_number_as_text(count):
            return f"the number of GPUs of {host} is the text '{count}'", "Write it without quotation marks"
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            return f"the number of GPUs of {host} is {count!r}", "Write it like {gpu1: 8}"
    return None


def _problems(name: str, setting: Any, alerts: Mapping[str, Any]) -> Iterator[Problem]:
    if name not in alerts:
        yield _unknown(name, alerts)
    elif not isinstance(setting, Mapping):
        yield f"the setting of {name} is not a dictionary", "Write it like {threshold: 90, for: 10m, severity: warn}"
    else:
        for key, value in setting.items():
            problem = _problem_of_value(name, str(key), value, alerts[name])
            if problem:
                yield problem


def _is_number_as_text(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"\d+(\.\d+)?", value))


def _problem_of_value(name: str, key: str, value: Any, alert: Mapping[str, Any]) -> Problem | None:
    if key not in _KEYS:
        return f"{name} has the unknown key {key}", f"Use {', '.join(_KEYS)}"
    if key == "severity" and value not in SEVERITIES:
        return f"the severity of {name} is '{value}'", f"Use one of {', '.join(SEVERITIES)}"
    if key == "threshold" and not threshold_of(alert):
        return f"{name} has no threshold", "Remove the key threshold"
    if key == "threshold" and _is_number_as_text(value):
        return f"the threshold of {name} is the text '{value}'", "Write it without quotation marks"
    if key == "threshold" and (isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0):
        return f"the threshold of {name} is '{value}'", f"Write a number such as {threshold_of(alert)}"
    return durations.problem_of(value, f"the duration of {name}") if key == "for" else None


def _unknown(name: str, alerts: Mapping[str, Any]) -> Problem:
    close = get_close_matches(name, alerts, n=1)
    return f"'{name}' is not an alert of the role", f"Write {close[0]}" if close else "Use a name of docs/alerts.md"
