# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What only the server knows of folders: whether they nest, and what Grafana would remove together with one."""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import Forbidden
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.version_numbers import is_before

# The search shows these, and what is removed in the same run still counts. Grafana 12 writes the plural.
_SEARCHED = ("dashboard", "folder")
# What the names of library panels begin with: librarypanel, library_elements.
_LIBRARY = "library"
FIRST_NESTED = 11
NOT_NESTED = "This Grafana does not nest folders: Grafana 11 and newer do, 10 with the feature toggle nestedFolders."


def refuse_to_nest(client: Client, version: str, changes: list[Change]) -> None:
    """Set the error of each folder with a parent if the server makes all folders at the top level.

    Grafana 9 and 10 nest folders with a feature toggle alone. Without it they take the parent, and ignore it.
    """
    to_nest = [change for change in changes if _is_to_nest(change)]
    if not to_nest or version and not is_before(version, FIRST_NESTED):
        return
    settings = client.web_settings()
    build, toggles = settings.get("buildInfo") or {}, settings.get("featureToggles")
    if (
        is_before(version or str(build.get("version")), FIRST_NESTED)
        and isinstance(toggles, dict)
        and not toggles.get("nestedFolders")
    ):
        for change in to_nest:
            change.error = f"folder '{change.uid}': it cannot be put into '{change.after['parent_uid']}'. {NOT_NESTED}"


def _is_to_nest(change: Change) -> bool:
    is_moved = change.kind == "folder" and change.action in ("created", "moved")
    return is_moved and bool(change.after["parent_uid"]) and not change.error


def check_removals(client: Client, changes: list[Change]) -> None:
    """Set the error of each removal of a folder that holds such objects."""
    for change in changes:
        if change.kind == "folder" and change.action == "deleted" and not change.error:
            try:
                every_kind = counts(client, change.uid)
            except Forbidden as error:
                change.error = f"folder '{change.uid}': {error}"
                continue
            held = {kind: count for kind, count in every_kind.items() if not kind.startswith(_SEARCHED)}
            if held:
                change.error = f"folder '{change.uid}': {refusal(held)}"


def counts(client: Client, uid: str) -> dict[str, int]:
    """Numbers of the objects in a folder by kind, without the kinds of which it has none."""
    every_kind = client.get(f"/api/folders/{uid}/counts") or {}
    if not any(kind.startswith(_LIBRARY) for kind in every_kind):
        every_kind = {**every_kind, "librarypanel": _library_panels(client, uid)}
    return {kind: count for kind, count in every_kind.items() if count}


def _library_panels(client: Client, uid: str) -> int:
    """How many library panels are in a folder.

    Grafana 9 and 10.0 do not count them, and remove those that no dashboard shows (pkg/api/folder.go). Some versions
    filter by the folder's number and others by its uid, so all are listed.
    """
    answer = client.get("/api/library-elements?perPage=100000") or {}
    elements = (answer.get("result") or {}).get("elements") or []
    return len([element for element in elements if (element.get("meta") or {}).get("folderUid") == uid])


def refusal(held: dict[str, int]) -> str:
    """Why the folder stays."""
    contents = ", ".join(f"{count} {kind}" for kind, count in sorted(held.items()))
    return f"left unchanged, since Grafana would remove with it {contents}. Move or remove that first."
