# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Dashboards that somebody saved in Grafana's v2 schema. Grafana 12 and newer give them below /apis alone."""

import re
from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import answers
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError

# Where Grafana says that a dashboard is instead (406, pkg/api/dashboard.go).
_PLACE = re.compile(r"(?P<group>/apis/dashboard\.grafana\.app)/v2\w*/(?P<object>namespaces/[^/ ]+/dashboards/[^/ ]+)")


def resource(client: Client, error: GrafanaError) -> Optional[Json]:
    """The resource with the classic model to which Grafana converts the dashboard; None for any other error."""
    place = _PLACE.search(str(error))
    return client.get(f"{place['group']}/v1beta1/{place['object']}") if place else None


def dashboard(client: Client, uid: str, error: GrafanaError) -> Optional[answers.Dashboard]:
    """The dashboard as the classic API would give it; None for any other error."""
    converted = resource(client, error)
    if converted is None:
        return None
    metadata = converted.get("metadata") or {}
    # The generation is what the classic API calls the version.
    version = int(metadata.get("generation") or 0)
    folder = (metadata.get("annotations") or {}).get("grafana.app/folder") or ""
    meta: answers.DashboardMeta = {"url": f"/d/{uid}", "version": version, "folderUid": folder}
    return {"dashboard": {**(converted.get("spec") or {}), "version": version}, "meta": meta}
