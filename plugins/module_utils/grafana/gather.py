# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Existing objects, in the form of the module's options. Grafana does not return secrets, so they are left out."""

from typing import Callable, Optional, TypedDict, Union

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    answers,
    datasource,
    desired,
    library_panels,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import (
    Forbidden,
    GrafanaError,
    NotAllowed,
    NotReachable,
)

# Marks that count for a datasource of this server alone.
_OF_THIS_SERVER = (datasource.OWNER_KEY, datasource.SECRET_KEY_KEY)
# Of an export that somebody saved as it was: its inputs are not filled in, and are not to be.
_NOT_OF_THE_MODEL = ("id", "version", "__inputs", "__requires", "__elements")


class Gathered(TypedDict):
    """Items of the options of the same names, without options that have their default."""

    datasources: list[Json]
    folders: list[Json]
    dashboards: list[Json]


def gather(client: Client, warn: Callable[[str], None]) -> Gathered:
    """All datasources, folders and dashboards of the organization as the lists that `grafana_resources` takes.

    A dashboard holds the library panels that it shows in `__elements`, as in an export. A dashboard that cannot be
    read, such as one in Grafana's v2 schema, is left out with a warning. So are datasources that the account may not
    list.
    """
    hits = client.search()
    elements: dict[str, Optional[Json]] = {}
    dashboard_hits = [hit for hit in hits if hit["type"] == "dash-db"]
    answered = client.get_each([f"/api/dashboards/uid/{hit['uid']}" for hit in dashboard_hits])
    dashboards = [_dashboard(client, hit, answer, elements, warn) for hit, answer in zip(dashboard_hits, answered)]
    return {
        "datasources": _datasources(client, warn),
        "folders": [_folder(hit) for hit in hits if hit["type"] == "dash-folder"],
        "dashboards": [item for item in dashboards if item],
    }


def _datasources(client: Client, warn: Callable[[str], None]) -> list[Json]:
    try:
        every: list[answers.Datasource] = client.get("/api/datasources") or []
    except Forbidden as error:
        warn(f"The datasources are left out: {error}")
        return []
    return [_datasource(client, listed) for listed in every]


def _datasource(client: Client, listed: answers.Datasource) -> Json:
    item: Json = {
        "uid": listed["uid"],
        "name": listed["name"],
        "type": listed["type"],
        "access": listed["access"],
        "is_default": listed["isDefault"],
        "json_data": {
            key: value for key, value in (listed.get("jsonData") or {}).items() if key not in _OF_THIS_SERVER
        },
    }
    item.update({key: value for key, value in listed.items() if key in ("url", "user", "database") and value})
    if listed.get("basicAuth"):
        item["basic_auth_user"] = (client.get(f"/api/datasources/uid/{listed['uid']}") or {}).get(
            "basicAuthUser"
        ) or None
    return {key: value for key, value in item.items() if value is not None}


def _folder(hit: answers.Hit) -> Json:
    parent = answers.folder_uid(hit.get("folderUid"))
    return {"uid": hit["uid"], "title": hit["title"], **({"parent_uid": parent} if parent else {})}


def _dashboard(
    client: Client,
    hit: answers.Hit,
    answer: Union[answers.Dashboard, GrafanaError, None],
    elements: dict[str, Optional[Json]],
    warn: Callable[[str], None],
) -> Json:
    if isinstance(answer, GrafanaError):
        warn(f"dashboard '{hit['uid']}' ({hit['title']}) is left out: {answer}")
        return {}
    if answer is None:
        return {}
    model = {key: value for key, value in answer["dashboard"].items() if key not in _NOT_OF_THE_MODEL}
    shown = {uid: _element(client, uid, elements, warn) for uid in library_panels.referenced(model)}
    shown = {uid: element for uid, element in shown.items() if element}
    if shown:
        model["__elements"] = shown
    return {"uid": hit["uid"], "model": model, "folder_uid": answers.folder_of(answer["meta"]) or desired.TOP_LEVEL}


def _element(
    client: Client, uid: str, elements: dict[str, Optional[Json]], warn: Callable[[str], None]
) -> Optional[Json]:
    """A library panel, read once; None if the server does not have it, or it cannot be read."""
    if uid not in elements:
        elements[uid] = None
        try:
            answer = client.get(library_panels.path(uid))
        except (NotAllowed, NotReachable):
            raise
        except GrafanaError as error:
            warn(f"library panel '{uid}' is left out: {error}")
            return None
        if answer:
            elements[uid] = library_panels.element(uid, answer["result"]["name"], answer["result"]["model"])
    return elements[uid]
