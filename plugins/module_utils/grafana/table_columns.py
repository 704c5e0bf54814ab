# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The columns of a table: one for each label and, named after its legend, one for each query. Pure."""

from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import field_settings
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.declared import Panel, Query

# Grafana's name of the values of an only query.
_VALUE = "Value"


def name_of(query: Query) -> str:
    """The column of a query's values."""
    return query["legend"] or _VALUE


def transformations(panel: Panel, queries: list[Query], references: list[str]) -> list[Json]:
    """Make one line of each set of labels. Grafana names the values of one of several queries `Value #A`."""
    values = [f"{_VALUE} #{reference}" for reference in references] if len(queries) > 1 else [_VALUE]
    labels = panel["columns"] or []
    order = {name: place for place, name in enumerate(["Time", *labels, *values])} if labels else {}
    names = _headings(panel)
    names.update({value: query["legend"] for value, query in zip(values, queries) if query["legend"]})
    organize = {"excludeByName": {"Time": True}, "includeByName": {}, "indexByName": order, "renameByName": names}
    return [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}]


def sort_by(panel: Panel) -> list[Json]:
    """The order of the lines. Here, Grafana finds a renamed column only by its heading."""
    column = panel["sort"]
    return [{"displayName": _headings(panel).get(column, column), "desc": True}] if column else []


def overrides(panel: Panel, queries: list[Query]) -> list[Json]:
    """Widths, links, and settings of a query for its own values. Grafana finds a renamed column by its old name too."""
    columns: dict[str, dict[str, Any]] = {}
    for query in queries:
        own = field_settings.of_query(query)
        if "thresholds" in own:
            own["custom.cellOptions"] = {"type": "color-text"}
        columns.setdefault(name_of(query), {}).update(own)
    for setting in panel["column_settings"] or []:
        if setting["width"]:
            columns.setdefault(setting["column"], {})["custom.width"] = setting["width"]
    links: dict[str, list[Json]] = {}
    for link in panel["links"] or []:
        if link["column"]:
            links.setdefault(link["column"], []).append(field_settings.link(link))
    settings = [*columns.items(), *((name, {"links": of_column}) for name, of_column in links.items())]
    return [field_settings.override("byName", name, own) for name, own in settings if own]


def _headings(panel: Panel) -> dict[str, str]:
    """Headings of labels that are not the labels themselves."""
    return {setting["column"]: setting["name"] for setting in panel["column_settings"] or [] if setting["name"]}
