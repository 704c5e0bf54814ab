# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Writes the changes of a plan, one request each where the API allows."""

from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError, NotAllowed, NotReachable
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.plan import Change


def apply(client: Client, changes: list[Change]) -> list[Change]:
    """Write what has changed and return what was written or needed nothing; the others have their `error` set.

    One object's failure does not stop the others, but what lies in a folder that failed is left out.
    """
    failed_folders: set[str] = set()
    done = []
    for change in changes:
        parent = change.after.get("parent_uid", "") if change.kind == "folder" else change.folder_uid
        if not change.error and parent in failed_folders:
            change.error = f"{change.kind} '{change.uid}': left out, since its folder '{parent}' failed."
        if not change.error and change.changed:
            try:
                _write(client, change)
            except (NotAllowed, NotReachable):
                raise
            except GrafanaError as error:
                change.error = f"{change.kind} '{change.uid}': {error}"
        if not change.error:
            done.append(change)
        elif change.kind == "folder":
            failed_folders.add(change.uid)
    return done


def _write(client: Client, change: Change) -> None:
    if change.kind == "folder":
        _write_folder(client, change)
    elif change.kind == "datasource":
        _write_datasource(client, change)
    else:
        _write_dashboard(client, change)


def _write_folder(client: Client, change: Change) -> None:
    path = f"/api/folders/{change.uid}"
    if change.action == "deleted":
        client.delete(path)
        return
    if change.action == "created":
        client.post("/api/folders", change.body)
        return
    if change.action == "moved":
        _must_exist(client.post(f"{path}/move", {"parentUid": change.after["parent_uid"]}), change)
    if change.before["title"] != change.after["title"]:
        _must_exist(client.put(path, {"title": change.after["title"], "overwrite": True}), change)


def _write_datasource(client: Client, change: Change) -> None:
    path = f"/api/datasources/uid/{change.uid}"
    if change.action == "deleted":
        client.delete(path)
    elif change.action == "created":
        client.post("/api/datasources", change.body)
    else:
        _must_exist(client.put(path, change.body), change)


def _write_dashboard(client: Client, change: Change) -> None:
    if change.action == "deleted":
        client.delete(f"/api/dashboards/uid/{change.uid}")
        return
    answer = _must_exist(client.post("/api/dashboards/db", change.body), change)
    change.path, change.version = answer.get("url", change.path), answer.get("version")


def _must_exist(answer: Any, change: Change) -> Any:
    if answer is None:
        raise GrafanaError("the server answers that it is not there any more. Run again.")
    return answer
