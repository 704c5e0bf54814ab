# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What the panels of a dashboard ask, as Grafana would ask it when somebody opens the dashboard. Pure."""

import re
from typing import NamedTuple

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.contents import objects
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import (
    datasources,
    filters,
    layout,
    time_range,
    variables,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.options import PROMETHEUS_TYPES
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.interpolation import (
    PROMETHEUS,
    TEXT,
    Value,
    Values,
    fill,
    names,
)

# Panels that ask nothing, whatever targets their model has (skipDataQuery of the plugins).
_WITHOUT_QUERIES = ("alertlist", "annolist", "dashlist", "gettingstarted", "news", "pluginlist", "text", "welcome")


class Query(NamedTuple):
    """One query of a panel, its variables filled in.

    - number: the panel's place, since titles may be the same.
    - datasource: the uid, or the name where `problem` says that there is none.
    - written: the query as the model has it.
    - problem: why it cannot be asked.
    - start, end: the time range, as /api/ds/query takes it.
    """

    number: int
    panel: str
    datasource: str
    expression: str
    written: str
    problem: str
    start: str = "now-300s"
    end: str = "now"


def queries(dashboard: Json, context: variables.Context, library_panel: layout.LibraryPanel) -> list[Query]:
    """The Prometheus queries of all panels with the values that Grafana chooses at first.

    Left out are panels that show other data as well, and queries with a variable whose value is not known.
    """
    resolved = variables.resolve(dashboard, context)
    asked: list[Query] = []
    for number, placed in enumerate(layout.panels(dashboard, library_panel)):
        values = {**resolved.values, **_repeated(placed.repeats, resolved.values, context.hosts)}
        title = fill(str(placed.panel.get("title") or f"panel {placed.panel.get('id')}"), values, TEXT)
        if placed.problem:
            asked.append(Query(number, title, "", "", "", placed.problem))
        else:
            asked += _of_panel(
                number, title, placed.panel, dashboard, variables.Resolved(values, resolved.unknown), context
            )
    return asked


def is_optional(uid: str, query: Query, patterns: list[str]) -> bool:
    """Whether one of the regular expressions is found in `uid/panel` or in the query."""
    return any(re.search(pattern, f"{uid}/{query.panel}") or re.search(pattern, query.written) for pattern in patterns)


def _of_panel(
    number: int, title: str, panel: Json, dashboard: Json, resolved: variables.Resolved, context: variables.Context
) -> list[Query]:
    (values, unknown), known = resolved, context.datasources
    listed = objects(panel.get("targets"))
    if panel.get("type") in _WITHOUT_QUERIES:
        return []
    references = [
        (target, datasources.resolve(datasources.of_target(panel, target), values, known)) for target in listed
    ]
    computes = any(reference.is_expression and not target.get("hide") for target, reference in references)
    drawn_range = time_range.time_range(dashboard, panel)
    asked: list[Query] = []
    for target, reference in references:
        # Hidden queries are asked for the expressions that use them.
        if reference.is_expression or (target.get("hide") and not computes):
            continue
        source = reference.datasource
        if reference.is_built_in or (source and source.get("type") not in PROMETHEUS_TYPES):
            return []
        if not target.get("expr"):
            continue
        written = str(target["expr"])
        if names(f"{written} {reference.name}") & unknown:
            return []
        problem = "" if source else f"its datasource {reference.name} is not in Grafana"
        interval = str(
            ((source.get("jsonData") if source else None) or {}).get("timeInterval") or time_range.DEFAULT_INTERVAL
        )
        own = time_range.built_in(drawn_range.span, panel, target, interval, values)
        expression = fill(written, {**values, **time_range.bounds(drawn_range, context.now), **own}, PROMETHEUS)
        if source:
            expression = filters.added(expression, filters.matchers(dashboard, source, values, known))
        asked.append(
            Query(number, title, reference.name, expression, written, problem, drawn_range.start, drawn_range.end)
        )
    return asked


def _repeated(repeats: list[str], values: Values, hosts: list[str]) -> Values:
    """One value for each variable that a panel is repeated for: a host that can be drawn, else the first value."""
    one_of: Values = {}
    for name in repeats:
        chosen = values[name].chosen if name in values else ""
        if isinstance(chosen, list) and chosen:
            value = next((element for element in chosen if element in hosts), chosen[0])
            one_of[name] = Value(value, value, many=True)
    return one_of
