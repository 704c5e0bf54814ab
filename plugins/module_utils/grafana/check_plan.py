# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What of a plan cannot be carried out, or would lose something. Pure."""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import declared
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present


def refuse_missing_folders(wanted: declared.Declared, present: Present) -> None:
    """Raise GrafanaError if something is declared in a folder that does not exist."""
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
    uids_by_title = {str(folder["title"]): folder_uid for folder_uid, folder in present.folders.items()}
    for option, uid, state in references:
        if state == "present" and uid and uid not in folders and present.answered:
            advice = "Declare the folder, or correct the uid."
            if uid in uids_by_title:
                advice = f"It is a title. Give the uid, '{uids_by_title[uid]}'."
            raise GrafanaError(f"{option}: there is no folder '{uid}'. {advice}")


def check_titles(changes: list[Change]) -> None:
    """Two objects of one title in one folder are a slip, unless the server has both there already."""
    seen: dict[tuple[str, str, str], Change] = {}
    for change in changes:
        if change.kind == "datasource" or change.item["state"] == "absent":
            continue
        other = seen.setdefault((change.kind, change.folder_uid, change.name), change)
        if other is not change and (_arrives(other) or _arrives(change)):
            raise GrafanaError(
                f"{change.kind}s: '{other.uid}' and '{change.uid}' have the same title, '{change.name}',"
                " in the same folder. Give each its own title."
            )


def _arrives(change: Change) -> bool:
    """Whether the object gets its title or comes into its folder in this run."""
    before = change.before
    holder = before.get("folder_uid") or before.get("parent_uid") or ""
    return change.changed and (before.get("title"), holder) != (change.name, change.folder_uid)


def refuse_circles(changes: list[Change], present: Present) -> None:
    """Give an error to the move of a folder into one of its own descendants, which Grafana refuses."""
    parents = {uid: folder["parentUid"] for uid, folder in present.folders.items()}
    parents.update({change.uid: change.folder_uid for change in changes if change.kind == "folder"})
    for change in changes:
        above, passed = change.folder_uid, set[str]()
        while change.kind == "folder" and above and above not in passed:
            if above == change.uid:
                change.error = (
                    f"folder '{change.uid}': parent_uid '{change.folder_uid}' is in '{change.uid}' itself, which makes"
                    f" a circular reference. Declare '{change.folder_uid}' with another parent_uid,"
                    " or give another parent."
                )
                break
            passed.add(above)
            above = parents.get(above, "")


def keep_nonempty_folders(removed: list[Change], kept: list[Change], present: Present) -> None:
    """Give an error to every removal of a folder that would take something along that is not removed by itself."""
    going = {change.uid for change in removed if change.kind != "datasource"}
    # What cannot be read or moved stays where it is.
    staying = {change.uid for change in kept if change.kind != "datasource" and not change.error}
    declared_objects = [change for change in kept if change.kind != "datasource" and change.item["state"] == "present"]
    for change in removed:
        if change.kind != "folder":
            continue
        held = [hit for hit in present.contents(change.uid) if hit["uid"] not in going | staying]
        held_names = sorted(f"{hit['title']} ({hit['uid']})" for hit in held)
        held_uids = {hit["uid"] for hit in held}
        inside = {other.uid for other in declared_objects if other.folder_uid == change.uid}
        held_names += sorted(inside - held_uids)
        if held_names:
            going.discard(change.uid)
            change.error = (
                f"folder '{change.uid}': left unchanged, since Grafana would remove with it {', '.join(held_names[:5])}"
                f"{' and more' if len(held_names) > 5 else ''}. Move or remove that first."
            )
