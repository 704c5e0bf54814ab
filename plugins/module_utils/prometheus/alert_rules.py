# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Alerting rules with the thresholds and durations of a site. Pure."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.duration import seconds

SEVERITIES = ("page", "warn", "info")
# A number of an expression that a site can set is the last of its line, before a comment with its name.
_MARKED = re.compile(r"(?m)(?P<number>[0-9.]+)(?P<closing>\)*) # (?P<name>threshold|reboot_grace)$")
# How the files give an alert the grace for restarts as duration: a comment that the reader of YAML drops.
_GRACE = re.compile(r"(?m)^(?P<key> +for: )\S+ # reboot_grace$")


def with_grace(text: str, grace: str) -> str:
    """A file of rules in which alerts that wait for a restart wait for `grace`."""
    return _GRACE.sub(lambda match: f"{match['key']}{grace}", text)


def threshold_of(rule: Mapping[str, Any]) -> str:
    """The threshold of an alert as its file has it; empty if a site cannot set one."""
    return next((match["number"] for match in _MARKED.finditer(rule["expr"]) if match["name"] == "threshold"), "")


def filled(
    groups: Sequence[Mapping[str, Any]],
    disabled: Collection[str],
    settings: Mapping[str, Mapping[str, Any]],
    grace: str,
    annotations: Mapping[str, str],
) -> list[dict[str, Any]]:
    """The groups without the disabled alerts, and with a site's settings and annotations.

    A setting has the keys `threshold`, `for` and `severity`, or some of them.
    """
    return [
        {
            **group,
            "rules": [
                _rule(rule, settings, grace, annotations)
                for rule in group["rules"]
                if rule.get("alert") not in disabled
            ],
        }
        for group in groups
    ]


def _rule(
    rule: Mapping[str, Any], settings: Mapping[str, Mapping[str, Any]], grace: str, annotations: Mapping[str, str]
) -> dict[str, Any]:
    setting = settings.get(rule.get("alert", ""), {})
    values = {
        "reboot_grace": f"{seconds(grace):g}",
        **({"threshold": str(setting["threshold"])} if "threshold" in setting else {}),
    }
    filled_rule = {**rule, "expr": _MARKED.sub(lambda match: _number(match, values), rule["expr"]).strip()}
    if "alert" in rule:
        if "for" in setting:
            filled_rule["for"] = str(setting["for"])
        if "severity" in setting:
            filled_rule["labels"] = {**rule["labels"], "severity": str(setting["severity"])}
        filled_rule["annotations"] = {**rule["annotations"], **annotations}
    return filled_rule


def _number(match: re.Match[str], values: Mapping[str, str]) -> str:
    return f"{values.get(match['name'], match['number'])}{match['closing']}"
