# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""From a compact list of panels to Grafana's JSON of panels, whole, so that nothing is added when somebody saves them
in Grafana. Pure.

Options and field settings are those of each panel's schema in Grafana 12 (public/app/plugins/panel/*/panelcfg.cue).
"""

import copy
import string

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import field_settings, table_columns
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.compare import merged
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.declared import Panel, Query

COLUMNS = 24
_LEGEND = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
_REDUCE = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_HIDE_FROM = {"legend": False, "tooltip": False, "viz": False}
_OPTIONS: dict[str, Json] = {
    "timeseries": {"legend": _LEGEND, "tooltip": {"hideZeros": False, "mode": "multi", "sort": "desc"}},
    "stat": {
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": _REDUCE,
        "showPercentChange": False,
        "textMode": "auto",
        "wideLayout": True,
    },
    "gauge": {
        "minVizHeight": 75,
        "minVizWidth": 75,
        "orientation": "auto",
        "reduceOptions": _REDUCE,
        "showThresholdLabels": False,
        "showThresholdMarkers": True,
        "sizing": "auto",
    },
    "bargauge": {
        "displayMode": "gradient",
        "legend": {**_LEGEND, "showLegend": False},
        "maxVizHeight": 300,
        "minVizHeight": 16,
        "minVizWidth": 8,
        "namePlacement": "auto",
        "orientation": "horizontal",
        "reduceOptions": _REDUCE,
        "showUnfilled": True,
        "sizing": "auto",
        "valueMode": "color",
    },
    "table": {
        "cellHeight": "sm",
        "footer": {"countRows": False, "fields": "", "reducer": ["sum"], "show": False},
        "frameIndex": 0,
        "showHeader": True,
        "showTypeIcons": False,
    },
    "state-timeline": {
        "alignValue": "left",
        "legend": _LEGEND,
        "mergeValues": True,
        "perPage": 20,
        "rowHeight": 0.9,
        "showValue": "auto",
        "tooltip": {"hideZeros": False, "mode": "single", "sort": "none"},
    },
}
_CUSTOM: dict[str, Json] = {
    "timeseries": {
        "axisBorderShow": False,
        "axisCenteredZero": False,
        "axisColorMode": "text",
        "axisLabel": "",
        "axisPlacement": "auto",
        "barAlignment": 0,
        "barWidthFactor": 0.6,
        "drawStyle": "line",
        "fillOpacity": 10,
        "gradientMode": "none",
        "hideFrom": _HIDE_FROM,
        "insertNulls": False,
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "pointSize": 5,
        "scaleDistribution": {"type": "linear"},
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "none"},
        "thresholdsStyle": {"mode": "off"},
    },
    "state-timeline": {
        "axisPlacement": "auto",
        "fillOpacity": 70,
        "hideFrom": _HIDE_FROM,
        "lineWidth": 0,
    },
    "table": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False},
}
_BY_THRESHOLD = ("bargauge", "gauge", "stat", "state-timeline", "table")


def build(panels: list[Panel], datasource_uid: str) -> list[Json]:
    """The panels, laid out from left to right in rows of the grid; one that gives x and y stands there. A row has a
    line of its own.
    """
    built: list[Json] = []
    x = y = row_height = 0
    for number, panel in enumerate(panels, start=1):
        width, height = (COLUMNS, 1) if panel["type"] == "row" else (panel["width"], panel["height"])
        if panel["x"] is not None and panel["y"] is not None:
            position = {"x": panel["x"], "y": panel["y"], "w": width, "h": height}
        else:
            if x + width > COLUMNS:
                x, y, row_height = 0, y + row_height, 0
            position = {"x": x, "y": y, "w": width, "h": height}
            x, row_height = x + width, max(row_height, height)
        datasource = {"type": "prometheus", "uid": panel["datasource_uid"] or datasource_uid}
        made = _row(panel) if panel["type"] == "row" else _panel(panel, datasource)
        built.append(merged({"id": number, **made, "gridPos": position}, panel["model"] or {}))
    return built


def queries_of(panel: Panel) -> list[Query]:
    """The queries of a panel, or its only one."""
    return panel["queries"] or [{"expr": panel["query"] or "", "legend": panel["legend"]}]


def _row(panel: Panel) -> Json:
    repeated = {"repeat": panel["repeat"]} if panel["repeat"] else {}
    return {"type": "row", "title": panel["title"], "collapsed": False, "panels": [], **repeated}


def _panel(panel: Panel, datasource: dict[str, str]) -> Json:
    kind = panel["type"]
    queries = queries_of(panel)
    custom = copy.deepcopy(_CUSTOM.get(kind, {}))
    if kind == "timeseries" and panel["thresholds"]:
        custom["thresholdsStyle"]["mode"] = "dashed"
    if panel["soft_max"] is not None:
        custom["axisSoftMax"] = panel["soft_max"]
    defaults: Json = {
        "color": {"mode": "thresholds" if kind in _BY_THRESHOLD else "palette-classic"},
        "custom": custom,
        "links": [field_settings.link(link) for link in panel["links"] or [] if not link["column"]],
        "mappings": [],
        "thresholds": field_settings.thresholds(panel["thresholds"] or []),
        "unit": panel["unit"] or "short",
    }
    defaults.update(field_settings.limits(panel))
    options = copy.deepcopy(_OPTIONS[kind])
    if panel["sort"]:
        options["sortBy"] = table_columns.sort_by(panel)
    overrides, transformations = _overrides(panel, queries), {}
    if kind == "table":
        references = [_reference(index) for index in range(len(queries))]
        overrides = table_columns.overrides(panel, queries)
        transformations = {"transformations": table_columns.transformations(panel, queries, references)}
    return {
        "type": kind,
        "title": panel["title"],
        "description": panel["description"] or "",
        "datasource": datasource,
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": options,
        "targets": _targets(panel, queries, datasource),
        **transformations,
        **({"repeat": panel["repeat"], "repeatDirection": "h"} if panel["repeat"] else {}),
    }


def _overrides(panel: Panel, queries: list[Query]) -> list[Json]:
    """Settings that a query has for its own values, by its reference. A separate unit has a separate axis."""
    overrides: list[Json] = []
    for index, query in enumerate(queries):
        own = field_settings.of_query(query)
        if panel["type"] == "timeseries" and own.get("unit", panel["unit"]) != panel["unit"]:
            own["custom.axisPlacement"] = "right"
        if own:
            overrides.append(field_settings.override("byFrameRefID", _reference(index), own))
    return overrides


def _targets(panel: Panel, queries: list[Query], datasource: dict[str, str]) -> list[Json]:
    table = panel["type"] == "table"
    instant = table if panel["instant"] is None else panel["instant"]
    return [
        {
            "refId": _reference(index),
            "datasource": datasource,
            "expr": query["expr"],
            "legendFormat": query["legend"] or "__auto",
            "editorMode": "code",
            "range": not instant,
            "instant": instant,
            "format": "table" if table else "time_series",
        }
        for index, query in enumerate(queries)
    ]


def _reference(index: int) -> str:
    return string.ascii_uppercase[index]
