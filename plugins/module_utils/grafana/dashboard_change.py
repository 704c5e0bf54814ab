# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The change of one dashboard. Pure."""

from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    answers,
    check_uids,
    compare,
    dashboard,
    declared,
    ignored,
    library_panels,
    mark,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present

MESSAGE = "Declared by mlops.gpu_monitoring"


def change(item: declared.Dashboard, wanted: declared.Declared, present: Present) -> Change:
    """The change."""
    existing = present.dashboards.get(item["uid"])
    uid, title = item["uid"], item["title"] or item["uid"]
    meta: answers.DashboardMeta = existing["meta"] if existing else {}
    folder = answers.folder_of(meta) if item["folder_uid"] is None else item["folder_uid"]
    planned = Change("dashboard", uid, title, item, folder_uid=folder, path=meta.get("url", f"/d/{uid}"))
    planned.version = meta.get("version")
    stored = existing["dashboard"] if existing else {}
    if item["state"] == "absent":
        before = _content(stored, answers.folder_of(meta), False) if existing else {}
        planned.action, planned.before = ("deleted", before) if existing else ("unchanged", {})
    else:
        model = {**_model(item, stored, wanted, present), "uid": uid}
        if wanted.owner:
            model = mark.marked(model, wanted.owner, _mark(item, folder, stored.get("tags"), wanted))
        if existing:
            model = ignored.keep(model, stored, item["ignore_paths"])
        planned.name = model["title"]
        with_built_in = compare.has_built_in(model)
        before = _content(stored, answers.folder_of(meta), with_built_in) if existing else {}
        after = _content(model, planned.folder_uid, with_built_in)
        planned.action = _action(before, after)
        if planned.action == "updated":
            without_marks = _action(mark.without(before), mark.without(after))
            planned.action = "updated" if without_marks == "unchanged" else without_marks
        if planned.changed:
            planned.before, planned.after = before, after
            planned.body = {"dashboard": model, "folderUid": planned.folder_uid, "overwrite": False, "message": MESSAGE}
            if existing:
                model["version"] = stored.get("version", planned.version)
    if planned.changed and uid in present.uids_of_folders:
        planned.error = check_uids.refusal(uid)
    if planned.changed and answers.is_of_file(meta, planned.action == "deleted"):
        planned.error = (
            f"dashboard '{uid}': it comes from the provisioning file"
            f" {meta.get('provisionedExternalId') or 'of the server'} and cannot be changed over the API."
            " Change it there."
        )
    return planned


def _content(model: Json, folder_uid: str, with_built_in: bool) -> Json:
    return {**compare.canonical_dashboard(model, with_built_in), "folder_uid": folder_uid}


def _mark(item: declared.Dashboard, folder: str, stored_tags: Any, wanted: declared.Declared) -> Optional[str]:
    """The mark by which `prune` may remove the dashboard; none in a folder of somebody else."""
    owner = wanted.owner or ""
    own = mark.of(owner, item["uid"], folder)
    kept = mark.kept(stored_tags, owner)
    # If the folder is left as it is, so is the mark: a dashboard that somebody moved is theirs to remove.
    if kept and (kept == own or item["folder_uid"] is None):
        return kept
    folders = {other["uid"] for other in wanted.folders if other["state"] == "present"}
    return own if not folder or folder in folders or mark.is_folder_of(owner, folder) else None


def _model(item: declared.Dashboard, stored: Json, wanted: declared.Declared, present: Present) -> Json:
    """The item's JSON model. A library panel that the stored dashboard shows, and the server has, stays one."""
    shared = frozenset(uid for uid in library_panels.referenced(stored) if present.library_panels.get(uid, True))
    try:
        return dashboard.model(item, declared_types(wanted, present), shared)
    except GrafanaError as error:
        raise GrafanaError(f"dashboard '{item['uid']}': {error}") from error


def declared_types(wanted: declared.Declared, present: Present) -> dict[str, str]:
    """The types of the datasources that will be there, by uid and by name. Grafana looks for a uid first."""
    by_uid = {uid: (stored["name"], stored.get("type", "")) for uid, stored in present.datasources.items()}
    for item in wanted.datasources:
        by_uid.pop(item["uid"], None)
        if item["state"] == "present":
            by_uid[item["uid"]] = (item["name"] or item["uid"], item["type"])
    return {**dict(by_uid.values()), **{uid: plugin for uid, (_name, plugin) in by_uid.items()}}


def _action(before: Json, after: Json) -> str:
    if not before:
        return "created"
    differing = [key for key in {**before, **after} if not compare.same(_only(key, after), _only(key, before))]
    if not differing:
        return "unchanged"
    if len(differing) > 1:
        return "updated"
    return {"folder_uid": "moved", "title": "renamed"}.get(differing[0], "updated")


def _only(key: str, value: Json) -> Json:
    return {key: value[key]} if key in value else {}
