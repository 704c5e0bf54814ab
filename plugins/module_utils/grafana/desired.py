# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What is asked for, checked before anything is written. Pure."""

import re
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import dashboard
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError

_UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_REFRESH = re.compile(r"(|auto|\d+(ms|s|m|h|d))")


def _check_uid(where: str, uid: str) -> None:
    if not _UID.fullmatch(uid):
        raise GrafanaError(f"{where}.uid: '{uid}' is not a uid. Use 1 to 40 letters, digits, - and _.")


def _check_unique(kind: str, uids: list[str]) -> None:
    for uid in uids:
        if uids.count(uid) > 1:
            raise GrafanaError(f"{kind}: the uid '{uid}' is given twice. Give each its own.")


def _check_panel(where: str, panel: dict[str, Any]) -> None:
    if bool(panel["query"]) == bool(panel["queries"]):
        raise GrafanaError(f"{where} ('{panel['title']}'): give either query or queries.")
    if not 1 <= panel["width"] <= dashboard.COLUMNS:
        raise GrafanaError(f"{where}.width: {panel['width']} does not fit the grid of {dashboard.COLUMNS} columns.")
    if (panel["x"] is None) != (panel["y"] is None):
        raise GrafanaError(f"{where}: x and y go together.")
    if panel["x"] is not None and panel["x"] + panel["width"] > dashboard.COLUMNS:
        raise GrafanaError(f"{where}: x {panel['x']} plus width {panel['width']} is beyond the grid of {dashboard.COLUMNS} columns.")


def check(options: dict[str, Any]) -> None:
    """Raise GrafanaError that names the option, the value and the fix, for whatever can be seen without asking the server."""
    for kind in ("datasources", "folders", "dashboards"):
        for number, item in enumerate(options[kind]):
            _check_uid(f"{kind}[{number}]", item["uid"])
        _check_unique(kind, [item["uid"] for item in options[kind]])
    names = [item["name"] for item in options["datasources"] if item["state"] == "present"]
    for number, item in enumerate(options["datasources"]):
        if item["state"] == "present" and names.count(item["name"]) > 1:
            raise GrafanaError(f"datasources[{number}].name: '{item['name']}' is given twice. Names are unique in Grafana.")
    for number, item in enumerate(options["dashboards"]):
        where = f"dashboards[{number}]"
        if item["state"] == "absent":
            continue
        if item["model"] is not None and item["panels"]:
            raise GrafanaError(f"{where}: give either panels or model.")
        if not (dashboard.parse_model(item["model"]).get("title") if item["model"] is not None and not item["title"] else item["title"]):
            raise GrafanaError(f"{where}.title: empty. Give the dashboard a title.")
        if not _REFRESH.fullmatch(item["refresh"] or ""):
            raise GrafanaError(f"{where}.refresh: '{item['refresh']}' is not an interval. Write it like 5s or 1m.")
        for index, panel in enumerate(item["panels"] or []):
            _check_panel(f"{where}.panels[{index}]", panel)


def check_references(options: dict[str, Any], folders: set[str], datasources: set[str]) -> None:
    """The same for what is referred to: `folders` and `datasources` are the uids that the server has."""
    folders = folders | {item["uid"] for item in options["folders"]}
    datasources = datasources | {item["uid"] for item in options["datasources"]}
    for number, item in enumerate(options["folders"]):
        if item["parent_uid"] and item["parent_uid"] not in folders:
            raise GrafanaError(f"folders[{number}].parent_uid: there is no folder '{item['parent_uid']}'. Add it to folders.")
    for number, item in enumerate(options["dashboards"]):
        if item["state"] == "absent":
            continue
        if item["folder_uid"] and item["folder_uid"] not in folders:
            raise GrafanaError(f"dashboards[{number}].folder_uid: there is no folder '{item['folder_uid']}'. Add it to folders.")
        unknown = sorted(dashboard.datasource_uids(dashboard.model(item)) - datasources)
        if unknown:
            raise GrafanaError(
                f"dashboards[{number}]: it refers to the datasource '{unknown[0]}', which is not there. Add it to datasources, or set datasource_uid."
            )


def top_down(folders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Folders in an order in which each comes after its parent."""
    left, done, ordered = list(folders), set(), []
    uids = {item["uid"] for item in folders}
    while left:
        ready = [item for item in left if not item["parent_uid"] or item["parent_uid"] not in uids or item["parent_uid"] in done]
        if not ready:
            raise GrafanaError(f"folders: '{left[0]['uid']}' is its own ancestor. Mend its parent_uid.")
        ordered += ready
        done |= {item["uid"] for item in ready}
        left = [item for item in left if item["uid"] not in done]
    return ordered
