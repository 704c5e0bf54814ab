# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What Grafana answers, as far as it is read, and the parts of it that are plain JSON."""

from typing import Any, Optional, TypedDict

# A dashboard, a panel or a datasource's settings: its plugin and its version decide on the keys.
Json = dict[str, Any]


class Datasource(TypedDict, total=False):
    """A datasource. The list of datasources has neither `version` nor what concerns secrets."""

    uid: str
    name: str
    type: str
    access: str
    url: str
    user: str
    database: str
    basicAuth: bool
    basicAuthUser: str
    withCredentials: bool
    isDefault: bool
    jsonData: Json
    secureJsonFields: dict[str, bool]
    version: int
    readOnly: bool


class Folder(TypedDict):
    """A folder. `parentUid` is empty at the top level."""

    uid: str
    title: str
    parentUid: str


class DashboardMeta(TypedDict, total=False):
    """What Grafana knows of a dashboard beside its model."""

    url: str
    version: int
    folderUid: str
    provisioned: bool
    provisionedExternalId: str
    isFolder: bool


def is_of_file(meta: DashboardMeta, to_remove: bool) -> bool:
    """Whether the dashboard comes from a provisioning file that keeps the API from writing or from removing it.

    With `allowUiUpdates` of the file's provider a dashboard can be written. It can never be removed
    (pkg/services/dashboards/service/dashboard_service.go, "deleteDashboard").
    """
    return bool(meta.get("provisioned") or (to_remove and meta.get("provisionedExternalId")))


def folder_of(meta: DashboardMeta) -> str:
    """The uid of the folder that the dashboard is in; empty at the top level, which some answers call general."""
    return folder_uid(meta.get("folderUid"))


def folder_uid(shown: Optional[str]) -> str:
    """The uid of a folder; empty for the top level."""
    return "" if shown in (None, "general") else str(shown)


class Dashboard(TypedDict):
    """A dashboard."""

    dashboard: Json
    meta: DashboardMeta


class Hit(TypedDict, total=False):
    """A dashboard (`dash-db`) or a folder (`dash-folder`) that the search found."""

    uid: str
    title: str
    type: str
    tags: list[str]
    folderUid: str


class ServiceAccount(TypedDict, total=False):
    """A service account."""

    id: int
    name: str
    role: str
    isDisabled: bool
