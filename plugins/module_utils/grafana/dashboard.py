# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""From an item of `dashboards` to the JSON model that Grafana keeps (Grafana's documentation, "Dashboard JSON model"). Pure."""

from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import given, panels, variables

# The schema of Grafana 12.4. Older servers keep it as it is and read what they know, newer ones have nothing to migrate.
SCHEMA_VERSION = 42


def model(item: dict[str, Any]) -> dict[str, Any]:
    """The JSON model, from the item's panels or from the model that it gives."""
    built = _compact(item) if item["model"] is None else given.read(item["model"], item["datasource_uid"], item["inputs"])
    for key in ("uid", "title", "description", "refresh", "tags"):
        if item[key]:
            built[key] = item[key]
    for key in ("from", "to"):
        if item[f"time_{key}"]:
            built["time"] = {**(built.get("time") or {"from": "now-1h", "to": "now"}), key: item[f"time_{key}"]}
    built["title"] = str(built.get("title", "")).strip()
    return built


def _compact(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": "",
        "tags": [],
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "timezone": "browser",
        "refresh": "",
        "time": {"from": "now-1h", "to": "now"},
        "timepicker": {},
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "preload": False,
        "links": [_link(link) for link in item["links"]],
        "templating": {"list": [variables.build(variable, item["datasource_uid"]) for variable in item["variables"]]},
        "annotations": {"list": []},
        "panels": panels.build(item["panels"] or [], item["datasource_uid"]),
    }


def _link(link: dict[str, Any]) -> dict[str, Any]:
    """A link above the dashboard. The time range and the variables go with whoever follows it."""
    return {
        "type": "dashboards" if link["tag"] else "link",
        "title": link["title"],
        "tags": [link["tag"]] if link["tag"] else [],
        "url": link["url"] or "",
        "asDropdown": False,
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
    }


def every_panel(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """The panels of a dashboard, those in collapsed rows included."""
    found = []
    for panel in dashboard.get("panels") or []:
        if isinstance(panel, dict):
            found += [panel, *(one for one in panel.get("panels") or [] if isinstance(one, dict))]
    return found


def datasource_uids(value: Any) -> set[str]:
    """Uids of the datasources that a dashboard refers to as {type, uid}, without Grafana's built-in ones."""
    if isinstance(value, list):
        return set().union(*map(datasource_uids, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(datasource_uids, value.values()))
    reference = value.get("datasource")
    uid = reference.get("uid") if isinstance(reference, dict) else None
    if isinstance(uid, str) and uid and not uid.startswith("-") and uid not in ("grafana", "__expr__"):
        found.add(uid)
    return found


def variable_names(dashboard: dict[str, Any]) -> set[str]:
    """Names of the template variables."""
    templating = dashboard.get("templating")
    listed = templating.get("list") if isinstance(templating, dict) else None
    return {one["name"] for one in listed or [] if isinstance(one, dict) and isinstance(one.get("name"), str)}
