# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""From an item of `dashboards` to the JSON model that Grafana keeps (Grafana's documentation, "Dashboard JSON model").
Pure.
"""

from collections.abc import Mapping
from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import declared, given, panels, variables
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json

# The schema of Grafana 12.4. Older servers keep it as it is and read what they know, newer ones have nothing to
# migrate.
SCHEMA_VERSION = 42


def model(
    item: declared.Dashboard, types: Optional[Mapping[str, str]] = None, shared: frozenset[str] = frozenset()
) -> Json:
    """The JSON model, from the item's panels or from the model that it gives.

    `types` are the types of the datasources by uid and by name. Library panels whose uids are in `shared` stay
    references.
    """
    if item["model"] is None:
        built = _compact(item)
    else:
        built = given.read(item["model"], item["datasource_uid"], item["inputs"], types or {}, shared)
    of_item = {"uid": item["uid"], "title": item["title"], "tags": item["tags"]}
    built.update({key: value for key, value in of_item.items() if value})
    # Empty text takes the description or the refresh of a model away.
    may_be_empty = {"description": item["description"], "refresh": item["refresh"]}
    built.update({key: value for key, value in may_be_empty.items() if value is not None})
    times = {key: value for key, value in (("from", item["time_from"]), ("to", item["time_to"])) if value}
    if times:
        present = built.get("time")
        built["time"] = {"from": "now-1h", "to": "now", **(present if isinstance(present, dict) else {}), **times}
    built["title"] = str(built.get("title", "")).strip()
    return built


def _compact(item: declared.Dashboard) -> Json:
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
        "annotations": {"list": [_annotation(shown, item["datasource_uid"]) for shown in item["annotations"]]},
        "panels": panels.build(item["panels"] or [], item["datasource_uid"]),
    }


def _annotation(annotation: declared.Annotation, datasource_uid: str) -> Json:
    """An annotation of the plugin prometheus (grafana/grafana, packages/grafana-prometheus/src/annotations.ts)."""
    return {
        "name": annotation["name"],
        "datasource": {"type": "prometheus", "uid": datasource_uid},
        "enable": True,
        "hide": False,
        "iconColor": annotation["color"],
        "target": {"expr": annotation["query"], "interval": "", "refId": "Anno"},
        "titleFormat": annotation["title"] or "",
        "textFormat": annotation["text"] or "",
        "tagKeys": ",".join(annotation["tags"]),
        "useValueForTime": False,
    }


def _link(link: declared.DashboardLink) -> Json:
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
