# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Checks of panels that need no server: of the option `panels`, and of those in a JSON model. Pure."""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    check_fields,
    check_tables,
    contents,
    declared,
    panels,
    units,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError


def check(where: str, panel: declared.Panel) -> None:
    """Raise GrafanaError for the first option of a panel that cannot be right."""
    if panel["type"] == "row" and (panel["query"] or panel["queries"]):
        raise GrafanaError(
            f"{where} ('{panel['title']}'): a row is a heading and has no query. Give the query to a panel below it."
        )
    if panel["type"] != "row" and bool(panel["query"]) == bool(panel["queries"]):
        raise GrafanaError(f"{where} ('{panel['title']}'): give either query or queries.")
    if len(panel["queries"] or []) > 26:
        raise GrafanaError(f"{where} ('{panel['title']}').queries: more than 26. Spread them over several panels.")
    check_tables.check(f"{where} ('{panel['title']}')", panel)
    _check_soft_max(f"{where} ('{panel['title']}').soft_max", panel)
    check_fields.check(where, panel)
    for index, query in enumerate(panel["queries"] or []):
        check_fields.check(f"{where}.queries[{index}]", query)
    if not 1 <= panel["width"] <= panels.COLUMNS:
        raise GrafanaError(f"{where}.width: {panel['width']} does not fit the grid of {panels.COLUMNS} columns.")
    if panel["height"] < 1:
        raise GrafanaError(f"{where}.height: {panel['height']} is not a valid height. Give 1 or more.")
    if (panel["x"] is None) != (panel["y"] is None):
        raise GrafanaError(f"{where}: x and y go together.")
    if panel["x"] is not None and not 0 <= panel["x"] <= panels.COLUMNS - panel["width"]:
        raise GrafanaError(
            f"{where}.x: {panel['x']} with width {panel['width']} is beyond the grid of {panels.COLUMNS} columns."
        )
    if panel["y"] is not None and panel["y"] < 0:
        raise GrafanaError(f"{where}.y: {panel['y']} is above the grid.")


def _check_soft_max(where: str, panel: declared.Panel) -> None:
    if panel["soft_max"] is None:
        return
    if panel["type"] != "timeseries":
        raise GrafanaError(f"{where}: only a time series has an axis. Set type: timeseries, or remove the option.")
    if panel["max"] is not None:
        raise GrafanaError(f"{where}: max ends the axis at {panel['max']:g}. Give either max or soft_max.")


def problems_of_panels(every_panel: list[Json]) -> list[str]:
    """What would not work in the panels of a dashboard, those in collapsed rows included."""
    problems = [problem for panel in every_panel for problem in _problems(name(panel), panel)]
    by_id: dict[str, list[str]] = {}
    for panel in every_panel:
        if panel.get("id"):
            by_id.setdefault(str(panel["id"]), []).append(name(panel))
    problems += [
        f"{' and '.join(names)} have the same id, {number}. Give each panel its own id."
        for number, names in by_id.items()
        if len(names) > 1
    ]
    return problems


def doubts_of_model(model: Json) -> list[str]:
    """What is probably a typing error in a dashboard, and works otherwise."""
    doubts = []
    used: dict[str, list[str]] = {}
    for panel in contents.every_panel(model):
        for unit in sorted(_units(panel)):
            probable = None if units.is_known(unit) else units.similar(unit)
            if probable:
                doubts.append(
                    f"{name(panel)}: Grafana has no unit '{unit}' and shows it as text. Did you mean {probable}?"
                )
        for variable in sorted(_variables(panel) - contents.variable_names(model)):
            used.setdefault(variable, []).append(name(panel))
    for variable, names in used.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        doubts.append(f"there is no variable '{variable}', which {names[0]}{more} names. Add it, or correct the name.")
    return doubts


def _variables(panel: Json) -> set[str]:
    """Variables that the panel is repeated for, or that its Prometheus queries name; without those of Grafana."""
    expressions = [target.get("expr") for target in contents.objects(panel.get("targets"))]
    texts = [expression for expression in expressions if isinstance(expression, str)]
    named = {variable for text in texts for variable in contents.variables_in(text)}
    repeat = panel.get("repeat")
    own = named | ({repeat} if isinstance(repeat, str) and repeat else set())
    return {variable for variable in own if not variable.startswith("__") and not variable[0].isdigit()}


def name(panel: Json) -> str:
    """A panel in a message."""
    return f"panel '{panel.get('title') or panel.get('id') or ''}'"


def _units(panel: Json) -> set[str]:
    """Units of a panel's values and of its overrides."""
    settings = panel.get("fieldConfig")
    settings = settings if isinstance(settings, dict) else {}
    defaults, overrides = settings.get("defaults"), settings.get("overrides")
    values = [defaults.get("unit")] if isinstance(defaults, dict) else []
    for override in overrides if isinstance(overrides, list) else []:
        properties = override.get("properties") if isinstance(override, dict) else None
        for setting in properties if isinstance(properties, list) else []:
            if isinstance(setting, dict) and setting.get("id") == "unit":
                values.append(setting.get("value"))
    return {unit for unit in values if isinstance(unit, str)}


def _problems(where: str, panel: Json) -> list[str]:
    problems = []
    position = panel.get("gridPos")
    grid = position if isinstance(position, dict) else {}
    x, width = grid.get("x") or 0, grid.get("w") or 1
    if not (isinstance(x, (int, float)) and isinstance(width, (int, float)) and 0 <= x <= panels.COLUMNS - width):
        problems.append(f"{where}: x {x} and w {width} of its gridPos are beyond the grid of {panels.COLUMNS} columns.")
    targets = panel.get("targets")
    queries = [target for target in targets if isinstance(target, dict)] if isinstance(targets, list) else []
    references = [query["refId"] for query in queries if isinstance(query.get("refId"), str)]
    if not all(references):
        problems.append(f"{where}: a query has an empty refId. Give each query of a panel its own, such as A and B.")
    elif len(set(references)) < len(references):
        problems.append(
            f"{where}: two queries have the same refId. Give each query of a panel its own, such as A and B."
        )
    return problems
