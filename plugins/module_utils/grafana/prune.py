# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What `prune` removes, and what it spares although it looks like the owner's. Pure."""

from typing import Optional, TypedDict, cast

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    answers,
    datasource,
    declared,
    folder,
    mark,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present, marked_hits

# People give the tag to their own dashboards, so that the dashboards of the owner link them.
_ONLY_TAG = "it has the tag of the owner, but no mark"
_MARK_OF_ANOTHER = "it has a mark, but no mark for this uid in this folder: it was copied or moved"
_PROVISIONED = "it comes from a provisioning file of the server"


class Spared(TypedDict):
    """An object that looks like the owner's and is left as it is, and why."""

    kind: str
    uid: str
    name: str
    reason: str


def is_expected(item: Spared) -> bool:
    """Whether the object is spared as a matter of course, so no report is needed on every run."""
    return item["reason"] == _ONLY_TAG


def removals(wanted: declared.Declared, present: Present, asked: list[Change]) -> list[Change]:
    """Removals of what the owner declared once and no longer declares, in no order."""
    owner = wanted.owner or ""
    changes: list[Change] = []
    for hit in _undeclared_hits(wanted, present, asked):
        if not _reason_to_spare(owner, hit, present):
            holder = answers.folder_of(present.dashboards[hit["uid"]]["meta"])
            changes.append(_removal("dashboard", hit["uid"], hit["title"], holder, {"title": hit["title"]}))
    for uid, stored in datasources(wanted, present).items():
        before = {"name": stored["name"], "type": stored["type"]}
        changes.append(_removal("datasource", uid, stored["name"], "", before))
    holders = {change.folder_uid for change in asked if change.action != "deleted"}
    needed = {uid for holder in holders for uid in folder.lineage(holder, present)} | _uids("folder", asked)
    for uid, stored_folder in present.folders.items():
        if mark.is_folder_of(owner, uid) and uid not in needed and ("folder", uid) not in present.managers:
            title, parent = stored_folder["title"], stored_folder["parentUid"]
            changes.append(_removal("folder", uid, title, parent, {"title": title, "parent_uid": parent}))
    return changes


def datasources(wanted: declared.Declared, present: Present) -> dict[str, answers.Datasource]:
    """The datasources that are removed, by uid."""
    undeclared = _undeclared_datasources(wanted, present) if wanted.prune and wanted.owner else {}
    return {uid: stored for uid, stored in undeclared.items() if not stored.get("readOnly")}


def spared(wanted: declared.Declared, present: Present, asked: list[Change]) -> list[Spared]:
    """What has the tag or a mark of the owner, and is neither declared nor removed."""
    owner = wanted.owner or ""
    shown: list[Spared] = []
    for hit in _undeclared_hits(wanted, present, asked):
        reason = _reason_to_spare(owner, hit, present)
        if reason:
            shown.append({"kind": "dashboard", "uid": hit["uid"], "name": hit["title"], "reason": reason})
    for uid, stored_folder in present.folders.items():
        if ("folder", uid) in present.managers and uid not in _uids("folder", asked):
            reason = f"{present.managers['folder', uid]} manages it"
            shown.append({"kind": "folder", "uid": uid, "name": stored_folder["title"], "reason": reason})
    for uid, stored in _undeclared_datasources(wanted, present).items():
        if stored.get("readOnly"):
            shown.append({"kind": "datasource", "uid": uid, "name": stored["name"], "reason": _PROVISIONED})
    return shown


def _undeclared_hits(wanted: declared.Declared, present: Present, asked: list[Change]) -> list[answers.Hit]:
    """Dashboards that look like the owner's; without those that the search still shows after their removal."""
    marked = {hit["uid"] for hit in marked_hits(wanted, present.hits)}
    gone = marked - set(present.dashboards) - {uid for kind, uid in present.errors if kind == "dashboard"}
    concerned = gone | _uids("dashboard", asked)
    return [
        hit
        for hit in present.hits
        if hit["type"] == "dash-db"
        and hit["uid"] not in concerned
        and (hit["uid"] in marked or wanted.owner in (hit.get("tags") or []))
    ]


def _reason_to_spare(owner: str, hit: answers.Hit, present: Present) -> str:
    """Why the dashboard is left as it is; empty if it is the owner's.

    The search may lag behind, so the dashboard itself counts.
    """
    uid = hit["uid"]
    stored: Optional[answers.Dashboard] = present.dashboards.get(uid)
    if ("dashboard", uid) in present.errors:
        return present.errors["dashboard", uid]
    if stored and answers.is_of_file(stored["meta"], to_remove=True):
        return _PROVISIONED
    if ("dashboard", uid) in present.managers:
        return f"{present.managers['dashboard', uid]} manages it"
    tags = stored["dashboard"].get("tags") if stored else hit.get("tags")
    if stored and mark.is_on(tags, owner, uid, answers.folder_of(stored["meta"])):
        return ""
    return _MARK_OF_ANOTHER if mark.kept(tags, owner) else _ONLY_TAG


def _undeclared_datasources(wanted: declared.Declared, present: Present) -> dict[str, answers.Datasource]:
    declared_uids = {item["uid"] for item in wanted.datasources}
    return {
        uid: stored
        for uid, stored in present.datasources.items()
        if (stored.get("jsonData") or {}).get(datasource.OWNER_KEY) == wanted.owner and uid not in declared_uids
    }


def _uids(kind: str, changes: list[Change]) -> set[str]:
    return {change.uid for change in changes if change.kind == kind}


def _removal(kind: str, uid: str, name: str, folder_uid: str, before: Json) -> Change:
    """A removal, which needs no more of an item than its uid."""
    item = cast(declared.Item, {"uid": uid, "state": "absent"})
    return Change(kind, uid, name, item, "deleted", before=before, folder_uid=folder_uid)
