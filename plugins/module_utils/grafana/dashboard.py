# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""From a compact list of panels to the JSON model that Grafana keeps (Grafana's documentation, "Dashboard JSON model")."""

import json
import string
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError

# Grafana 10.4 and newer read this version as it is; older ones too, since none of its panels needs a migration.
SCHEMA_VERSION = 39
COLUMNS = 24
_TABLE_LEGEND = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
_REDUCE = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {"legend": _TABLE_LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
    "stat": {"reduceOptions": _REDUCE, "colorMode": "value", "graphMode": "area", "justifyMode": "auto", "orientation": "auto", "textMode": "auto"},
    "gauge": {"reduceOptions": _REDUCE, "orientation": "auto", "showThresholdLabels": False, "showThresholdMarkers": True},
    "bargauge": {"reduceOptions": _REDUCE, "displayMode": "gradient", "orientation": "horizontal", "valueMode": "color", "showUnfilled": True},
    "table": {"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"], "fields": ""}},
    "state-timeline": {
        "mergeValues": True,
        "showValue": "auto",
        "alignValue": "left",
        "rowHeight": 0.9,
        "legend": _TABLE_LEGEND,
        "tooltip": {"mode": "single"},
    },
}
_CUSTOM: dict[str, dict[str, Any]] = {
    "timeseries": {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 10,
        "gradientMode": "none",
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "none", "group": "A"},
        "axisPlacement": "auto",
        "thresholdsStyle": {"mode": "off"},
    },
    "state-timeline": {"fillOpacity": 70, "lineWidth": 0},
}
TYPES = sorted(_OPTIONS)
_INSTANT = ("table",)


def model(item: dict[str, Any]) -> dict[str, Any]:
    """The JSON model of a `dashboards` item, from its panels or from the model it gives."""
    if item["model"] is not None:
        return _given(item)
    return {
        "uid": item["uid"],
        "title": item["title"],
        "description": item["description"] or "",
        "tags": item["tags"],
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "timezone": "browser",
        "refresh": item["refresh"] or "",
        "time": {"from": item["time_from"], "to": item["time_to"]},
        "timepicker": {},
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "links": [],
        "templating": {"list": []},
        "annotations": {"list": []},
        "panels": _panels(item["panels"] or [], item["datasource_uid"]),
    }


def _panels(panels: list[dict[str, Any]], datasource_uid: str) -> list[dict[str, Any]]:
    """The panels, laid out from left to right in rows of the 24-column grid."""
    laid_out, x, y, row_height = [], 0, 0, 0
    for number, panel in enumerate(panels, start=1):
        width, height = panel["width"], panel["height"]
        if panel["x"] is not None and panel["y"] is not None:
            position = {"x": panel["x"], "y": panel["y"], "w": width, "h": height}
        else:
            if x + width > COLUMNS:
                x, y, row_height = 0, y + row_height, 0
            position = {"x": x, "y": y, "w": width, "h": height}
            x, row_height = x + width, max(row_height, height)
        laid_out.append(_panel(number, panel, position, {"type": "prometheus", "uid": datasource_uid}))
    return laid_out


def _panel(number: int, panel: dict[str, Any], position: dict[str, int], datasource: dict[str, str]) -> dict[str, Any]:
    steps = [{"color": "green", "value": None}] + [{"color": step["color"], "value": step["value"]} for step in panel["thresholds"] or []]
    defaults: dict[str, Any] = {
        "color": {"mode": "palette-classic" if panel["type"] == "timeseries" else "thresholds"},
        "custom": _CUSTOM.get(panel["type"], {}),
        "mappings": [],
        "thresholds": {"mode": "absolute", "steps": steps},
        "unit": panel["unit"] or "short",
    }
    defaults.update({key: panel[key] for key in ("min", "max", "decimals") if panel[key] is not None})
    queries = panel["queries"] or [{"expr": panel["query"], "legend": panel["legend"]}]
    instant = panel["type"] in _INSTANT
    targets = [
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
    return {
        "id": number,
        "type": panel["type"],
        "title": panel["title"],
        "description": panel["description"] or "",
        "datasource": datasource,
        "gridPos": position,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _OPTIONS[panel["type"]],
        "targets": targets,
    }


def parse_model(value: Any) -> dict[str, Any]:
    """The dashboard in a JSON model: a dict or JSON text, an export or an answer of the API with `dashboard` and `meta`."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise GrafanaError(f"model: not JSON ({error}). Give a dict, or load the file with lookup('ansible.builtin.file', ...).") from error
    if isinstance(value, dict) and isinstance(value.get("dashboard"), dict):
        value = value["dashboard"]
    if not isinstance(value, dict):
        raise GrafanaError(f"model: a JSON object is needed, not {type(value).__name__}.")
    return value


def _given(item: dict[str, Any]) -> dict[str, Any]:
    """A given JSON model, with the identity of the item and the inputs of an export filled in."""
    dashboard = dict(parse_model(item["model"]))
    inputs = {one["name"]: item["datasource_uid"] for one in dashboard.get("__inputs") or [] if one.get("type") == "datasource"}
    for key in ("id", "version", "iteration", "__inputs", "__requires", "__elements"):
        dashboard.pop(key, None)
    dashboard = _replace_inputs(dashboard, inputs)
    for key in ("uid", "title"):
        if item[key]:
            dashboard[key] = item[key]
    return dashboard


def _replace_inputs(value: Any, inputs: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replace_inputs(one, inputs) for key, one in value.items()}
    if isinstance(value, list):
        return [_replace_inputs(one, inputs) for one in value]
    if isinstance(value, str):
        for name, uid in inputs.items():
            value = value.replace("${" + name + "}", uid)
    return value


def datasource_uids(value: Any) -> set[str]:
    """Uids of the datasources that a dashboard refers to by {type, uid}, without variables and Grafana's built-in ones."""
    if isinstance(value, dict):
        found = set().union(*(datasource_uids(one) for one in value.values())) if value else set()
        reference = value.get("datasource")
        uid: Optional[Any] = reference.get("uid") if isinstance(reference, dict) else None
        if isinstance(uid, str) and uid and not uid.startswith(("$", "-")) and uid != "grafana":
            found.add(uid)
        return found
    if isinstance(value, list):
        return set().union(*(datasource_uids(one) for one in value)) if value else set()
    return set()
