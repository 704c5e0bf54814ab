# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What is there, read with as few requests as the API allows."""

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError, NotAllowed, NotReachable


@dataclass
class Present:
    """What the server has.

    `datasources` and `folders` are all there are, by uid, `dashboards` those that were asked for. Listed datasources lack their version and
    what concerns secrets; those that were asked for with either are whole. `hits` are what Grafana's search finds:
    folders and dashboards where something may be removed, otherwise the folders. `errors` are those of objects that cannot be read, by kind
    and uid. `answered` is false where no server was asked.
    """

    datasources: dict[str, dict[str, Any]] = field(default_factory=dict)
    folders: dict[str, dict[str, Any]] = field(default_factory=dict)
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)
    hits: list[dict[str, Any]] = field(default_factory=list)
    errors: dict[tuple[str, str], str] = field(default_factory=dict)
    answered: bool = True

    def names(self) -> dict[str, str]:
        """Uids of the datasources by name."""
        return {one["name"]: uid for uid, one in self.datasources.items()}

    def contents(self, folder_uid: str) -> list[dict[str, Any]]:
        """What the search found in a folder."""
        return [one for one in self.hits if one.get("folderUid") == folder_uid]


def has_secrets(item: dict[str, Any]) -> bool:
    """Whether the list of datasources does not tell enough of this one."""
    return bool(item["secure_json_data"] or item["basic_auth_user"] is not None)


def read(client: Client, wanted: dict[str, Any]) -> Present:
    """Read what concerns the wanted objects."""
    present = Present()
    if wanted["datasources"] or wanted["dashboards"] or wanted["prune"]:
        present.datasources = {one["uid"]: one for one in client.get("/api/datasources") or []}
    for item in wanted["datasources"]:
        if item["uid"] in present.datasources and has_secrets(item):
            read_datasource(client, present, item["uid"])
    _read_folders(client, present, wanted)
    for item in wanted["dashboards"]:
        read_dashboard(client, present, item["uid"])
    return present


def _read_folders(client: Client, present: Present, wanted: dict[str, Any]) -> None:
    """All folders in one request. The search may lag behind, so what it does not show as it is wanted is read again by uid."""
    named = {item["folder_uid"] for item in wanted["dashboards"]} | {item["parent_uid"] for item in wanted["folders"]}
    if not (wanted["folders"] or named - {None, ""} or wanted["prune"]):
        return
    everything = wanted["prune"] or any(item["state"] == "absent" for item in wanted["folders"])
    present.hits = client.search("" if everything else "dash-folder")
    for one in present.hits:
        if one["type"] == "dash-folder":
            present.folders[one["uid"]] = {"uid": one["uid"], "title": one["title"], "parentUid": one.get("folderUid") or ""}
    for item in wanted["folders"]:
        there = present.folders.get(item["uid"])
        as_wanted = there is not None and (there["title"], there["parentUid"]) == (item["title"], item["parent_uid"] or "")
        if there is None if item["state"] == "absent" else not as_wanted:
            read_folder(client, present, item["uid"])
    for uid in named - set(present.folders) - {item["uid"] for item in wanted["folders"]} - {None, ""}:
        read_folder(client, present, uid)


def read_datasource(client: Client, present: Present, uid: str) -> None:
    """Read one datasource whole."""
    _put(present.datasources, uid, _get(client, present, "datasource", uid, f"/api/datasources/uid/{uid}"))


def read_folder(client: Client, present: Present, uid: str) -> None:
    """Read one folder."""
    answer = _get(client, present, "folder", uid, f"/api/folders/{uid}")
    _put(present.folders, uid, answer and {"uid": uid, "title": answer["title"], "parentUid": answer.get("parentUid") or ""})


def read_dashboard(client: Client, present: Present, uid: str) -> None:
    """Read one dashboard."""
    _put(present.dashboards, uid, _get(client, present, "dashboard", uid, f"/api/dashboards/uid/{uid}"))


def _get(client: Client, present: Present, kind: str, uid: str, path: str) -> Any:
    present.errors.pop((kind, uid), None)
    try:
        return client.get(path)
    except (NotAllowed, NotReachable):
        raise
    except GrafanaError as error:
        present.errors[kind, uid] = str(error)
        return None


def _put(found: dict[str, dict[str, Any]], uid: str, answer: Any) -> None:
    if answer:
        found[uid] = answer
    else:
        found.pop(uid, None)
