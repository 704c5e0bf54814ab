# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What is asked for, checked before the server is asked. Every error names the option, the value and the fix. Pure."""

import re
from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    check_datasources,
    check_panels,
    contents,
    declared,
    given,
    ignored,
    options,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError

_UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
# Grafana's name of the top level, which is not a folder.
TOP_LEVEL = "general"
_RESERVED_FOLDERS = (TOP_LEVEL, "sharedwithme")
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d|w|M|y)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}
# A time relative to now (grafana/grafana, packages/grafana-data/src/datetime/datemath.ts), milliseconds, or a date.
_TIME = re.compile(
    r"now([+-]\d*f?[smhdwMQy]|/\d*f?[smhdwMQy])*|\d+|\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?"
)
DEFAULT_DATASOURCE: str = options.DASHBOARD["datasource_uid"]["default"]
LONGEST_TITLE = 5000
LONGEST_TAG = 50


def complete(wanted: declared.Declared) -> None:
    """Check what can be checked without a server, and give every dashboard the uid that its model has."""
    _check_uids("datasources", [item["uid"] for item in wanted.datasources])
    _check_uids("folders", [item["uid"] for item in wanted.folders])
    for number, item in enumerate(wanted.dashboards):
        _complete_dashboard(f"dashboards[{number}]", item)
    _check_uids("dashboards", [item["uid"] for item in wanted.dashboards])
    check_datasources.check(wanted.datasources)
    names = [item["name"] or "" for item in wanted.datasources if item["state"] == "present"]
    _refuse_twice("datasources", "name", names)
    for number, folder in enumerate(wanted.folders):
        if folder["uid"] in _RESERVED_FOLDERS:
            raise GrafanaError(f"folders[{number}].uid: '{folder['uid']}' is reserved by Grafana. Choose another one.")
        if folder["parent_uid"] == TOP_LEVEL:
            folder["parent_uid"] = None
        if folder["state"] == "present" and not (folder["title"] or "").strip():
            raise GrafanaError(f"folders[{number}].title: empty for '{folder['uid']}'. Give the folder a title.")
    _check_owner(wanted)


def _check_uids(kind: str, uids: list[str]) -> None:
    for number, uid in enumerate(uids):
        if not _UID.fullmatch(uid):
            raise GrafanaError(f"{kind}[{number}].uid: '{uid}' is not a uid. Use 1 to 40 letters, digits, - and _.")
    _refuse_twice(kind, "uid", uids)


def _refuse_twice(kind: str, key: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise GrafanaError(f"{kind}: the {key} '{value}' is given twice. Give each its own.")


def _check_owner(wanted: declared.Declared) -> None:
    owner = wanted.owner
    if wanted.prune and not owner:
        raise GrafanaError(
            "prune: only objects with a mark are removed, so it needs owner, the mark. Set owner to a short name."
        )
    if owner is not None and not _UID.fullmatch(owner):
        raise GrafanaError(f"owner: '{owner}' cannot be a mark. Use 1 to 40 letters, digits, - and _.")


def _complete_dashboard(where: str, item: declared.Dashboard) -> None:
    model: Json = {}
    if item["model"] is not None:
        if item["panels"] or item["variables"] or item["links"] or item["annotations"]:
            raise GrafanaError(f"{where}: give either model, or panels, variables, annotations and links.")
        try:
            model = given.parse(item["model"])
        except GrafanaError as error:
            raise GrafanaError(f"{where}.{error}") from error
    item["uid"] = item["uid"] or str(model.get("uid") or "")
    if not item["uid"]:
        raise GrafanaError(
            f"{where}.uid: missing, and the model has none."
            " Give one, since without it each run would make another dashboard."
        )
    if item["folder_uid"] == TOP_LEVEL:
        item["folder_uid"] = ""
    # Ansible makes empty text of null.
    item["datasource_uid"] = item["datasource_uid"] or DEFAULT_DATASOURCE
    if item["state"] == "absent":
        return
    if item["model"] is None and item["inputs"]:
        raise GrafanaError(f"{where}.inputs: only a model has inputs. Set datasource_uid for the panels of a list.")
    if item["model"] is None and item["panels"] is None:
        raise GrafanaError(f"{where}: neither panels nor model. Give one of them; panels: [] makes an empty dashboard.")
    for path in item["ignore_paths"]:
        ignored.steps(path)
    title = (item["title"] or str(model.get("title") or "")).strip()
    if not 1 <= len(title) <= LONGEST_TITLE:
        raise GrafanaError(
            f"{where}.title: '{title[:40]}' has {len(title)} characters."
            f" Give the dashboard a title of 1 to {LONGEST_TITLE}."
        )
    if item["refresh"] and item["refresh"] != "auto" and seconds(item["refresh"]) is None:
        raise GrafanaError(
            f"{where}.refresh: '{item['refresh']}' is not an interval. Write it like 5s or 1m, or empty for none."
        )
    for option, time in (("time_from", item["time_from"]), ("time_to", item["time_to"])):
        if time and not _TIME.fullmatch(time):
            raise GrafanaError(
                f"{where}.{option}: '{time}' is not a time. Write it like now-1h, now/d or 2026-11-01T00:00:00Z."
            )
    for tag in item["tags"]:
        if len(tag) > LONGEST_TAG:
            raise GrafanaError(f"{where}.tags: '{tag}' is longer than {LONGEST_TAG} characters.")
    for index, variable in enumerate(item["variables"]):
        _check_variable(f"{where}.variables[{index}]", variable)
    _refuse_twice(f"{where}.variables", "name", [variable["name"] for variable in item["variables"]])
    _refuse_twice(f"{where}.annotations", "name", [annotation["name"] for annotation in item["annotations"]])
    for index, link in enumerate(item["links"]):
        if bool(link["tag"]) == bool(link["url"]):
            raise GrafanaError(f"{where}.links[{index}] ('{link['title']}'): give either tag or url.")
    for index, panel in enumerate(item["panels"] or []):
        check_panels.check(f"{where}.panels[{index}]", panel)


def _check_variable(where: str, variable: declared.Variable) -> None:
    if not re.fullmatch(r"\w+", variable["name"]):
        raise GrafanaError(
            f"{where}.name: '{variable['name']}' cannot be a variable's name. Use letters, digits and _."
        )
    if variable["type"] == "query" and not variable["query"]:
        raise GrafanaError(f"{where}.query: missing for '{variable['name']}'. Write it like label_values(up, host).")
    if variable["type"] == "custom" and not variable["values"]:
        raise GrafanaError(f"{where}.values: missing for '{variable['name']}'. Give the values to choose from.")
    if variable["all_value"] and not variable["include_all"]:
        raise GrafanaError(
            f"{where}.all_value: '{variable['name']}' cannot have all values selected. Set include_all: true."
        )


def seconds(interval: str) -> Optional[float]:
    """An interval such as 5s, 1m or 1h30m in seconds; None for any other text."""
    parts = _DURATION.findall(interval)
    if not parts or "".join(number + unit for number, unit in parts) != interval:
        return None
    return sum(int(number) * _UNIT_SECONDS[unit] for number, unit in parts)


def problems_of_model(model: Json) -> list[str]:
    """What would not work in a dashboard that is about to be written."""
    return check_panels.problems_of_panels(contents.every_panel(model))


def top_down(folders: list[declared.Folder]) -> list[declared.Folder]:
    """Folders in an order in which each comes after its parent."""
    left, done = list(folders), set[str]()
    ordered: list[declared.Folder] = []
    uids = {item["uid"] for item in folders}
    while left:
        ready = [
            item
            for item in left
            if not item["parent_uid"] or item["parent_uid"] not in uids or item["parent_uid"] in done
        ]
        if not ready:
            raise GrafanaError(f"folders: '{left[0]['uid']}' is its own ancestor. Correct its parent_uid.")
        ordered += ready
        done |= {item["uid"] for item in ready}
        left = [item for item in left if item["uid"] not in done]
    return ordered
