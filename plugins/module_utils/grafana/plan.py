# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""From what is wanted and what is there to the changes that are needed, in order. Pure."""

from typing import Optional, cast

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    answers,
    compare,
    dashboard,
    datasource,
    declared,
    desired,
    given,
    library_panels,
    mark,
    prune,
    references,
    renames,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present

MESSAGE = "Declared by mlops.gpu_monitoring"


def make(wanted: declared.Declared, present: Present) -> list[Change]:
    """All changes: folders from the top down, datasources, dashboards; then removals, folders last and from the deepest up.

    A datasource that another one takes the name of is removed before that.
    """
    _check_references(wanted, present)
    asked = [change_of(kind, item, wanted, present) for kind, item in _in_order(wanted)]
    _check_titles(asked)
    _refuse_circles(asked, present)
    kept = _with_renames_in_order([change for change in asked if change.action != "deleted"])
    removed = [change for change in asked if change.action == "deleted"]
    if wanted.prune and wanted.owner:
        removed += prune.removals(wanted, present, asked)
    names = {change.name for change in kept if change.kind == "datasource" and change.changed}
    first = [change for change in removed if change.kind == "datasource" and change.name in names]
    folders = sorted((change for change in removed if change.kind == "folder"), key=lambda change: -_depth(change.uid, present))
    removed = [change for change in removed if change.kind != "folder" and change not in first] + folders
    _keep_folders_that_hold_something(removed, kept, present)
    return first + kept + removed


def change_of(kind: str, item: declared.Item, wanted: declared.Declared, present: Present) -> Change:
    """The change of one object."""
    if kind == "folder":
        change = _folder(cast(declared.Folder, item), present)
    elif kind == "datasource":
        names = renames.kept_names(wanted, present)
        stored = present.datasources.get(item["uid"])
        change = datasource.change(cast(declared.Datasource, item), stored, names, wanted.owner, wanted.secret_key)
        _leave_default_to_another(change, wanted)
    else:
        change = _dashboard(cast(declared.Dashboard, item), wanted, present)
    non_finite = compare.non_finite(change.body)
    if non_finite and not change.error:
        path = non_finite.lstrip(".")
        change.error = f"{kind} '{item['uid']}': {path}, which JSON does not have. Give a finite number or null."
    manager = present.managers.get((kind, item["uid"]))
    if manager and change.changed and not change.error:
        change.error = (
            f"{kind} '{item['uid']}': {manager} manages it, and would put back what is changed here."
            " Change it there, or set allow_managed to true."
        )
    if (kind, item["uid"]) in present.errors:
        change.error = f"{kind} '{item['uid']}': {present.errors[kind, item['uid']]}"
    return change


def _with_renames_in_order(changes: list[Change]) -> list[Change]:
    datasources = iter(renames.in_order([change for change in changes if change.kind == "datasource"]))
    return [next(datasources) if change.kind == "datasource" else change for change in changes]


def _leave_default_to_another(change: Change, wanted: declared.Declared) -> None:
    """Let the datasource not repeat that it is the default one where another one is to be."""
    becomes_default = {item["uid"] for item in wanted.datasources if item["is_default"] and item["state"] == "present"}
    if becomes_default - {change.uid} and change.body.get("isDefault"):
        change.body["isDefault"] = False


def _in_order(wanted: declared.Declared) -> list[tuple[str, declared.Item]]:
    """The datasource that becomes the default one comes after the others: the old one stays it until the new one is."""
    datasources = sorted(wanted.datasources, key=lambda item: bool(item["is_default"]))
    return [
        *(("folder", folder) for folder in desired.top_down(wanted.folders)),
        *(("datasource", item) for item in datasources),
        *(("dashboard", item) for item in wanted.dashboards),
    ]


def refuse_bad_models(changes: list[Change], wanted: declared.Declared, present: Present) -> None:
    """Raise GrafanaError with everything that would not work in the dashboards that are about to be written."""
    types = None if present.forbids_datasources else _types(wanted, present)
    problems = [
        f"dashboard '{change.uid}': {problem}"
        for change in changes
        if change.kind == "dashboard" and change.body and not change.error
        for problem in [
            *references.problems(change.body["dashboard"], _given(change.item), types, present.library_panels),
            *desired.problems_of_model(change.body["dashboard"]),
        ]
    ]
    if problems:
        raise GrafanaError(" ".join(problems))


def _given(item: declared.Item) -> Json:
    model = cast(declared.Dashboard, item)["model"]
    return {} if model is None else given.parse(model)


def _types(wanted: declared.Declared, present: Present) -> dict[str, str]:
    """The types of the datasources that will be there, by uid and by name."""
    gone = {item["uid"] for item in wanted.datasources if item["state"] == "absent"}
    stored = {uid: datasource for uid, datasource in present.datasources.items() if uid not in gone}
    types = {key: datasource.get("type", "") for uid, datasource in stored.items() for key in (uid, datasource["name"])}
    for item in wanted.datasources:
        if item["state"] == "present":
            types.update({item["uid"]: item["type"], item["name"] or item["uid"]: item["type"]})
    return types


def shortest_refresh(changes: list[Change]) -> Optional[Change]:
    """The dashboard that is about to be written with the shortest refresh, if one has any."""
    refreshing = [(seconds, change) for change in changes for seconds in [_refresh(change)] if seconds is not None]
    return min(refreshing, key=lambda pair: pair[0])[1] if refreshing else None


def _refresh(change: Change) -> Optional[float]:
    """Seconds after which the dashboard that is about to be written refreshes; None where it does not."""
    refresh = (change.body.get("dashboard") or {}).get("refresh")
    return desired.seconds(refresh) if isinstance(refresh, str) else None


def refuse_refresh(change: Change, minimum: str) -> None:
    """Raise GrafanaError where a dashboard refreshes more often than the server allows."""
    least, refresh = desired.seconds(minimum), _refresh(change)
    if least is not None and refresh is not None and refresh < least:
        raise GrafanaError(
            f"dashboard '{change.uid}': refresh {change.body['dashboard']['refresh']} is below the server's minimum of {minimum}."
            " Raise it, or lower min_refresh_interval in Grafana's section [dashboards]."
        )


def _check_references(wanted: declared.Declared, present: Present) -> None:
    absent = {item["uid"] for item in wanted.folders if item["state"] == "absent"}
    folders = (set(present.folders) | set(present.hidden) | {item["uid"] for item in wanted.folders}) - absent
    references = [
        *(
            (f"folders[{number}].parent_uid", item["parent_uid"], item["state"])
            for number, item in enumerate(wanted.folders)
        ),
        *(
            (f"dashboards[{number}].folder_uid", dashboard_item["folder_uid"], dashboard_item["state"])
            for number, dashboard_item in enumerate(wanted.dashboards)
        ),
    ]
    for option, uid, state in references:
        if state == "present" and uid and uid not in folders and present.answered:
            raise GrafanaError(f"{option}: there is no folder '{uid}'. Add it to folders.")


def _check_titles(changes: list[Change]) -> None:
    """Two objects of one title in one folder are a slip, unless the server has both already."""
    seen: dict[tuple[str, str, str], Change] = {}
    for change in changes:
        if change.kind == "datasource" or change.item["state"] == "absent":
            continue
        other = seen.setdefault((change.kind, change.folder_uid, change.name), change)
        if other is not change and (other.changed or change.changed):
            raise GrafanaError(
                f"{change.kind}s: '{other.uid}' and '{change.uid}' have the same title, '{change.name}',"
                " in the same folder. Give each its own title."
            )


def _refuse_circles(changes: list[Change], present: Present) -> None:
    """Give an error to the move of a folder into one of its own descendants, which Grafana refuses."""
    parents = {uid: folder["parentUid"] for uid, folder in present.folders.items()}
    parents.update({change.uid: change.folder_uid for change in changes if change.kind == "folder"})
    for change in changes:
        above, passed = change.folder_uid, set[str]()
        while change.kind == "folder" and above and above not in passed:
            if above == change.uid:
                change.error = (
                    f"folder '{change.uid}': parent_uid '{change.folder_uid}' lies in '{change.uid}' itself, which makes a circular"
                    f" reference. Declare '{change.folder_uid}' with another parent_uid, or give another parent."
                )
                break
            passed.add(above)
            above = parents.get(above, "")


def _folder(item: declared.Folder, present: Present) -> Change:
    uid, existing_folder = item["uid"], present.folders.get(item["uid"])
    parent, title = item["parent_uid"] or "", (item["title"] or "").strip()
    change = Change("folder", uid, title or uid, item, folder_uid=parent, path=f"/dashboards/f/{uid}")
    now: Json = {}
    if existing_folder:
        now = {"title": existing_folder["title"], "parent_uid": existing_folder["parentUid"]}
    if item["state"] == "absent":
        change.action, change.before = ("deleted", now) if existing_folder else ("unchanged", {})
        return change
    wanted = {"title": title, "parent_uid": parent}
    if now == wanted:
        return change
    change.before, change.after = now, wanted
    if not existing_folder:
        change.action = "created"
        change.body = {"uid": uid, "title": title, **({"parentUid": parent} if parent else {})}
    else:
        change.action = "renamed" if now["parent_uid"] == parent else "moved"
    return change


def _dashboard(item: declared.Dashboard, wanted: declared.Declared, present: Present) -> Change:
    owner, existing = wanted.owner, present.dashboards.get(item["uid"])
    uid, title = item["uid"], item["title"] or item["uid"]
    meta: answers.DashboardMeta = existing["meta"] if existing else {}
    folder = answers.folder_of(meta) if item["folder_uid"] is None else item["folder_uid"]
    change = Change("dashboard", uid, title, item, folder_uid=folder, path=meta.get("url", f"/d/{uid}"))
    change.version = meta.get("version")
    stored = existing["dashboard"] if existing else {}
    before = {**compare.canonical_dashboard(stored), "folder_uid": answers.folder_of(meta)} if existing else {}
    if item["state"] == "absent":
        change.action, change.before = ("deleted", before) if existing else ("unchanged", {})
    else:
        model = {**_model(item, stored, wanted, present), "uid": uid}
        if owner:
            # Where the folder is left as it is, so is the mark: a dashboard that somebody moved is theirs to remove.
            kept = mark.kept(stored.get("tags"), owner) if item["folder_uid"] is None else None
            model = mark.marked(model, owner, kept or mark.of(owner, uid, folder))
        if existing:
            model = compare.keep(model, stored, item["ignore_paths"])
        change.name = model["title"]
        after = {**compare.canonical_dashboard(model), "folder_uid": change.folder_uid}
        change.action = _action(before, after)
        if change.action == "updated":
            without_marks = _action(mark.without(before), mark.without(after))
            change.action = "updated" if without_marks == "unchanged" else without_marks
        if change.changed:
            change.before, change.after = before, after
            change.body = {"dashboard": model, "folderUid": change.folder_uid, "overwrite": False, "message": MESSAGE}
            if existing:
                model["version"] = stored.get("version", change.version)
    if change.changed and meta.get("provisioned"):
        change.error = (
            f"dashboard '{uid}': it comes from the provisioning file {meta.get('provisionedExternalId') or 'of the server'}"
            " and cannot be changed over the API. Change it there."
        )
    return change


def _model(item: declared.Dashboard, stored: Json, wanted: declared.Declared, present: Present) -> Json:
    """The item's JSON model. A library panel that the stored dashboard shows, and the server has, stays one."""
    shared = frozenset(uid for uid in library_panels.referenced(stored) if present.library_panels.get(uid, True))
    try:
        return dashboard.model(item, _types(wanted, present), shared)
    except GrafanaError as error:
        raise GrafanaError(f"dashboard '{item['uid']}': {error}") from error


def _action(before: Json, after: Json) -> str:
    if not before:
        return "created"
    differing = [key for key in {**before, **after} if not compare.same(_only(key, after), _only(key, before))]
    if not differing:
        return "unchanged"
    return {"folder_uid": "moved", "title": "renamed"}.get(differing[0], "updated") if len(differing) == 1 else "updated"


def _only(key: str, value: Json) -> Json:
    return {key: value[key]} if key in value else {}


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
