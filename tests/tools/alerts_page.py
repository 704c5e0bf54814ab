"""Writes the sections of docs/alerts.md from the files of the alerts.

`python tests/tools/alerts_page.py` writes them; a unit test asks `page()` whether they are current.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.conftest import link_collection

link_collection()

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.alert_rules import threshold_of

PAGE = ROOT / "docs" / "alerts.md"
FILES = ROOT / "roles" / "prometheus" / "files" / "alerts"
SUBJECTS = {
    "gpu": "GPUs",
    "containers": "Containers and model servers",
    "machines": "Hosts",
    "monitoring": "The monitoring itself",
}
BEGIN, END = "<!-- made by tests/tools/alerts_page.py: begin -->", "<!-- end -->"


def rules(subject: str, kind: str) -> list[dict[str, Any]]:
    """The rules of a file in their order, of the kind `alert` or `record`."""
    groups = yaml.safe_load((FILES / f"{subject}.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def _plain(text: str) -> str:
    """An annotation with the names of labels in the place of Prometheus' templates."""
    text = re.sub(r"{{ with .*?{{ end }}", "", text)
    return re.sub(r"{{ \$(?:labels\.)?(\w+)[^}]*}}", r"`\1`", text)


def section(rule: dict[str, Any]) -> str:
    """The page's text for an alert."""
    waits = f"waits {rule['for']}" if "for" in rule else "does not wait"
    waits += f", fires {rule['keep_firing_for']} longer than its cause" if "keep_firing_for" in rule else ""
    threshold = f", [threshold](#settings) {threshold_of(rule)}" if threshold_of(rule) else ""
    annotations = rule["annotations"]
    summary = f"`{rule['labels']['severity']}`, {waits}{threshold}. {_plain(annotations['summary'])}."
    texts = [textwrap.fill(text, 120, break_on_hyphens=False) for text in (summary, annotations["description"])]
    lines = [f"### {rule['alert']}", "", texts[0], "", texts[1], ""]
    return "\n".join([*lines, "```promql", _expression(rule["expr"]), "```"])


def row(rule: dict[str, Any]) -> str:
    """An alert in the table, with the unit that the end of its description says."""
    unit = re.search(r"The threshold is (?:in |the )?((?:[^.]|\.(?!\s|$))+)", rule["annotations"]["description"])
    threshold = f"{threshold_of(rule)} ({unit[1]})" if unit and threshold_of(rule) else threshold_of(rule)
    name = f"[{rule['alert']}](#{rule['alert'].lower()})"
    meaning = _plain(rule["annotations"]["summary"]).replace("|", "\\|")
    return f"| {name} | `{rule['labels']['severity']}` | {meaning} | {rule.get('for', '')} | {threshold} |"


def table() -> str:
    """All alerts."""
    rows = [row(rule) for subject in SUBJECTS for rule in rules(subject, "alert")]
    return "\n".join(["| Alert | Severity | Meaning | Waits | Threshold |", "| --- | --- | --- | --- | --- |", *rows])


def recorded(rule: dict[str, Any]) -> str:
    """The page's text for a series that alerts read."""
    return "\n".join([f"`{rule['record']}`:", "", "```promql", _expression(rule["expr"]), "```"])


def _expression(expr: str) -> str:
    return re.sub(r"(?m) # (threshold|reboot_grace)$", "", expr).rstrip()


def sections() -> str:
    """The generated part of the page."""
    parts = [
        text for subject, title in SUBJECTS.items() for text in (f"## {title}", *map(section, rules(subject, "alert")))
    ]
    series = [text for subject in SUBJECTS for text in map(recorded, rules(subject, "record"))]
    head = ["## Recorded series", "Recording rules make these series, which the expressions above read."]
    return "\n\n".join(["## All alerts", table(), *parts, *head, *series])


def page() -> str:
    """The page with its sections as the files are now."""
    before, _begin, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}\n\n{sections()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page())
