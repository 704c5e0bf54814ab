# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Writes the changes of a plan, one after the other, one request each where the API allows."""

import time
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import plan, present
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.declared import Declared
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import (
    Conflict,
    Forbidden,
    GrafanaError,
    NotAllowed,
    NotReachable,
    Unclear,
)

COUNT_PAUSES_SECONDS = (0.0, 0.5, 1.0, 2.0)
TRIES_AFTER_CONFLICT = 2
# Grafana waits five seconds for a locked SQLite database before it fails a write, as with "Failed to add datasource".
TRIES_AFTER_FAILURE = 4
NOT_NESTED = "This Grafana does not nest folders: Grafana 11 and newer do, 10 with the feature toggle nestedFolders."


def forget_lost_key(client: Client) -> None:
    """Make Grafana encrypt with new data keys: those of the lost key are in use for the day, and cannot be read."""
    _must_exist(client.post("/api/admin/encryption/rotate-data-keys", {}))


def apply(
    client: Client, changes: list[Change], wanted: Declared, existing: present.Present, write: bool = True
) -> None:
    """Write what has changed; what could not be written has its `error` set.

    Without `write`, an object in a folder that failed has its `error` set, as in a run, and nothing is written.

    One object's failure does not stop the others, but what lies in a folder that failed is left out. Where the server refuses the
    credentials or does not answer any more, the rest is left out.
    """
    failed_folders: set[str] = set()
    still_hold: dict[str, str] = {}
    stopped = ""
    for change in changes:
        if not change.error and change.changed:
            if stopped:
                change.error = f"{change.kind} '{change.uid}': left out. {stopped}"
            elif change.folder_uid in failed_folders and change.action != "deleted":
                change.error = f"{change.kind} '{change.uid}': left out, since its folder '{change.folder_uid}' failed."
            elif change.kind == "folder" and change.action == "deleted" and change.uid in still_hold:
                change.error = f"folder '{change.uid}': left as it is, since {still_hold[change.uid]} is still in it."
            elif write:
                stopped = _try(client, change, wanted, existing)
        if change.error and change.kind != "datasource":
            still_hold[_parent_before(change)] = f"{change.kind} '{change.uid}'"
            # A folder that the account may not read can be there all the same.
            if change.kind == "folder" and change.action != "deleted" and change.uid not in existing.hidden:
                failed_folders.add(change.uid)


def _parent_before(change: Change) -> str:
    """The folder in which the object is for as long as nothing was written."""
    return change.before.get("folder_uid") or change.before.get("parent_uid") or change.folder_uid


def _try(client: Client, change: Change, wanted: Declared, existing: present.Present) -> str:
    """Write one change; returns why nothing more can be written, if so."""
    try:
        _settle(client, change, wanted, existing)
    except GrafanaError as error:
        change.error = f"{change.kind} '{change.uid}': {error}"
        return str(error) if isinstance(error, (NotAllowed, NotReachable)) else ""
    return ""


def _settle(client: Client, change: Change, wanted: Declared, existing: present.Present) -> None:
    """Write until the object is as it is wanted: after a conflict once more, after a server error with growing pauses."""
    current, tries = change, 1
    while current.changed:
        try:
            _write(client, current)
            break
        except Conflict as error:
            if tries >= (TRIES_AFTER_FAILURE if isinstance(error, Unclear) else TRIES_AFTER_CONFLICT):
                raise
            if isinstance(error, Unclear):
                client.pause(tries)
        tries += 1
        current = _read_again(client, change, wanted, existing)
    change.path, change.version = current.path, current.version


def _read_again(client: Client, change: Change, wanted: Declared, existing: present.Present) -> Change:
    """What is left of the change: the object was changed meanwhile, or the write had arrived."""
    if change.action == "deleted":
        return change
    reading = {"folder": present.read_folder, "datasource": present.read_datasource, "dashboard": present.read_dashboard}
    reading[change.kind](client, existing, change.uid)
    if change.kind == "folder" and change.uid in existing.hidden:
        raise GrafanaError(existing.hidden[change.uid])
    left = plan.change_of(change.kind, change.item, wanted, existing)
    if left.error:
        raise GrafanaError(left.error.partition(": ")[2])
    return left


def _write(client: Client, change: Change) -> None:
    {"folder": _write_folder, "datasource": _write_datasource, "dashboard": _write_dashboard}[change.kind](client, change)


def _write_folder(client: Client, change: Change) -> None:
    path = f"/api/folders/{change.uid}"
    if change.action == "deleted":
        _refuse_to_lose(client, path)
        client.delete(path)
        return
    parent = change.after["parent_uid"]
    if change.action == "created":
        change.path = _must_exist(client.post("/api/folders", change.body)).get("url", change.path)
        # Grafana 10 answers with the parent, and has made the folder at the top level.
        if parent and _parent(client, path, parent) != parent:
            raise GrafanaError(f"it was made at the top level instead of in '{parent}'. {NOT_NESTED}")
        return
    if change.before["parent_uid"] != parent and client.post(f"{path}/move", {"parentUid": parent}) is None:
        raise GrafanaError(f"it cannot be moved. {NOT_NESTED}")
    if change.before["title"] != change.after["title"]:
        # With `overwrite` instead of the version, Grafana 10 renames another folder that has the title already.
        version = _must_exist(client.get(path))["version"]
        _must_exist(client.put(path, {"title": change.after["title"], "version": version}))


def _parent(client: Client, path: str, wanted: str) -> str:
    """The parent of a folder that was just made; the wanted one where the account may not read the folder."""
    try:
        return _must_exist(client.get(path)).get("parentUid") or ""
    except Forbidden:
        return wanted


def _refuse_to_lose(client: Client, path: str) -> None:
    """Raise GrafanaError where the folder holds what the search did not show, such as library panels; what was just removed may still count."""
    held: dict[str, int] = {}
    for pause in COUNT_PAUSES_SECONDS:
        time.sleep(pause)
        held = {kind: count for kind, count in (client.get(f"{path}/counts") or {}).items() if count}
        if not held:
            return
    contents = ", ".join(f"{count} {kind}" for kind, count in sorted(held.items()))
    raise GrafanaError(f"left as it is, since Grafana would remove with it {contents}. Move or remove that first.")


def _write_datasource(client: Client, change: Change) -> None:
    path = f"/api/datasources/uid/{change.uid}"
    if change.action == "deleted":
        client.delete(path)
        return
    if change.action != "created" and not change.recreate:
        _must_exist(client.put(path, change.body))
        return
    if change.recreate:
        client.delete(path)
    made = _must_exist(client.post("/api/datasources", change.body)).get("datasource", {})
    if change.body.get("isDefault") is False and made.get("isDefault"):
        # The first datasource of an organization becomes the default one, whatever is sent.
        client.put(path, {**change.body, "version": made.get("version")})


def _write_dashboard(client: Client, change: Change) -> None:
    if change.action == "deleted":
        client.delete(f"/api/dashboards/uid/{change.uid}")
        return
    answer = _must_exist(client.post("/api/dashboards/db", change.body))
    change.path, change.version = answer.get("url", change.path), answer.get("version")


def _must_exist(answer: Any) -> Any:
    if answer is None:
        raise GrafanaError("the server answers that it is not there any more. Run again.")
    return answer
