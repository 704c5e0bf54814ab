# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The requests that write one object. Each function returns whether it wrote: False if somebody else was first."""

import time
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import check_folders, datasource
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import (
    Conflict,
    Forbidden,
    GrafanaError,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present

COUNT_PAUSES_SECONDS = (0.0, 0.5, 1.0, 2.0)


def write(client: Client, change: Change, existing: Present) -> bool:
    """Write the change."""
    if change.kind == "datasource":
        return _write_datasource(client, change, existing)
    return {"folder": _write_folder, "dashboard": _write_dashboard}[change.kind](client, change)


def must_exist(answer: Any) -> Any:
    """The answer; raises GrafanaError if the server answered 404."""
    if answer is None:
        raise GrafanaError("the server answers that it no longer exists. Run again.")
    return answer


def _write_folder(client: Client, change: Change) -> bool:
    path = f"/api/folders/{change.uid}"
    if change.action == "deleted":
        _refuse_to_lose(client, change.uid)
        return client.delete(path)
    parent, title = change.after["parent_uid"], change.after["title"]
    if change.action == "created":
        change.path = must_exist(client.post("/api/folders", change.body)).get("url", change.path)
        # Grafana 10 answers with the parent, and has made the folder at the top level.
        if parent and _parent(client, path, parent) != parent:
            raise GrafanaError(f"it was made at the top level instead of in '{parent}'. {check_folders.NOT_NESTED}")
        return True
    stored = must_exist(client.get(path))
    moves, renames = bool((stored.get("parentUid") or "") != parent), bool(stored["title"] != title)
    if moves:
        if client.post(f"{path}/move", {"parentUid": parent}) is None:
            raise GrafanaError(f"it cannot be moved. {check_folders.NOT_NESTED}")
        stored = must_exist(client.get(path)) if renames else stored
    if renames:
        # With `overwrite` instead of the version, Grafana 10 renames another folder that has the title already.
        must_exist(client.put(path, {"title": title, "version": stored["version"]}))
    return moves or renames


def _parent(client: Client, path: str, wanted: str) -> str:
    """The parent of a folder that was just made; the wanted one if the account may not read the folder."""
    try:
        return must_exist(client.get(path)).get("parentUid") or ""
    except Forbidden:
        return wanted


def _refuse_to_lose(client: Client, uid: str) -> None:
    """Raise GrafanaError if the folder holds what the search did not show, such as library panels.

    What was just removed may still count for a while.
    """
    held: dict[str, int] = {}
    for pause in COUNT_PAUSES_SECONDS:
        time.sleep(pause)
        held = check_folders.counts(client, uid)
        if not held:
            return
    raise GrafanaError(check_folders.refusal(held))


def _write_datasource(client: Client, change: Change, existing: Present) -> bool:
    path = f"/api/datasources/uid/{change.uid}"
    if change.action == "deleted":
        return client.delete(path)
    if change.takes_name_of:
        _take_name(client, change, path, existing)
    else:
        _put_or_post(client, change, path, existing)
    return True


def _put_or_post(client: Client, change: Change, path: str, existing: Present) -> None:
    if change.action != "created" and not change.recreate:
        # The version is another one than planned if the datasource gave its name up meanwhile.
        must_exist(client.put(path, {**change.body, "version": existing.datasources[change.uid].get("version")}))
        return
    if change.recreate:
        client.delete(path)
    made = must_exist(client.post("/api/datasources", change.body)).get("datasource", {})
    if change.body.get("isDefault") is False and made.get("isDefault"):
        # The first datasource of an organization becomes the default one, whatever is sent.
        client.put(path, {**change.body, "version": made.get("version")})


def _take_name(client: Client, change: Change, path: str, existing: Present) -> None:
    """Write the datasource under a name that another one has until later in this run, since names move in a circle."""
    holder = change.takes_name_of
    _rename(client, holder, change.name, f"{holder} (renamed by Ansible)", existing)
    try:
        _put_or_post(client, change, path, existing)
    except GrafanaError:
        _rename(client, holder, f"{holder} (renamed by Ansible)", change.name, existing)
        raise


def _rename(client: Client, uid: str, old: str, new: str, existing: Present) -> None:
    """Give a datasource that still has its old name another one, and leave all else, its secrets included, as it is."""
    path = f"/api/datasources/uid/{uid}"
    stored = must_exist(client.get(path))
    if stored["name"] == old:
        body: Json = {**datasource.repeated(stored), "uid": uid, "name": new}
        try:
            renamed = must_exist(client.put(path, body)).get("datasource")
            existing.datasources[uid] = renamed or must_exist(client.get(path))
        except Conflict:
            # The same task on another host renames it. Its answer to the next write tells whether that is so.
            return


def _write_dashboard(client: Client, change: Change) -> bool:
    if change.action == "deleted":
        return client.delete(f"/api/dashboards/uid/{change.uid}")
    answer = must_exist(client.post("/api/dashboards/db", change.body))
    change.path, change.version = answer.get("url", change.path), answer.get("version")
    return True
