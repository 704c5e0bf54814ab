"""Search for folders and dashboards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stand_in.errors import ApiError
from stand_in.folders import Folders, slug
from stand_in.store import Store

FOLDER, DASHBOARD = "dash-folder", "dash-db"
MOST = 5000
_TOP_LEVEL = "general"


@dataclass(frozen=True)
class Wanted:
    """What is searched for; what is left empty excludes nothing, and neither does an unknown kind.

    A hit has all of the tags, and is in one of the folders and of one of the uids.
    """

    kind: str = ""
    query: str = ""
    tags: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    uids: tuple[str, ...] = ()

    def fits(self, hit: dict[str, Any]) -> bool:
        """Whether a hit matches the query."""
        return self._fits_kind(hit) and self._fits_words(hit) and self._fits_place(hit)

    def _fits_kind(self, hit: dict[str, Any]) -> bool:
        return self.kind == hit["type"] or self.kind not in (FOLDER, DASHBOARD)

    def _fits_words(self, hit: dict[str, Any]) -> bool:
        return self.query.lower() in hit["title"].lower() and all(tag in hit["tags"] for tag in self.tags)

    def _fits_place(self, hit: dict[str, Any]) -> bool:
        in_folder = not self.folders or hit.get("folderUid", _TOP_LEVEL) in self.folders
        return in_folder and (not self.uids or hit["uid"] in self.uids)


class Search:
    """All folders and dashboards of a store."""

    def __init__(self, store: Store, folders: Folders) -> None:
        self._folders = folders
        self._all_folders: dict[str, dict[str, Any]] = store.state["folders"]
        self._all_dashboards: dict[str, dict[str, Any]] = store.state["dashboards"]

    def find(self, wanted: Wanted, limit: int = 1000, page: int = 1) -> list[dict[str, Any]]:
        """One page of the hits: folders first, then by title."""
        if limit > MOST:
            raise ApiError(
                422, f"Limit is above maximum allowed ({MOST}), use page parameter to access hits beyond limit"
            )
        hits = [hit for hit in (*self._folder_hits(), *self._dashboard_hits()) if wanted.fits(hit)]
        hits.sort(key=lambda hit: (hit["type"] != FOLDER, hit["title"].lower(), hit["uid"]))
        return hits[limit * (page - 1) : limit * page]

    def _folder_hits(self) -> list[dict[str, Any]]:
        """Without those in a folder that does not exist, which no listing of a real server has."""
        return [
            self._hit(FOLDER, uid, folder, folder["title"], folder["parentUid"], [])
            for uid, folder in self._all_folders.items()
            if not folder["parentUid"] or self._folders.has(folder["parentUid"])
        ]

    def _dashboard_hits(self) -> list[dict[str, Any]]:
        return [
            self._hit(
                DASHBOARD,
                uid,
                dashboard,
                dashboard["model"]["title"],
                dashboard["folderUid"],
                dashboard["model"].get("tags"),
            )
            for uid, dashboard in self._all_dashboards.items()
        ]

    def _hit(self, kind: str, uid: str, item: dict[str, Any], title: str, folder: str, tags: Any) -> dict[str, Any]:
        name = slug(title)
        url = f"/d/{uid}/{name}" if kind == DASHBOARD else f"/dashboards/f/{uid}/{name}"
        hit = {
            "id": item["id"],
            "uid": uid,
            "orgId": 1,
            "title": title,
            "uri": f"db/{name}",
            "url": url,
            "slug": "",
            "type": kind,
        }
        hit["tags"] = tags if isinstance(tags, list) else []
        return {**hit, "isStarred": False, **self._place(folder), "sortMeta": 0, "isDeleted": False}

    def _place(self, folder: str) -> dict[str, Any]:
        if not self._folders.has(folder):
            return {}
        place = self._folders.get(folder)
        return {"folderId": place["id"], "folderUid": folder, "folderTitle": place["title"], "folderUrl": place["url"]}
