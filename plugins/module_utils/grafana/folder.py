# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The change of one folder. Pure."""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import declared
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present


def change(item: declared.Folder, present: Present) -> Change:
    """The change."""
    uid, existing_folder = item["uid"], present.folders.get(item["uid"])
    parent, title = item["parent_uid"] or "", (item["title"] or "").strip()
    planned = Change("folder", uid, title or uid, item, folder_uid=parent, path=f"/dashboards/f/{uid}")
    now: Json = {}
    if existing_folder:
        now = {"title": existing_folder["title"], "parent_uid": existing_folder["parentUid"]}
    if item["state"] == "absent":
        planned.action, planned.before = ("deleted", now) if existing_folder else ("unchanged", {})
        return planned
    wanted = {"title": title, "parent_uid": parent}
    if now == wanted:
        return planned
    planned.before, planned.after = now, wanted
    if not existing_folder:
        planned.action = "created"
        planned.body = {"uid": uid, "title": title, **({"parentUid": parent} if parent else {})}
    else:
        planned.action = "renamed" if now["parent_uid"] == parent else "moved"
    return planned


def lineage(uid: str, present: Present) -> list[str]:
    """The folders that lead down to this one, from itself up."""
    passed: list[str] = []
    while uid in present.folders and uid not in passed:
        passed.append(uid)
        uid = present.folders[uid]["parentUid"]
    return passed
