# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""From a compact list of panels to Grafana's JSON of panels, whole, so that nothing is added when somebody saves them in Grafana. Pure.

Options and field settings are those of each panel's schema in Grafana 12 (public/app/plugins/panel/*/panelcfg.cue).
"""

import copy
import string
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.compare import merged

COLUMNS = 24
_LEGEND = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
_REDUCE = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_HIDE_FROM = {"legend": False, "tooltip": False, "viz": False}
_OPTIONS: dict[str, dict[str, Any]] = {
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
_CUSTOM: dict[str, dict[str, Any]] = {
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


def build(panels: list[dict[str, Any]], datasource_uid: str) -> list[dict[str, Any]]:
    """The panels, laid out from left to right in rows of the grid; one that gives x and y stands there."""
    built, x, y, row_height = [], 0, 0, 0
    for number, panel in enumerate(panels, start=1):
        width, height = panel["width"], panel["height"]
        if panel["x"] is not None and panel["y"] is not None:
            position = {"x": panel["x"], "y": panel["y"], "w": width, "h": height}
        else:
            if x + width > COLUMNS:
                x, y, row_height = 0, y + row_height, 0
            position = {"x": x, "y": y, "w": width, "h": height}
            x, row_height = x + width, max(row_height, height)
        datasource = {"type": "prometheus", "uid": panel["datasource_uid"] or datasource_uid}
        built.append(merged(_panel(number, panel, position, datasource), panel["model"] or {}))
    return built


def _panel(number: int, panel: dict[str, Any], position: dict[str, int], datasource: dict[str, str]) -> dict[str, Any]:
    steps = [{"color": "green", "value": None}] + [{"color": step["color"], "value": step["value"]} for step in panel["thresholds"] or []]
    defaults: dict[str, Any] = {
        "color": {"mode": "thresholds" if panel["type"] in _BY_THRESHOLD else "palette-classic"},
        "custom": copy.deepcopy(_CUSTOM.get(panel["type"], {})),
        "mappings": [],
        "thresholds": {"mode": "absolute", "steps": steps},
        "unit": panel["unit"] or "short",
    }
    defaults.update({key: panel[key] for key in ("min", "max", "decimals") if panel[key] is not None})
    return {
        "id": number,
        "type": panel["type"],
        "title": panel["title"],
        "description": panel["description"] or "",
        "datasource": datasource,
        "gridPos": position,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": copy.deepcopy(_OPTIONS[panel["type"]]),
        "targets": _targets(panel, datasource),
    }


def _targets(panel: dict[str, Any], datasource: dict[str, str]) -> list[dict[str, Any]]:
    queries = panel["queries"] or [{"expr": panel["query"], "legend": panel["legend"]}]
    instant = panel["type"] == "table"
    return [
        {
            "refId": string.ascii_uppercase[index],
            "datasource": datasource,
            "expr": query["expr"],
            "legendFormat": query["legend"] or "__auto",
            "editorMode": "code",
            "range": not instant,
            "instant": instant,
            "format": "table" if instant else "time_series",
        }
        for index, query in enumerate(queries)
    ]
