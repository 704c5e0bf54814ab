"""Dashboards, by uid."""

from __future__ import annotations

import re
from typing import Any

from stand_in.errors import ApiError
from stand_in.folders import Folders, slug
from stand_in.store import Store

_UID = re.compile(r"[a-zA-Z0-9_-]*")
_NOT_FOUND = "Dashboard not found"


class Dashboards:
    """The dashboards of the stand-in.

    As in 12.4, numbers are 64-bit floats, and an identical save makes no new version. A new uid with another
    dashboard's numeric id makes a copy.
    """

    def __init__(self, store: Store, folders: Folders) -> None:
        self._store = store
        self._folders = folders
        self._all: dict[str, dict[str, Any]] = store.state["dashboards"]

    def get(self, uid: str) -> dict[str, Any]:
        """One by uid, with what the server knows of it."""
        if uid not in self._all:
            raise ApiError(404, _NOT_FOUND)
        dashboard = self._all[uid]
        if dashboard.get("schema"):
            place = f"/apis/dashboard.grafana.app/{dashboard['schema']}/namespaces/default/dashboards/{uid}"
            raise ApiError(406, f"dashboard api version not supported, use {place} instead")
        name = slug(dashboard["model"]["title"])
        folder = dashboard["folderUid"]
        meta = {
            "type": "db",
            "slug": name,
            "url": f"/d/{uid}/{name}",
            "version": dashboard["version"],
            "isFolder": False,
            "folderId": self._folders.number(folder),
            "folderUid": folder,
            "folderTitle": self._folders.title(folder) if folder else "General",
            "provisioned": dashboard["provisioned"],
            "provisionedExternalId": dashboard.get("provisionedExternalId", ""),
        }
        return {
            "meta": meta,
            "dashboard": {**dashboard["model"], "id": dashboard["id"], "version": dashboard["version"]},
        }

    def save(self, body: Any) -> dict[str, Any]:
        """Add or replace one."""
        if not isinstance(body, dict) or body.get("dashboard") is None:
            raise ApiError(400, "bad request data")
        given = body["dashboard"] if isinstance(body["dashboard"], dict) else {}
        model = {key: value for key, value in given.items() if key not in ("id", "version")}
        if not str(model.get("title") or "").strip():
            raise ApiError(400, "Dashboard title cannot be empty", status="empty-name")
        uid = model.get("uid") or f"generated-{self._store.next_id('dashboard')}"
        if len(uid) > 40:
            raise ApiError(400, "uid too long, max 40 characters")
        if not _UID.fullmatch(uid):
            raise ApiError(400, "uid contains illegal characters")
        folder = body.get("folderUid") or ""
        if body.get("folderId") and not folder:
            folder = self._folders.uid(body["folderId"])
        if folder == "general":
            raise ApiError(404, 'folders.folder.grafana.app "general" not found')
        if folder and not self._folders.has(folder):
            raise ApiError(400, "folder not found")
        existing_dashboard = self._all.get(uid)
        if given.get("id") and not any(dashboard["id"] == given["id"] for dashboard in self._all.values()):
            raise ApiError(404, _NOT_FOUND, status="not-found")
        if given.get("id") and existing_dashboard and existing_dashboard["id"] != given["id"]:
            raise ApiError(400, "A dashboard with the same uid already exists")
        if existing_dashboard and existing_dashboard["provisioned"]:
            raise ApiError(400, "Cannot save provisioned dashboard")
        if existing_dashboard and not body.get("overwrite") and given.get("version") != existing_dashboard["version"]:
            raise ApiError(412, "The dashboard has been changed by someone else", status="version-mismatch")
        return self._put(uid, {**_as_floats(model), "uid": uid}, folder, existing_dashboard, given.get("id"))

    def _put(
        self,
        uid: str,
        model: dict[str, Any],
        folder: str,
        existing_dashboard: dict[str, Any] | None,
        number: int | None,
    ) -> dict[str, Any]:
        if existing_dashboard and (existing_dashboard["model"], existing_dashboard["folderUid"]) == (model, folder):
            version = existing_dashboard["version"]
        else:
            version = existing_dashboard["version"] + 1 if existing_dashboard else 1
            identifier = existing_dashboard["id"] if existing_dashboard else number or self._store.next_id("dashboard")
            self._all[uid] = {
                "id": identifier,
                "model": model,
                "folderUid": folder,
                "version": version,
                "provisioned": False,
            }
            self._store.save()
        name = slug(model["title"])
        answer = {"folderUid": folder, "id": self._all[uid]["id"], "slug": name, "status": "success", "uid": uid}
        return {**answer, "url": f"/d/{uid}/{name}", "version": version}

    def save_v2(self, uid: str, spec: dict[str, Any], folder: str, schema: str) -> None:
        """Add or replace one in the v2 schema."""
        existing_dashboard = self._all.get(uid)
        number, version = (
            (existing_dashboard["id"], existing_dashboard["version"])
            if existing_dashboard
            else (self._store.next_id("dashboard"), 0)
        )
        kept = {"id": number, "version": version + 1, "folderUid": folder, "provisioned": False}
        self._all[uid] = {**kept, "model": spec, "schema": schema}
        self._store.save()

    def resource(self, uid: str) -> dict[str, Any]:
        """One as the API below /apis gives it in its classic version: of a v2 schema, what both schemas have."""
        if uid not in self._all:
            raise ApiError(404, _NOT_FOUND)
        dashboard = self._all[uid]
        spec = dashboard["model"]
        if dashboard.get("schema"):
            spec = {"panels": [], "schemaVersion": 42, **{key: spec[key] for key in ("title", "tags") if key in spec}}
        folder = {"grafana.app/folder": dashboard["folderUid"]} if dashboard["folderUid"] else {}
        return {"metadata": {"generation": dashboard["version"], "annotations": folder}, "spec": spec}

    def delete(self, uid: str) -> dict[str, Any]:
        """Remove one."""
        if uid not in self._all:
            raise ApiError(404, _NOT_FOUND)
        if self._all[uid]["provisioned"]:
            raise ApiError(400, "provisioned dashboard cannot be deleted")
        title = self._all.pop(uid)["model"]["title"]
        self._store.save()
        return {"message": f"Dashboard {title} deleted", "title": title, "uid": uid}


def _as_floats(value: Any) -> Any:
    """A model with its integers rounded where a 64-bit float cannot hold them."""
    if isinstance(value, dict):
        return {key: _as_floats(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_floats(element) for element in value]
    return int(float(value)) if isinstance(value, int) and not isinstance(value, bool) else value
