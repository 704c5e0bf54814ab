"""The role's dashboards as Grafana gets them, and their queries as Grafana sends them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import dashboard, desired, options
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.declared import Dashboard, Declared

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "roles" / "grafana" / "files" / "dashboards").glob("*.yml"))
SCRAPE_INTERVAL = 5
MOST_POINTS = 300


@dataclass(frozen=True)
class Query:
    """One query of a panel, with its variables still in it.

    `panel` is the number that its dashboard knows it by, and `no_value` what it shows if it has no data.
    """

    dashboard: str
    panel: int
    title: str
    legend: str
    expr: str
    instant: bool
    no_value: str


def item(path: Path) -> Dashboard:
    """A dashboard of the role as the module takes it; AssertionError if the module would refuse it."""
    wanted = {"dashboards": {"type": "list", "elements": "dict", "options": options.DASHBOARD}}
    checked = ArgumentSpecValidator(wanted).validate({"dashboards": [yaml.safe_load(path.read_text())]})
    assert not checked.error_messages, checked.error_messages
    declared = Declared(**checked.validated_parameters)
    desired.complete(declared)
    return declared.dashboards[0]


def model(path: Path) -> dict[str, Any]:
    """A dashboard of the role in Grafana's JSON."""
    return dashboard.model(item(path))


def of(path: Path) -> Iterator[Query]:
    """Every query of a dashboard of the role."""
    made = model(path)
    for panel in made["panels"]:
        no_value = panel.get("fieldConfig", {}).get("defaults", {}).get("noValue", "")
        for target in panel.get("targets", []):
            legend, expr, instant = target["legendFormat"], target["expr"], target["instant"]
            yield Query(made["uid"], panel["id"], panel["title"], legend, expr, instant, no_value)


def all_selected(path: Path, values: Mapping[str, str | Sequence[str]]) -> dict[str, str | Sequence[str]]:
    """What Grafana fills in if "All" is selected: the value of the variable for this, else all its values."""
    own = {variable["name"]: variable["all_value"] for variable in item(path)["variables"] if variable["all_value"]}
    return {**values, **own}


def step(seconds: int) -> int:
    """Seconds between the points of a graph over so many seconds."""
    return max(SCRAPE_INTERVAL, math.ceil(seconds / MOST_POINTS))


def sent(expr: str, chosen: Mapping[str, str | Sequence[str]], seconds: int) -> str:
    """The query with variables filled in as Grafana does: a choice of several is an alternation."""
    interval = step(seconds)
    values = {name: value if isinstance(value, str) else f"({'|'.join(value)})" for name, value in chosen.items()}
    values["__interval"] = f"{interval}s"
    values["__rate_interval"] = f"{max(interval + SCRAPE_INTERVAL, 4 * SCRAPE_INTERVAL)}s"
    values["__range"], values["__range_s"] = f"{seconds}s", str(seconds)
    return re.sub(r"\$(\w+)", lambda reference: values[reference[1]], expr)
