# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What the panels of a dashboard ask, as Grafana would ask it when somebody opens the dashboard. Pure."""

import re
from typing import NamedTuple, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import datasource_types
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.contents import objects, variables_in
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import (
    datasources,
    filters,
    layout,
    time_range,
    variables,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.interpolation import (
    PROMETHEUS,
    TEXT,
    Value,
    Values,
    fill,
)

# Panels that ask nothing, whatever targets their model has (skipDataQuery of the plugins).
_WITHOUT_QUERIES = (
    *("alertGroups", "alertlist", "annolist", "dashlist", "gettingstarted", "news", "pluginlist", "text", "welcome"),
)


class Query(NamedTuple):
    """One query of a panel, its variables filled in.

    - number: the panel's place, since titles may be the same.
    - datasource: the uid. If `problem` names a missing datasource, its name.
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


class Asked(NamedTuple):
    """The queries, and the titles of panels that cannot be judged: they need other datasources than Prometheus."""

    queries: list[Query]
    unchecked: list[str]


def asked(dashboard: Json, context: variables.Context, library_panel: layout.ReadLibraryPanel) -> Asked:
    """The Prometheus queries of all panels with the values that Grafana chooses at first."""
    resolved = variables.resolve(dashboard, context)
    queries: list[Query] = []
    unchecked: list[str] = []
    for number, placed in enumerate(layout.panels(dashboard, library_panel)):
        values = {**resolved.values, **_repeated(placed.repeats, resolved.values, context.hosts)}
        title = fill(str(placed.panel.get("title") or f"panel {placed.panel.get('id')}"), values, TEXT)
        query = Query(number, title, "", "", "", placed.problem)
        if placed.problem:
            queries.append(query)
            continue
        of_panel = _of_panel(query, placed.panel, dashboard, variables.Resolved(values, resolved.unknown), context)
        if of_panel is None:
            unchecked.append(title)
        queries += of_panel or []
    return Asked(queries, unchecked)


def is_optional(uid: str, query: Query, patterns: list[str]) -> bool:
    """Whether one of the regular expressions is found in `uid/panel` or in the query."""
    in_query = any(re.search(pattern, query.written) for pattern in patterns)
    return in_query or is_optional_title(uid, query.panel, patterns)


def is_optional_title(uid: str, title: str, patterns: list[str]) -> bool:
    """Whether one of the regular expressions is found in `uid/title`."""
    return any(re.search(pattern, f"{uid}/{title}") for pattern in patterns)


def _of_panel(
    query: Query, panel: Json, dashboard: Json, resolved: variables.Resolved, context: variables.Context
) -> Optional[list[Query]]:
    """The queries of one panel, made of `query`; None if another datasource or its variables decide."""
    (values, unknown), known = resolved, context.datasources
    if panel.get("type") in _WITHOUT_QUERIES:
        return []
    given = objects(panel.get("targets"))
    references = [datasources.resolve(datasources.of_target(panel, target), values, known) for target in given]
    targets = [(target, reference) for target, reference in zip(given, references) if not reference.is_expression]
    # Hidden queries are asked for the expressions that use them.
    if not any(reference.is_expression and not target.get("hide") for target, reference in zip(given, references)):
        targets = [(target, reference) for target, reference in targets if not target.get("hide")]
    if any(reference.is_built_in for _target, reference in targets):
        return []
    times = time_range.time_range(dashboard, panel)
    queries: list[Query] = []
    for target, (source, name) in targets:
        if source and source.get("type") not in datasource_types.PROMETHEUS:
            return None
        if not target.get("expr"):
            continue
        written = str(target["expr"])
        if variables_in(f"{written} {name}") & unknown:
            return None
        interval = str(((source or {}).get("jsonData") or {}).get("timeInterval") or time_range.DEFAULT_INTERVAL)
        own = time_range.built_in(times.span, panel, target, interval, values)
        expression = fill(written, {**values, **time_range.bounds(times, context.now), **own}, PROMETHEUS)
        if source:
            expression = filters.added(expression, filters.matchers(dashboard, source, values, known))
        problem = "" if source else f"its datasource {name} is not in Grafana"
        queries.append(Query(query.number, query.panel, name, expression, written, problem, times.start, times.end))
    return queries


def _repeated(repeats: list[str], values: Values, hosts: list[str]) -> Values:
    """One value for each variable that a panel is repeated for: a host that can be drawn, else the first value."""
    one_of: Values = {}
    for name in repeats:
        chosen = values[name].chosen if name in values else ""
        if isinstance(chosen, list) and chosen:
            value = next((element for element in chosen if element in hosts), chosen[0])
            one_of[name] = Value(value, value, many=True)
    return one_of
