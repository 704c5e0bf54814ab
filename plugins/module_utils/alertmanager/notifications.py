# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The receivers of Alertmanager and what it sent, read from its configuration and metrics. Pure."""

import re
from collections import Counter
from typing import NamedTuple

_SAMPLE = re.compile(
    r"^alertmanager_notification_requests(?P<failed>_failed)?_total\{(?P<labels>[^}]*)\} (?P<value>\S+)$", re.MULTILINE
)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Requests(NamedTuple):
    """How many requests to the service of an integration were made, and how many of these failed."""

    made: int
    failed: int


def requests(metrics: str, receivers: list[str]) -> dict[str, Requests]:
    """The requests of each integration, such as webhook, of these receivers if the metrics have receivers.

    An Alertmanager has them with --enable-feature=receiver-name-in-metrics.
    """
    made: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for sample in _SAMPLE.finditer(metrics):
        labels = dict(_LABEL.findall(sample["labels"]))
        if labels.get("receiver_name", "") in ("", *receivers):
            counted = failed if sample["failed"] else made
            counted[labels.get("integration", "")] += int(float(sample["value"]))
    return {integration: Requests(count, failed[integration]) for integration, count in made.items()}


def since(before: dict[str, Requests], after: dict[str, Requests]) -> dict[str, Requests]:
    """The requests between two looks, without integrations that made none."""
    grown = {
        integration: Requests(
            now.made - before.get(integration, Requests(0, 0)).made,
            now.failed - before.get(integration, Requests(0, 0)).failed,
        )
        for integration, now in after.items()
    }
    return {integration: count for integration, count in grown.items() if count.made}


def integrations(configuration: str, receiver: str) -> dict[str, int]:
    """How many of each integration a receiver has, by the configuration as Alertmanager writes it out."""
    section = re.search(r"^receivers:\n((?:[-\s].*\n)*)", configuration, re.MULTILINE)
    for entry in re.split(r"^- ", section[1], flags=re.MULTILINE)[1:] if section else []:
        name = re.search(r"^(?:  )?name: (.*)$", entry, re.MULTILINE)
        if name and name[1].strip("\"'") == receiver:
            kinds = re.findall(r"^  (\w+)_configs:\n((?:  [-\s].*\n?)*)", entry, re.MULTILINE)
            return {kind: len(re.findall(r"^  - ", configs, re.MULTILINE)) for kind, configs in kinds}
    return {}
