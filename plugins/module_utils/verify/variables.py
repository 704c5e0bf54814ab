# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The values of a dashboard's variables when somebody opens it (grafana/scenes: variables/variants). Pure."""

from typing import Callable, NamedTuple, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import datasource_types
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Datasource, Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.contents import (
    template_variables,
    variables_in,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import (
    choices,
    datasources,
    label_queries,
    options,
    time_range,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.interpolation import (
    PROMETHEUS,
    Value,
    Values,
    fill,
)

# Up to this schema version Grafana changes `refresh` to "on load" when it opens a dashboard (DashboardMigrator.ts).
_LAST_SCHEMA_WITHOUT_REFRESH = 28
_NEVER = 0


class Context(NamedTuple):
    """What the values depend on.

    - datasources: Grafana's list.
    - prometheus: where the queries of variables of a datasource are asked, at the end of a time range.
    - hosts: the hosts to choose from first.
    - now: seconds since 1970.
    - keeps_saved: whether Grafana takes a variable that is never refreshed as it was saved, as servers up to 11.2 do.
    """

    datasources: list[Datasource]
    prometheus: Callable[[Datasource, time_range.TimeRange], label_queries.Prometheus]
    hosts: list[str] = []
    now: float = 0
    keeps_saved: bool = False


class Resolved(NamedTuple):
    """The values, and the names of variables whose value is not known: those of other datasources than Prometheus."""

    values: Values
    unknown: set[str]


def resolve(dashboard: Json, context: Context) -> Resolved:
    """The values of all variables. A variable may use others, before or after it in the list."""
    waiting = [variable for variable in template_variables(dashboard) if isinstance(variable.get("name"), str)]
    resolved = Resolved({}, set())
    while waiting:
        open_names = {variable["name"] for variable in waiting}
        ready = [variable for variable in waiting if not (_uses(variable) & open_names)] or waiting[:1]
        for variable in ready:
            value = (
                None if _uses(variable) & resolved.unknown else _value(variable, resolved.values, dashboard, context)
            )
            if value is None:
                resolved.unknown.add(variable["name"])
            else:
                resolved.values[variable["name"]] = value
        waiting = [variable for variable in waiting if variable not in ready]
    return resolved


def _uses(variable: Json) -> set[str]:
    """The names that a variable refers to."""
    texts = [_query(variable), variable.get("regex"), _uid(variable), variable.get("allValue")]
    return variables_in(" ".join(str(text) for text in texts if text)) - {variable["name"]}


def _query(variable: Json) -> str:
    query = variable.get("query")
    return str((query.get("query") if isinstance(query, dict) else query) or "")


def _uid(variable: Json) -> str:
    given = variable.get("datasource")
    return str((given.get("uid") if isinstance(given, dict) else given) or "")


def _value(variable: Json, values: Values, dashboard: Json, context: Context) -> Optional[Value]:
    kind, query = variable.get("type"), _query(variable)
    if kind == "query":
        return _of_query(variable, values, dashboard, context)
    if kind == "custom":
        return choices.chosen(variable, options.custom(variable, values), choices.none_preferred, values)
    if kind == "datasource":
        return _of_datasources(variable, values, context)
    if kind == "interval":
        return _of_interval(variable, query, time_range.time_range(dashboard, {}).span)
    saved = choices.as_saved(variable)
    return Value(query, query) if kind == "constant" or (kind == "textbox" and not saved.chosen) else saved


def _of_datasources(variable: Json, values: Values, context: Context) -> Value:
    saved, text = choices.saved_value(variable)
    # Dashboards that scenes do not draw have the option "default" in any case.
    with_default = saved == options.DEFAULT and (context.keeps_saved or text == options.DEFAULT)
    try:
        listed = options.of_datasources(variable, context.datasources, values, with_default)
    except ValueError:
        return choices.as_saved(variable)
    return choices.chosen(variable, listed, choices.none_preferred, values)


def _of_query(variable: Json, values: Values, dashboard: Json, context: Context) -> Optional[Value]:
    schema = dashboard.get("schemaVersion")
    is_newer = isinstance(schema, int) and schema > _LAST_SCHEMA_WITHOUT_REFRESH
    if context.keeps_saved and is_newer and variable.get("refresh", _NEVER) == _NEVER:
        return choices.as_saved(variable)
    source = datasources.resolve(variable.get("datasource"), values, context.datasources).datasource
    if source is None:
        return choices.as_saved(variable)
    if source.get("type") not in datasource_types.PROMETHEUS:
        return None
    interval = (source.get("jsonData") or {}).get("timeInterval") or time_range.DEFAULT_INTERVAL
    times = time_range.time_range(dashboard, {})
    own = {**time_range.bounds(times, context.now), **time_range.built_in(times.span, {}, {}, interval, values)}
    asked = fill(_query(variable), {**values, **own}, PROMETHEUS)
    answers = label_queries.answers(asked, context.prometheus(source, times)) if asked else []
    if answers is None:
        # Grafana shows the error, and the value stays as it was.
        return choices.as_saved(variable)
    try:
        listed = options.of_answers(variable, answers, values)
    except ValueError:
        return choices.as_saved(variable)
    hosts = context.hosts if label_queries.label_of(asked) == "host" else []
    return choices.chosen(variable, listed, lambda option: option.value in hosts, values)


def _of_interval(variable: Json, query: str, span: float) -> Value:
    """The saved interval if it is one of the list, else the first; "auto" follows the time range."""
    listed = [interval.strip().strip("\"'") for interval in query.split(",") if interval.strip()]
    current = variable.get("current")
    saved = current.get("value") if isinstance(current, dict) else ""
    saved = str((saved[0] if saved else "") if isinstance(saved, list) else saved or "")
    if saved == "$__auto" or saved.startswith("$__auto_interval"):
        text = time_range.automatic(variable, span)
    else:
        text = saved if saved in listed or not listed else listed[0]
    return Value(text, text)
