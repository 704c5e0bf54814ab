# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The columns of a table: one for each label and, named after its legend, one for each query. Pure."""

from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import field_settings
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.declared import Panel, Query


def transformations(panel: Panel, queries: list[Query], references: list[str]) -> list[Json]:
    """Make one line of each set of labels. Grafana calls a value `Value #A`, and the value of an only query `Value`."""
    values = [f"Value #{reference}" for reference in references] if len(queries) > 1 else ["Value"]
    labels = panel["columns"] or []
    order = {name: place for place, name in enumerate(["Time", *labels, *values])} if labels else {}
    names = {setting["column"]: setting["name"] for setting in panel["column_settings"] or [] if setting["name"]}
    names.update({value: query["legend"] for value, query in zip(values, queries) if query["legend"]})
    organize = {"excludeByName": {"Time": True}, "includeByName": {}, "indexByName": order, "renameByName": names}
    return [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}]


def overrides(panel: Panel, queries: list[Query]) -> list[Json]:
    """Widths, links, and settings of a query for its own values. Grafana finds a renamed column by its old name too."""
    columns: dict[str, dict[str, Any]] = {}
    for query in queries:
        own = field_settings.of_query(query)
        if "thresholds" in own:
            own["custom.cellOptions"] = {"type": "color-text"}
        columns.setdefault(query["legend"] or "", {}).update(own)
    for setting in panel["column_settings"] or []:
        if setting["width"]:
            columns.setdefault(setting["column"], {})["custom.width"] = setting["width"]
    for link in panel["links"] or []:
        if link["column"]:
            links = columns.setdefault(link["column"], {}).setdefault("links", [])
            links.append(field_settings.link(link))
    return [field_settings.override("byName", name, settings) for name, settings in columns.items() if settings]
