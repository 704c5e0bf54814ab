# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Titles that other dashboards of the folder have, which Grafana before 11.3 refuses (grafana/grafana#90687)."""

from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import answers
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.version_numbers import is_before

_TAKES_EVERY_TITLE = (11, 3)
Place = tuple[str, str]


def refuse_taken(client: Client, version: str, changes: list[Change]) -> None:
    """Set the error of each dashboard whose title is that of one that keeps the title in this run."""
    dashboards = [change for change in changes if change.kind == "dashboard" and change.changed and not change.error]
    moving = [change for change in dashboards if _before(change) != _after(change)]
    arriving = [change for change in moving if change.action != "deleted"]
    if not arriving or not is_before(version, *_TAKES_EVERY_TITLE):
        return
    leaving = {change.uid for change in moving}
    hits = [hit for hit in client.search("dash-db") if hit["uid"] not in leaving]
    holders = {(answers.folder_uid(hit.get("folderUid")), hit["title"]): hit["uid"] for hit in hits}
    for change in arriving:
        holder = holders.get(_after(change) or ("", ""))
        if holder:
            change.error = (
                f"dashboard '{change.uid}': '{holder}' has the title '{change.name}' in the same folder, and Grafana"
                f" before 11.3 takes a title once in a folder. Give another title, or remove '{holder}'."
            )
        elif _moves_in_a_circle(change, arriving):
            change.error = (
                f"dashboard '{change.uid}': another dashboard has the title '{change.name}' and gives it up in a"
                " circle, which Grafana before 11.3 refuses. Rename one of the dashboards in an earlier run."
            )


def _moves_in_a_circle(change: Change, arriving: list[Change]) -> bool:
    holders = {_before(other): other for other in arriving if _before(other)}
    holder, passed = holders.get(_after(change)), list[str]()
    while holder and holder.uid not in passed:
        if holder is change:
            return True
        passed.append(holder.uid)
        holder = holders.get(_after(holder))
    return False


def _before(change: Change) -> Optional[Place]:
    return (change.before.get("folder_uid") or "", change.before["title"]) if change.before.get("title") else None


def _after(change: Change) -> Optional[Place]:
    return None if change.action == "deleted" else (change.folder_uid, change.name)
