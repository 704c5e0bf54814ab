# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""From what is wanted and what is there to the changes that are needed, in order. Pure."""

from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import compare, dashboard, datasource, desired
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present

MESSAGE = "Declared by mlops.gpu_monitoring"


def make(wanted: dict[str, Any], present: Present) -> list[Change]:
    """All changes: folders from the top down, datasources, dashboards; then removals, folders last and from the deepest up.

    A datasource that another one takes the name of is removed before that.
    """
    _check_references(wanted, present)
    asked = [one(kind, item, wanted, present) for kind, item in _in_order(wanted)]
    _check_titles(asked)
    kept = [change for change in asked if change.action != "deleted"]
    removed = [change for change in asked if change.action == "deleted"]
    if wanted["prune"]:
        removed += _pruned(wanted, present, {(change.kind, change.uid) for change in asked})
    names = {change.name for change in kept if change.kind == "datasource" and change.changed}
    first = [change for change in removed if change.kind == "datasource" and change.name in names]
    folders = sorted((change for change in removed if change.kind == "folder"), key=lambda change: -_depth(change.uid, present))
    removed = [change for change in removed if change.kind != "folder" and change not in first] + folders
    _keep_folders_that_hold_something(removed, kept, present)
    return first + kept + removed


def one(kind: str, item: dict[str, Any], wanted: dict[str, Any], present: Present) -> Change:
    """The change of one object."""
    if kind == "folder":
        change = _folder(item, present)
    elif kind == "datasource":
        going = {other["uid"] for other in wanted["datasources"] if other["state"] == "absent"}
        names = {name: uid for name, uid in present.names().items() if uid not in going}
        change = datasource.change(item, present.datasources.get(item["uid"]), names, wanted["owner"])
    else:
        change = _dashboard(item, present.dashboards.get(item["uid"]), wanted["owner"])
    if (kind, item["uid"]) in present.errors:
        change.error = f"{kind} '{item['uid']}': {present.errors[kind, item['uid']]}"
    return change


def _in_order(wanted: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The datasource that becomes the default one comes after the others, since they repeat whether they are."""
    return (
        [("folder", item) for item in desired.top_down(wanted["folders"])]
        + [("datasource", item) for item in sorted(wanted["datasources"], key=lambda item: bool(item["is_default"]))]
        + [("dashboard", item) for item in wanted["dashboards"]]
    )


def refuse_bad_models(changes: list[Change], wanted: dict[str, Any], present: Present) -> None:
    """Raise GrafanaError with everything that would not work in the dashboards that are about to be written."""
    there = set(present.datasources) | set(present.names())
    there |= {item[key] for item in wanted["datasources"] if item["state"] == "present" for key in ("uid", "name")}
    gone = {item["uid"] for item in wanted["datasources"] if item["state"] == "absent"}
    problems = [
        f"dashboard '{change.uid}': {problem}"
        for change in changes
        if change.kind == "dashboard" and change.body
        for problem in desired.problems_of_model(change.body["dashboard"], there - gone)
    ]
    if problems:
        raise GrafanaError(" ".join(problems))


def shortest_refresh(changes: list[Change]) -> Optional[Change]:
    """The dashboard that is about to be written with the shortest refresh, if one has any."""
    refreshing = [change for change in changes if change.body.get("dashboard") and _refresh(change) is not None]
    return min(refreshing, key=_refresh) if refreshing else None


def _refresh(change: Change) -> Any:
    refresh = change.body["dashboard"].get("refresh")
    return desired.seconds(refresh) if isinstance(refresh, str) else None


def refuse_refresh(change: Change, minimum: str) -> None:
    """Raise GrafanaError where a dashboard refreshes more often than the server allows."""
    least = desired.seconds(minimum)
    if least is not None and _refresh(change) < least:
        raise GrafanaError(
            f"dashboard '{change.uid}': refresh {change.body['dashboard']['refresh']} is below the server's minimum of {minimum}."
            " Raise it, or lower min_refresh_interval in Grafana's section [dashboards]."
        )


def _check_references(wanted: dict[str, Any], present: Present) -> None:
    folders = (set(present.folders) | {item["uid"] for item in wanted["folders"]}) - {
        item["uid"] for item in wanted["folders"] if item["state"] == "absent"
    }
    for kind, key in (("folders", "parent_uid"), ("dashboards", "folder_uid")):
        for number, item in enumerate(wanted[kind]):
            if item["state"] == "present" and item[key] and item[key] not in folders and present.answered:
                raise GrafanaError(f"{kind}[{number}].{key}: there is no folder '{item[key]}'. Add it to folders.")


def _check_titles(changes: list[Change]) -> None:
    """Two objects of one title in one folder are a slip, unless the server has both already."""
    seen: dict[tuple[str, str, str], Change] = {}
    for change in changes:
        if change.kind == "datasource" or change.item["state"] == "absent":
            continue
        other = seen.setdefault((change.kind, change.folder_uid, change.name), change)
        if other is not change and (other.changed or change.changed):
            raise GrafanaError(
                f"{change.kind}s: '{other.uid}' and '{change.uid}' have the same title, '{change.name}', in the same folder. Give each its own title."
            )


def _folder(item: dict[str, Any], present: Present) -> Change:
    uid, there = item["uid"], present.folders.get(item["uid"])
    parent, title = item["parent_uid"] or "", (item["title"] or "").strip()
    change = Change("folder", uid, title or uid, item, folder_uid=parent, path=f"/dashboards/f/{uid}")
    now = {"title": there["title"], "parent_uid": there["parentUid"]} if there else {}
    if item["state"] == "absent":
        change.action, change.before = ("deleted", now) if there else ("unchanged", {})
        return change
    wanted = {"title": title, "parent_uid": parent}
    if now == wanted:
        return change
    change.before, change.after = now, wanted
    if not there:
        change.action = "created"
        change.body = {"uid": uid, "title": title, **({"parentUid": parent} if parent else {})}
    else:
        change.action = "renamed" if now["parent_uid"] == parent else "moved"
    return change


def _dashboard(item: dict[str, Any], there: Optional[dict[str, Any]], owner: Optional[str]) -> Change:
    uid, meta = item["uid"], (there or {}).get("meta") or {}
    change = Change("dashboard", uid, item["title"] or uid, item, folder_uid=item["folder_uid"] or "", path=meta.get("url", f"/d/{uid}"))
    change.version = meta.get("version")
    stored = there["dashboard"] if there else {}
    before = {**compare.canonical_dashboard(stored), "folder_uid": meta.get("folderUid") or ""} if there else {}
    if item["state"] == "absent":
        change.action, change.before = ("deleted", before) if there else ("unchanged", {})
    else:
        model = {**_marked(dashboard.model(item), owner), "uid": uid}
        if there:
            model = compare.keep(model, stored, item["ignore_paths"])
        change.name = model["title"]
        after = {**compare.canonical_dashboard(model), "folder_uid": change.folder_uid}
        change.action = _action(before, after)
        if change.changed:
            change.before, change.after = before, after
            change.body = {"dashboard": model, "folderUid": change.folder_uid, "overwrite": False, "message": MESSAGE}
            if there:
                model["version"] = stored.get("version", change.version)
    if change.changed and meta.get("provisioned"):
        change.error = (
            f"dashboard '{uid}': it comes from the provisioning file {meta.get('provisionedExternalId') or 'of the server'}"
            " and cannot be changed over the API. Change it there."
        )
    return change


def _marked(model: dict[str, Any], owner: Optional[str]) -> dict[str, Any]:
    tags = model.get("tags") or []
    tags = list(tags) if isinstance(tags, list) else [str(tags)]
    return {**model, "tags": tags + [owner]} if owner and owner not in tags else model


def _action(before: dict[str, Any], after: dict[str, Any]) -> str:
    if not before:
        return "created"
    differing = [key for key in {**before, **after} if not compare.same(_only(key, after), _only(key, before))]
    if not differing:
        return "unchanged"
    return {"folder_uid": "moved", "title": "renamed"}.get(differing[0], "updated") if len(differing) == 1 else "updated"


def _only(key: str, value: dict[str, Any]) -> dict[str, Any]:
    return {key: value[key]} if key in value else {}


def _pruned(wanted: dict[str, Any], present: Present, asked: set[tuple[str, str]]) -> list[Change]:
    """Removals of what has the owner's mark and was not asked for, in no order."""
    owner = wanted["owner"]
    needed = {item["folder_uid"] for item in wanted["dashboards"]} | {item["parent_uid"] for item in wanted["folders"]}
    changes = []
    for hit in present.hits:
        if hit["type"] == "dash-db" and owner in (hit.get("tags") or []) and ("dashboard", hit["uid"]) not in asked:
            changes.append(_removal("dashboard", hit["uid"], hit["title"], hit.get("folderUid") or "", {"title": hit["title"]}))
    for uid, there in present.datasources.items():
        if (there.get("jsonData") or {}).get(datasource.OWNER_KEY) == owner and ("datasource", uid) not in asked:
            change = _removal("datasource", uid, there["name"], "", {"name": there["name"], "type": there["type"]})
            change.error = datasource.read_only(uid, there)
            changes.append(change)
    for uid, there in present.folders.items():
        if (uid == owner or uid.startswith(f"{owner}-")) and ("folder", uid) not in asked and uid not in needed:
            changes.append(_removal("folder", uid, there["title"], there["parentUid"], {"title": there["title"], "parent_uid": there["parentUid"]}))
    return changes


def _removal(kind: str, uid: str, name: str, folder_uid: str, before: dict[str, Any]) -> Change:
    return Change(kind, uid, name, {"uid": uid, "state": "absent"}, "deleted", before=before, folder_uid=folder_uid)


def _depth(uid: str, present: Present) -> int:
    seen: list[str] = []
    while uid in present.folders and uid not in seen:
        seen.append(uid)
        uid = present.folders[uid]["parentUid"]
    return len(seen)


def _keep_folders_that_hold_something(removed: list[Change], kept: list[Change], present: Present) -> None:
    """Give an error to every removal of a folder that would take something along that is not removed by itself."""
    going = {change.uid for change in removed if change.kind != "datasource"}
    staying = {change.uid for change in kept if change.kind != "datasource"}
    for change in removed:
        if change.kind != "folder":
            continue
        held = [hit for hit in present.contents(change.uid) if hit["uid"] not in going | staying]
        held_names = sorted(f"{hit['title']} ({hit['uid']})" for hit in held)
        held_names += sorted(other.uid for other in kept if other.kind != "datasource" and other.folder_uid == change.uid)
        if held_names:
            going.discard(change.uid)
            change.error = (
                f"folder '{change.uid}': left as it is, since Grafana would remove with it {', '.join(held_names[:5])}"
                f"{' and more' if len(held_names) > 5 else ''}. Move or remove that first."
            )
