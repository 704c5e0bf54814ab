"""Folders, nested."""

from __future__ import annotations

import re
from typing import Any

from stand_in.errors import ApiError
from stand_in.store import Store

_UID = re.compile(r"[a-zA-Z0-9_-]*")
MAX_DEPTH = 4


def slug(title: str) -> str:
    """A title as it stands in a URL."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


class Folders:
    """The folders of the stand-in."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._all: dict[str, dict[str, Any]] = store.state["folders"]

    def has(self, uid: str) -> bool:
        """Whether there is one of this uid."""
        return uid in self._all

    def title(self, uid: str) -> str:
        """The title of one; empty for the top level."""
        return self._all[uid]["title"] if uid in self._all else ""

    def number(self, uid: str) -> int:
        """The numeric id of one; 0 for the top level."""
        return int(self._all[uid]["id"]) if uid in self._all else 0

    def uid(self, number: int) -> str:
        """The uid of the one with a numeric id."""
        for uid, folder in self._all.items():
            if folder["id"] == number:
                return uid
        raise ApiError(400, "folder not found")

    def listed(self, parent: str) -> list[dict[str, Any]]:
        """Those of one level, in the short form of the list."""
        level = [folder for folder in self._all.values() if folder["parentUid"] == parent]
        more = {"parentUid": parent} if parent else {}
        return [{"id": folder["id"], "uid": folder["uid"], "title": folder["title"], **more} for folder in level]

    def get(self, uid: str) -> dict[str, Any]:
        """One by uid, with its parents."""
        folder = self._find(uid)
        url = f"/dashboards/f/{uid}/{slug(folder['title'])}"
        shown = {
            "id": folder["id"],
            "uid": uid,
            "orgId": 1,
            "title": folder["title"],
            "url": url,
            "version": folder["version"],
        }
        parents: list[dict[str, str]] = []
        above = folder["parentUid"]
        while above in self._all:
            parents.insert(0, {"uid": above, "title": self._all[above]["title"]})
            above = self._all[above]["parentUid"]
        return {**shown, **({"parentUid": folder["parentUid"], "parents": parents} if folder["parentUid"] else {})}

    def create(self, body: Any) -> dict[str, Any]:
        """Add one."""
        if not isinstance(body, dict):
            raise ApiError(400, "bad request data")
        uid = body.get("uid") or f"generated-{self._store.next_id('folder')}"
        if not body.get("title"):
            raise ApiError(400, "folder title cannot be empty")
        if len(uid) > 40:
            raise ApiError(400, "uid too long, max 40 characters")
        if not _UID.fullmatch(uid):
            reason = f"metadata.name: Invalid value: \"{uid}\": may not contain '/'"
            raise ApiError(422, f'Folder.folder.grafana.app "{uid}" is invalid: {reason}')
        if uid == "general":
            raise ApiError(500, "Folder API error: invalid uid for folder provided")
        if uid in self._all:
            raise ApiError(412, "the folder has been changed by someone else")
        if self._depth(body.get("parentUid") or "") > MAX_DEPTH:
            raise ApiError(500, f"folder max depth exceeded, max depth is {MAX_DEPTH}")
        self._all[uid] = {
            "id": self._store.next_id("folder"),
            "uid": uid,
            "title": body["title"],
            "parentUid": body.get("parentUid") or "",
            "version": 1,
        }
        self._store.save()
        return self.get(uid)

    def update(self, uid: str, body: Any) -> dict[str, Any]:
        """Rename one; needs its version, or `overwrite`."""
        folder = self._find(uid)
        if not body.get("title"):
            raise ApiError(400, "Dashboard title cannot be empty")
        if not body.get("overwrite") and body.get("version") != folder["version"]:
            raise ApiError(412, "The dashboard has been changed by someone else")
        if folder["title"] != body["title"]:
            folder["title"], folder["version"] = body["title"], folder["version"] + 1
        self._store.save()
        return self.get(uid)

    def move(self, uid: str, body: Any) -> dict[str, Any]:
        """Put one into another, or to the top level."""
        folder, parent = self._find(uid), body.get("parentUid") or ""
        above = parent
        while above:
            if above == uid:
                raise ApiError(
                    500, "cannot move folder under its own descendant, this would create a circular reference"
                )
            above = self._all.get(above, {}).get("parentUid", "")
        if folder["parentUid"] != parent:
            folder["parentUid"], folder["version"] = parent, folder["version"] + 1
        self._store.save()
        return self.get(uid)

    def delete(self, uid: str) -> dict[str, Any]:
        """Remove one with all that is in it."""
        if uid not in self._all:
            raise ApiError(404, f'folders.folder.grafana.app "{uid}" not found')
        for child in [folder["uid"] for folder in self._all.values() if folder["parentUid"] == uid]:
            self.delete(child)
        dashboards = self._store.state["dashboards"]
        for dashboard in [key for key, model in dashboards.items() if model["folderUid"] == uid]:
            del dashboards[dashboard]
        del self._all[uid]
        self._store.save()
        return {"message": "Folder deleted"}

    def counts(self, uid: str) -> dict[str, int]:
        """Numbers of what is in one, by kind (pkg/services/folder/folderimpl, GetDescendantCounts)."""
        self._find(uid)
        held = {
            "folders": [folder for folder in self._all.values() if folder["parentUid"] == uid],
            "dashboards": [
                dashboard for dashboard in self._store.state["dashboards"].values() if dashboard["folderUid"] == uid
            ],
            "library_elements": [
                element for element in self._store.state["library_elements"].values() if element["folderUid"] == uid
            ],
        }
        return {"alertrules": 0, **{kind: len(objects) for kind, objects in held.items()}}

    def _depth(self, uid: str) -> int:
        """How many folders lie above what is in this one."""
        return 1 + self._depth(self._all[uid]["parentUid"]) if uid in self._all else 0

    def _find(self, uid: str) -> dict[str, Any]:
        if uid not in self._all:
            raise ApiError(404, "folder not found", status="not-found")
        return self._all[uid]
