# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What is there, read with as few requests as the API allows."""

from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client


@dataclass
class Present:
    """What the server has, by uid. Of folders and dashboards only those that were asked for; datasource_names maps every name to its uid."""

    folders: dict[str, dict[str, Any]] = field(default_factory=dict)
    datasources: dict[str, dict[str, Any]] = field(default_factory=dict)
    datasource_names: dict[str, str] = field(default_factory=dict)
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)


def read(client: Client, options: dict[str, Any]) -> Present:
    """Read what the options speak of."""
    listed = client.get("/api/datasources") or []
    present = Present(datasource_names={one["name"]: one["uid"] for one in listed})
    have = set(present.datasource_names.values())
    for item in options["datasources"]:
        if item["uid"] in have:
            _keep(present.datasources, item["uid"], client.get(f"/api/datasources/uid/{item['uid']}"))
    spoken_of = [item["uid"] for item in options["folders"]] + [item["parent_uid"] for item in options["folders"]]
    spoken_of += [item["folder_uid"] for item in options["dashboards"]]
    for uid in dict.fromkeys(uid for uid in spoken_of if uid):
        _keep(present.folders, uid, client.get(f"/api/folders/{uid}"))
    for item in options["dashboards"]:
        _keep(present.dashboards, item["uid"], client.get(f"/api/dashboards/uid/{item['uid']}"))
    return present


def _keep(found: dict[str, dict[str, Any]], uid: str, answer: Optional[dict[str, Any]]) -> None:
    if answer is not None:
        found[uid] = answer
