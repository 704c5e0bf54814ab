# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Compares declared with existing objects and returns the changes that are needed, in order. Pure."""

from typing import cast

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    check_plan,
    compare,
    dashboard_change,
    datasource,
    declared,
    desired,
    folder,
    prune,
    renames,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present


def make(wanted: declared.Declared, present: Present) -> list[Change]:
    """All changes: folders from the top down, datasources, dashboards; then removals, folders last and from the deepest
    up.

    A datasource that another one takes the name of is removed before that.
    """
    check_plan.refuse_missing_folders(wanted, present)
    asked = [change_of(kind, item, wanted, present) for kind, item in _in_order(wanted)]
    check_plan.check_titles(asked)
    check_plan.refuse_circles(asked, present)
    kept = _with_renames_in_order([change for change in asked if change.action != "deleted"])
    removed = [change for change in asked if change.action == "deleted"]
    if wanted.prune and wanted.owner:
        removed += prune.removals(wanted, present, asked)
    names = {change.name for change in kept if change.kind == "datasource" and change.changed}
    first = [change for change in removed if change.kind == "datasource" and change.name in names]
    folders = sorted(
        (change for change in removed if change.kind == "folder"),
        key=lambda change: -len(folder.lineage(change.uid, present)),
    )
    removed = [change for change in removed if change.kind != "folder" and change not in first] + folders
    check_plan.keep_nonempty_folders(removed, kept, present)
    return first + kept + removed


def change_of(kind: str, item: declared.Item, wanted: declared.Declared, present: Present) -> Change:
    """The change of one object."""
    if kind == "folder":
        change = folder.change(cast(declared.Folder, item), present)
    elif kind == "datasource":
        names = renames.kept_names(wanted, present)
        stored = present.datasources.get(item["uid"])
        change = datasource.change(cast(declared.Datasource, item), stored, names, wanted.owner, wanted.secret_key)
        _leave_default_to_another(change, wanted)
    else:
        change = dashboard_change.change(cast(declared.Dashboard, item), wanted, present)
    non_finite = compare.non_finite(change.body)
    if non_finite and not change.error:
        path = non_finite.lstrip(".")
        change.error = f"{kind} '{item['uid']}': {path}, which JSON does not have. Give a finite number or null."
    manager = present.managers.get((kind, item["uid"]))
    if manager and change.changed and not change.error:
        change.error = (
            f"{kind} '{item['uid']}': {manager} manages it, and would revert changes made here."
            " Change it there, or set allow_managed to true."
        )
    if (kind, item["uid"]) in present.errors:
        change.error = f"{kind} '{item['uid']}': {present.errors[kind, item['uid']]}"
    return change


def _with_renames_in_order(changes: list[Change]) -> list[Change]:
    datasources = iter(renames.in_order([change for change in changes if change.kind == "datasource"]))
    return [next(datasources) if change.kind == "datasource" else change for change in changes]


def _leave_default_to_another(change: Change, wanted: declared.Declared) -> None:
    """Remove the mark of the default datasource if another one is declared as the default."""
    becomes_default = {item["uid"] for item in wanted.datasources if item["is_default"] and item["state"] == "present"}
    if becomes_default - {change.uid} and change.body.get("isDefault"):
        change.body["isDefault"] = False


def _in_order(wanted: declared.Declared) -> list[tuple[str, declared.Item]]:
    """The datasource that becomes the default one comes after the others: the old one stays it until the new one is."""
    datasources = sorted(wanted.datasources, key=lambda item: bool(item["is_default"]))
    return [
        *(("folder", item) for item in desired.top_down(wanted.folders)),
        *(("datasource", item) for item in datasources),
        *(("dashboard", item) for item in wanted.dashboards),
    ]
