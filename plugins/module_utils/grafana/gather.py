# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What is there, in the form in which it can be asked for. Secrets cannot be read, so they are not in it."""

from typing import Any, Callable

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError, NotAllowed, NotReachable


def gather(client: Client, warn: Callable[[str], None]) -> dict[str, list[dict[str, Any]]]:
    """All datasources, folders and dashboards of the organization as the lists that `grafana_resources` takes.

    A dashboard that cannot be read, such as one in Grafana's v2 schema, is left out with a warning.
    """
    hits = client.search()
    found = [_dashboard(client, one, warn) for one in hits if one["type"] == "dash-db"]
    return {
        "datasources": [_datasource(client, one) for one in client.get("/api/datasources") or []],
        "folders": [_folder(one) for one in hits if one["type"] == "dash-folder"],
        "dashboards": [one for one in found if one],
    }


def _datasource(client: Client, listed: dict[str, Any]) -> dict[str, Any]:
    item = {
        "uid": listed["uid"],
        "name": listed["name"],
        "type": listed["type"],
        "access": listed["access"],
        "is_default": listed["isDefault"],
        "json_data": listed.get("jsonData") or {},
    }
    item.update({key: listed[key] for key in ("url", "user", "database") if listed.get(key)})
    if listed.get("basicAuth"):
        item["basic_auth_user"] = (client.get(f"/api/datasources/uid/{listed['uid']}") or {}).get("basicAuthUser") or None
    return {key: value for key, value in item.items() if value is not None}


def _folder(hit: dict[str, Any]) -> dict[str, Any]:
    return {"uid": hit["uid"], "title": hit["title"], **({"parent_uid": hit["folderUid"]} if hit.get("folderUid") else {})}


def _dashboard(client: Client, hit: dict[str, Any], warn: Callable[[str], None]) -> dict[str, Any]:
    try:
        answer = client.get(f"/api/dashboards/uid/{hit['uid']}")
    except (NotAllowed, NotReachable):
        raise
    except GrafanaError as error:
        warn(f"dashboard '{hit['uid']}' ({hit['title']}) is left out: {error}")
        return {}
    if answer is None:
        return {}
    model = {key: value for key, value in answer["dashboard"].items() if key not in ("id", "version")}
    folder = answer["meta"].get("folderUid")
    return {"uid": hit["uid"], "model": model, **({"folder_uid": folder} if folder else {})}
