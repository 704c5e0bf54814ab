# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Existing objects, read with as few requests as the API allows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Optional, TypeVar

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    answers,
    declared,
    library_panels,
    mark,
    schema_v2,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import (
    Forbidden,
    GrafanaError,
    NotAllowed,
    NotReachable,
)

Answer = TypeVar("Answer")


@dataclass
class Present:
    """What the server has.

    `datasources` and `folders` are all there are, by uid, `dashboards` those that were asked for or may be pruned.
    Listed datasources lack their version and what concerns secrets; those that were asked for with either are whole.
    `hits` are what Grafana's search finds: folders and dashboards if something may be removed, otherwise the
    folders. `errors` are those of objects that cannot be read, by kind and uid. `hidden` are those of folders that are
    missing, or that the account may not read. `forbids_datasources` is the error if the account may not list the
    datasources. `managers` are the tools that manage objects that a change overwrites. `uids_of_folders` are the
    requested uids of dashboards that belong to folders. `library_panels` says for each one asked for whether it exists.
    `answered` is false if no server was asked.
    """

    datasources: dict[str, answers.Datasource] = field(default_factory=dict)
    folders: dict[str, answers.Folder] = field(default_factory=dict)
    dashboards: dict[str, answers.Dashboard] = field(default_factory=dict)
    hits: list[answers.Hit] = field(default_factory=list)
    errors: dict[tuple[str, str], str] = field(default_factory=dict)
    hidden: dict[str, str] = field(default_factory=dict)
    managers: dict[tuple[str, str], str] = field(default_factory=dict)
    uids_of_folders: set[str] = field(default_factory=set)
    forbids_datasources: str = ""
    library_panels: dict[str, bool] = field(default_factory=dict)
    answered: bool = True

    def names(self) -> dict[str, str]:
        """Uids of the datasources by name."""
        return {datasource["name"]: uid for uid, datasource in self.datasources.items()}

    def contents(self, folder_uid: str) -> list[answers.Hit]:
        """What the search found in a folder."""
        return [hit for hit in self.hits if hit.get("folderUid") == folder_uid]


def has_secrets(item: declared.Datasource) -> bool:
    """Whether the list of datasources does not tell enough of this one."""
    return bool(item["secure_json_data"] or item["basic_auth_user"])


def read(client: Client, wanted: declared.Declared) -> Present:
    """Read what concerns the wanted objects."""
    present = Present()
    if wanted.datasources or wanted.dashboards or wanted.prune:
        _read_datasources(client, present, wanted)
    for datasource in wanted.datasources:
        if datasource["uid"] in present.datasources and has_secrets(datasource):
            read_datasource(client, present, datasource["uid"])
    _read_folders(client, present, wanted)
    uids = [dashboard["uid"] for dashboard in wanted.dashboards]
    uids += [hit["uid"] for hit in marked_hits(wanted, present.hits) if hit["uid"] not in uids]
    answered = client.get_each([_dashboard_path(uid) for uid in uids])
    for uid, answer in zip(uids, answered):
        if isinstance(answer, GrafanaError):
            _read_converted(client, present, uid, answer)
        else:
            _put_dashboard(present, uid, answer)
    return present


def marked_hits(wanted: declared.Declared, hits: list[answers.Hit]) -> list[answers.Hit]:
    """The dashboards that the search shows with their mark, if `prune` may remove them."""
    owner = wanted.owner if wanted.prune else None
    return [
        hit
        for hit in hits
        if owner
        and hit["type"] == "dash-db"
        and mark.is_on(hit.get("tags"), owner, hit["uid"], answers.folder_uid(hit.get("folderUid")))
    ]


def _read_datasources(client: Client, present: Present, wanted: declared.Declared) -> None:
    """All datasources in one request."""
    try:
        present.datasources = {listed["uid"]: listed for listed in client.get("/api/datasources") or []}
    except Forbidden as error:
        present.forbids_datasources = str(error)
        present.errors.update({("datasource", item["uid"]): str(error) for item in wanted.datasources})


def _read_folders(client: Client, present: Present, wanted: declared.Declared) -> None:
    """All folders in one request. The search may lag behind: folders that it does not show as declared are read again
    by uid.
    """
    holders = [item["folder_uid"] for item in wanted.dashboards] + [item["parent_uid"] for item in wanted.folders]
    named = {uid for uid in holders if uid}
    if not (wanted.folders or named or wanted.prune):
        return
    everything = wanted.prune or any(item["state"] == "absent" for item in wanted.folders)
    present.hits = client.search("" if everything else "dash-folder")
    for hit in present.hits:
        if hit["type"] == "dash-folder":
            parent = answers.folder_uid(hit.get("folderUid"))
            present.folders[hit["uid"]] = {"uid": hit["uid"], "title": hit["title"], "parentUid": parent}
    for item in wanted.folders:
        if not _is_settled(item, present.folders.get(item["uid"])):
            read_folder(client, present, item["uid"])
    for uid in named - set(present.folders) - {item["uid"] for item in wanted.folders}:
        read_folder(client, present, uid)


def _is_settled(item: declared.Folder, shown: Optional[answers.Folder]) -> bool:
    """Whether what the search shows of the folder can be relied on: it lags behind, and never ahead."""
    if item["state"] == "absent" or shown is None:
        return shown is not None
    return (shown["title"], shown["parentUid"]) == ((item["title"] or "").strip(), item["parent_uid"] or "")


def read_datasource(client: Client, present: Present, uid: str) -> None:
    """Read one datasource whole."""
    answer: Optional[answers.Datasource] = _get(client, present, "datasource", uid, f"/api/datasources/uid/{uid}")
    _put(present.datasources, uid, answer)


def read_folder(client: Client, present: Present, uid: str) -> None:
    """Read one folder. Grafana answers 403 for a missing folder, unless the account may read every folder."""
    present.hidden.pop(uid, None)
    try:
        answer = _get(client, present, "folder", uid, f"/api/folders/{uid}")
    except Forbidden as error:
        present.hidden[uid] = str(error)
        answer = None
    folder: Optional[answers.Folder] = None
    if answer:
        folder = {"uid": uid, "title": answer["title"], "parentUid": answer.get("parentUid") or ""}
    _put(present.folders, uid, folder)


def read_dashboard(client: Client, present: Present, uid: str) -> None:
    """Read one dashboard."""
    present.errors.pop(("dashboard", uid), None)
    try:
        _put_dashboard(present, uid, client.get(_dashboard_path(uid)))
    except (NotAllowed, NotReachable):
        raise
    except GrafanaError as error:
        _read_converted(client, present, uid, error)


def _read_converted(client: Client, present: Present, uid: str, error: GrafanaError) -> None:
    """Read a dashboard of Grafana's v2 schema as a classic one, if that is what the error says."""
    converted: Optional[answers.Dashboard] = None
    try:
        converted = schema_v2.dashboard(client, uid, error)
    except (NotAllowed, NotReachable):
        raise
    except GrafanaError as other:
        error = other
    _put(present.dashboards, uid, converted)
    if converted is None:
        present.errors["dashboard", uid] = str(error)


def _put_dashboard(present: Present, uid: str, answer: Optional[answers.Dashboard]) -> None:
    """Keep the answer. Grafana 11 and older also give, and remove with all in it, the folder that has the uid."""
    is_folder = answer is not None and bool(answer["meta"].get("isFolder"))
    if is_folder:
        present.uids_of_folders.add(uid)
    _put(present.dashboards, uid, None if is_folder else answer)


def _dashboard_path(uid: str) -> str:
    return f"/api/dashboards/uid/{uid}"


def read_library_panels(client: Client, present: Present, uids: Iterable[str]) -> None:
    """Ask which of the library panels are there. One that the account may not read counts as there."""
    for uid in uids:
        if uid in present.library_panels:
            continue
        try:
            present.library_panels[uid] = client.get(library_panels.path(uid)) is not None
        except Forbidden:
            present.library_panels[uid] = True


def _get(client: Client, present: Present, kind: str, uid: str, path: str) -> Any:
    present.errors.pop((kind, uid), None)
    try:
        return client.get(path)
    except (NotAllowed, NotReachable):
        raise
    except GrafanaError as error:
        if kind == "folder" and isinstance(error, Forbidden):
            raise
        present.errors[kind, uid] = str(error)
        return None


def _put(objects: dict[str, Answer], uid: str, answer: Optional[Answer]) -> None:
    if answer:
        objects[uid] = answer
    else:
        objects.pop(uid, None)
