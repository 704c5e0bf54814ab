"""Library panels, by uid.

As pkg/services/libraryelements answers in Grafana 9 to 13. Its connections are found in the dashboards, as in 12.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, request

from stand_in.errors import ApiError
from stand_in.payload import body
from stand_in.store import Store


class LibraryElements:
    """The library panels of the stand-in."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._all: dict[str, dict[str, Any]] = store.state["library_elements"]

    def get(self, uid: str) -> dict[str, Any]:
        """One by uid."""
        if uid not in self._all:
            raise ApiError(404, "library element could not be found")
        return {"result": self._all[uid]}

    def listed(self) -> dict[str, Any]:
        """All of them; the pages of a real server are not made."""
        elements = list(self._all.values())
        return {"result": {"totalCount": len(elements), "elements": elements, "page": 1, "perPage": len(elements)}}

    def create(self, given: Any) -> dict[str, Any]:
        """Add one."""
        if not isinstance(given, dict) or not given.get("kind"):
            raise ApiError(400, "bad request data")
        uid = given.get("uid") or f"generated-{self._store.next_id('library_element')}"
        if uid in self._all or any(element["name"] == given["name"] for element in self._all.values()):
            raise ApiError(400, "library element with that name or UID already exists")
        model = {**given["model"], "libraryPanel": {"uid": uid, "name": given["name"]}}
        element = {key: given.get(key, "") for key in ("folderUid", "name", "kind")}
        element.update(id=self._store.next_id("library_element"), orgId=1, uid=uid, version=1)
        element["meta"] = {"folderUid": element["folderUid"]}
        element.update(type=model.get("type", ""), model=model)
        self._all[uid] = element
        self._store.save()
        return {"result": self._all[uid]}

    def delete(self, uid: str) -> dict[str, Any]:
        """Remove one that no dashboard shows."""
        element = self.get(uid)["result"]
        if any(_shows(dashboard["model"], uid) for dashboard in self._store.state["dashboards"].values()):
            raise ApiError(403, "the library element has connections")
        del self._all[uid]
        self._store.save()
        return {"message": "Library element deleted", "id": element["id"]}


def _shows(holder: dict[str, Any], uid: str) -> bool:
    panels = holder.get("panels") or []
    return any((panel.get("libraryPanel") or {}).get("uid") == uid or _shows(panel, uid) for panel in panels)


def add_library_routes(app: Flask, elements: LibraryElements) -> None:
    """Add the routes to the app."""

    @app.route("/api/library-elements", methods=["GET", "POST"])
    def library_elements() -> Any:
        return elements.listed() if request.method == "GET" else elements.create(body())

    @app.route("/api/library-elements/<uid>", methods=["GET", "DELETE"])
    def library_element(uid: str) -> Any:
        return elements.get(uid) if request.method == "GET" else elements.delete(uid)
