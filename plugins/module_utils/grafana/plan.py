# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""From what is wanted and what is there to the changes that are needed, in order. Pure."""

import json
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import compare, dashboard, desired
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present


@dataclass
class Change:
    """One object: what happens to it, what is sent, and how it looks before and after. `error` stands where it cannot be done."""

    kind: str
    uid: str
    name: str
    action: str
    body: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    folder_uid: str = ""
    path: str = ""
    version: Optional[int] = None
    error: str = ""

    @property
    def changed(self) -> bool:
        """Whether something has to be written."""
        return self.action != "unchanged"

    def diff(self) -> dict[str, str]:
        """The change in Ansible's form of a diff, with sorted keys."""
        header = f"{self.kind} {self.uid}"
        return {"before_header": header, "after_header": header, "before": _text(self.before), "after": _text(self.after)}


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n" if value else ""


def make(options: dict[str, Any], present: Present) -> list[Change]:
    """All changes: folders from the top down, datasources, dashboards; removals last, the other way round."""
    folders = [_folder(item, present) for item in desired.top_down(options["folders"])]
    datasources = [_datasource(item, present) for item in options["datasources"]]
    dashboards = [_dashboard(item, present) for item in options["dashboards"]]
    kept = [change for change in folders + datasources + dashboards if change.action != "deleted"]
    removed = [change for change in dashboards + datasources + list(reversed(folders)) if change.action == "deleted"]
    return kept + removed


def _folder(item: dict[str, Any], present: Present) -> Change:
    uid, there = item["uid"], present.folders.get(item["uid"])
    parent = item["parent_uid"] or ""
    change = Change("folder", uid, item["title"], "unchanged", path=f"/dashboards/f/{uid}")
    now = {"title": there["title"], "parent_uid": there.get("parentUid", "")} if there else {}
    if item["state"] == "absent":
        change.action, change.before = ("deleted", now) if there else ("unchanged", {})
        return change
    change.after, change.before = {"title": item["title"], "parent_uid": parent}, now
    if not there:
        change.action = "created"
        change.body = {"uid": uid, "title": item["title"], **({"parentUid": parent} if parent else {})}
    elif now["parent_uid"] != parent:
        change.action = "moved"
    elif now["title"] != item["title"]:
        change.action = "renamed"
    return change


def _datasource(item: dict[str, Any], present: Present) -> Change:
    uid, there = item["uid"], present.datasources.get(item["uid"])
    change = Change("datasource", uid, item["name"] or uid, "unchanged", path=f"/connections/datasources/edit/{uid}")
    if item["state"] == "absent":
        change.action, change.before = ("deleted", _shown(there, item, set())) if there else ("unchanged", {})
        return change
    wanted: dict[str, Any] = {"name": item["name"], "type": item["type"], "url": item["url"] or "", "access": item["access"]}
    if item["is_default"] is not None:
        wanted["isDefault"] = item["is_default"]
    wanted["jsonData"] = item["json_data"]
    secrets = item["secure_json_data"]
    have = {key for key, is_set in ((there or {}).get("secureJsonFields") or {}).items() if is_set}
    missing = sorted(set(secrets) - have)
    owner = present.datasource_names.get(item["name"])
    if owner not in (None, uid):
        change.error = f"datasource '{item['name']}': the server has one of this name with the uid '{owner}'. Give that uid, or another name."
    elif there and there.get("readOnly"):
        change.error = f"datasource '{uid}': it comes from a provisioning file of the server and cannot be changed over the API. Change it there."
    change.before, change.after = _shown(there, item, set()), _shown(compare.merged(there or {}, wanted), item, set(missing))
    if there and not missing and compare.includes(there, wanted):
        change.before = change.after = {}
        return change
    change.action = "updated" if there else "created"
    change.body = compare.merged(_writable(there), wanted) if there else wanted
    change.body.update({"uid": uid, "orgId": (there or {}).get("orgId", 0)} if there else {"uid": uid})
    change.body["secureJsonData"] = {key: secrets[key] for key in missing}
    return change


def _writable(there: Optional[dict[str, Any]]) -> dict[str, Any]:
    """What a PUT has to repeat so that it is not reset."""
    keys = (
        "id",
        "name",
        "type",
        "url",
        "access",
        "user",
        "database",
        "basicAuth",
        "basicAuthUser",
        "withCredentials",
        "isDefault",
        "jsonData",
        "version",
    )
    return {key: there[key] for key in keys if key in there} if there else {}


def _shown(there: Optional[dict[str, Any]], item: dict[str, Any], setting: set[str]) -> dict[str, Any]:
    """A datasource for a diff: only what is asked for, and of secrets only that they are set."""
    if not there:
        return {}
    keys = ["name", "type", "url", "access"] + (["isDefault"] if item["is_default"] is not None else [])
    shown = {key: there.get(key) for key in keys}
    shown["jsonData"] = {key: (there.get("jsonData") or {}).get(key) for key in item["json_data"]}
    have = {key for key, is_set in (there.get("secureJsonFields") or {}).items() if is_set}
    secrets = {key: "<set>" for key in sorted(item["secure_json_data"]) if key in have or key in setting}
    return {**shown, **({"secureJsonData": secrets} if secrets else {})}


def _dashboard(item: dict[str, Any], present: Present) -> Change:
    uid, there = item["uid"], present.dashboards.get(item["uid"])
    meta = (there or {}).get("meta") or {}
    change = Change("dashboard", uid, item["title"] or uid, "unchanged", folder_uid=item["folder_uid"] or "", path=meta.get("url", f"/d/{uid}"))
    change.version = meta.get("version")
    before = compare.canonical_dashboard(there["dashboard"]) if there else {}
    if item["state"] == "absent":
        change.action, change.before = ("deleted", before) if there else ("unchanged", {})
        return change
    wanted = dict(dashboard.model(item), uid=uid)
    after, change.name = compare.canonical_dashboard(wanted), str(wanted["title"])
    moved = bool(there) and (meta.get("folderUid") or "") != change.folder_uid
    if there and before == after and not moved:
        return change
    if meta.get("provisioned"):
        change.error = f"dashboard '{uid}': it comes from a provisioning file of the server and cannot be changed over the API. Change it there."
    change.action = "created" if not there else "moved" if before == after else "updated"
    folder_before = {"folder_uid": meta.get("folderUid") or ""} if there else {}
    change.before, change.after = {**before, **folder_before}, {**after, "folder_uid": change.folder_uid}
    change.body = {"dashboard": wanted, "folderUid": change.folder_uid, "overwrite": True, "message": "Declared by mlops.gpu_monitoring"}
    return change


def refuse_references(options: dict[str, Any], present: Present) -> None:
    """Raise GrafanaError where something refers to a folder or datasource that is neither asked for nor there."""
    desired.check_references(options, set(present.folders), set(present.datasource_names.values()))
