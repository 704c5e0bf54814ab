# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What the panels of a dashboard ask, as Grafana would ask it when somebody opens the dashboard. Pure."""

import re
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.duration import seconds
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Datasource, Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.contents import every_panel

_REFERENCE = re.compile(r"\$\{(?P<braces>\w+)(?:\.\w+)?(?::[^}]*)?\}|\$(?P<plain>\w+)|\[\[(?P<old>\w+)(?::[^\]]*)?\]\]")
_LABEL_VALUES = re.compile(r"label_values\(\s*(?:(?P<selector>.+?)\s*,\s*)?(?P<label>\w+)\s*\)")
_ALL = ".*"
_DEFAULT_INTERVAL = "15s"
_DEFAULT_RANGE = "1h"


class Query(NamedTuple):
    """One query of a panel, its variables filled in; `problem` says why it cannot be asked. Titles may be the same, `number` is the panel's place."""

    number: int
    panel: str
    datasource: str
    expression: str
    written: str
    problem: str


# The first value that a label has in Prometheus: label and series selector, which may be empty.
FirstValue = Callable[[str, str], str]


def queries(dashboard: Json, datasources: list[Datasource], first_value: FirstValue) -> list[Query]:
    """The Prometheus queries of all panels, those in collapsed rows included, with the values that Grafana chooses at first.

    `datasources` is Grafana's list. A variable with "All" is everything (`.*`); another one is what the dashboard was saved with, else the first value.
    """
    values = _variables(dashboard, datasources, first_value)
    asked: list[Query] = []
    for number, panel in enumerate(every_panel(dashboard)):
        for target in panel.get("targets") or []:
            if not target.get("expr") or target.get("hide"):
                continue
            source, name = _datasource(target.get("datasource") or panel.get("datasource"), values, datasources)
            if source is not None and source.get("type") != "prometheus":
                continue
            title = fill(str(panel.get("title") or f"panel {panel.get('id')}"), values)
            problem = "" if source else f"its datasource {name} is not in Grafana"
            expression = fill(target["expr"], {**values, **_built_in(dashboard, source)})
            asked.append(Query(number, title, name, expression, target["expr"], problem))
    return asked


def fill(text: str, values: dict[str, str]) -> str:
    """The text with `$name`, `${name}`, `${name:format}` and `[[name]]` replaced where there is a value."""

    def value(match: re.Match[str]) -> str:
        name = match["braces"] or match["plain"] or match["old"]
        return values.get(name, match[0])

    return _REFERENCE.sub(value, text)


def is_optional(uid: str, query: Query, patterns: list[str]) -> bool:
    """Whether one of the regular expressions is found in `uid/panel` or in the query."""
    return any(re.search(pattern, f"{uid}/{query.panel}") or re.search(pattern, query.written) for pattern in patterns)


def _variables(dashboard: Json, datasources: list[Datasource], first_value: FirstValue) -> dict[str, str]:
    values: dict[str, str] = {}
    for variable in (dashboard.get("templating") or {}).get("list") or []:
        values[variable["name"]] = _value(variable, values, datasources, first_value)
    return values


def _value(variable: Json, values: dict[str, str], datasources: list[Datasource], first_value: FirstValue) -> str:
    current = (variable.get("current") or {}).get("value")
    chosen = [str(value) for value in (current if isinstance(current, list) else [current]) if value not in (None, "")]
    if "$__all" in chosen or (not chosen and variable.get("includeAll")):
        return variable.get("allValue") or _ALL
    if chosen:
        return chosen[0] if len(chosen) == 1 else f"({'|'.join(chosen)})"
    query = variable.get("query")
    text = fill(str(query.get("query", "") if isinstance(query, dict) else query or ""), values)
    kind = variable.get("type")
    if kind == "datasource":
        of_kind = [datasource for datasource in datasources if datasource.get("type") == text]
        of_kind.sort(key=lambda datasource: not datasource.get("isDefault"))
        return of_kind[0]["uid"] if of_kind else ""
    if kind == "query":
        match = _LABEL_VALUES.fullmatch(text)
        return (first_value(match["label"], match["selector"] or "") if match else "") or _ALL
    return re.split(r"(?<!\\),", text)[0].replace("\\,", ",").strip() if kind in ("custom", "interval") else text


def _datasource(
    given: Any, values: dict[str, str], datasources: list[Datasource]
) -> tuple[Optional[Datasource], str]:
    """The datasource that a panel means, None where Grafana has none such, and its uid or the name that it was called by."""
    name = fill(str(given.get("uid") or "" if isinstance(given, dict) else given or ""), values)
    if name in ("", "default"):
        meant = [datasource for datasource in datasources if datasource.get("isDefault")]
    else:
        meant = [datasource for datasource in datasources if name in (datasource.get("uid"), datasource.get("name"))]
    return (meant[0], meant[0]["uid"]) if meant else (None, name or "default")


def _built_in(dashboard: Json, source: Optional[Datasource]) -> dict[str, str]:
    """Grafana's own variables; its rate interval is four times the datasource's interval."""
    interval = ((source or {}).get("jsonData") or {}).get("timeInterval") or _DEFAULT_INTERVAL
    span = str((dashboard.get("time") or {}).get("from") or "").removeprefix("now-")
    try:
        step, length = seconds(interval), seconds(span)
    except ValueError:
        interval, step, span, length = _DEFAULT_INTERVAL, seconds(_DEFAULT_INTERVAL), _DEFAULT_RANGE, seconds(_DEFAULT_RANGE)
    return {
        "__interval": interval,
        "__interval_ms": f"{step * 1000:.0f}",
        "__rate_interval": f"{step * 4000:.0f}ms",
        "__range": span,
        "__range_s": f"{length:.0f}",
        "__range_ms": f"{length * 1000:.0f}",
    }
