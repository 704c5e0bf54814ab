# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What a task declares, with every option, as AnsibleModule checks it. The fragment `grafana` documents the options."""

from dataclasses import dataclass, field
from typing import Any, Optional, TypedDict, Union

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.http_client import Options


class Connection(Options):
    """The server and the account. Of `token` and `username` one is None."""

    username: Optional[str]
    password: Optional[str]
    org_id: Optional[int]
    login_help: Optional[str]


class AccountOptions(Connection):
    """A service account and its token."""

    name: str
    role: str
    token_name: Optional[str]
    token_file: Optional[str]
    state: str


class Datasource(TypedDict):
    """An item of `datasources`."""

    uid: str
    name: Optional[str]
    type: str
    url: Optional[str]
    access: str
    user: Optional[str]
    database: Optional[str]
    basic_auth_user: Optional[str]
    is_default: Optional[bool]
    json_data: Json
    secure_json_data: Json
    secrets_version: Optional[str]
    state: str


class Folder(TypedDict):
    """An item of `folders`."""

    uid: str
    title: Optional[str]
    parent_uid: Optional[str]
    state: str


class Threshold(TypedDict):
    """From `value` on the colour is another one."""

    value: float
    color: str


class ShownAs(TypedDict, total=False):
    """How the values of a panel or of one of its queries are shown."""

    unit: Optional[str]
    min: Optional[float]
    max: Optional[float]
    decimals: Optional[int]
    thresholds: Optional[list[Threshold]]


class Query(ShownAs):
    """One of several queries of a panel."""

    expr: str
    legend: Optional[str]


class PanelLink(TypedDict):
    """A link of a panel's values."""

    title: str
    url: str
    column: Optional[str]


class ColumnSetting(TypedDict):
    """How a table shows one of its columns, which is a label or the legend of a query."""

    column: str
    name: Optional[str]
    width: Optional[int]


class Panel(ShownAs):
    """A panel."""

    title: str
    type: str
    query: Optional[str]
    legend: Optional[str]
    queries: Optional[list[Query]]
    instant: Optional[bool]
    description: Optional[str]
    soft_max: Optional[float]
    columns: Optional[list[str]]
    column_settings: Optional[list[ColumnSetting]]
    sort: Optional[str]
    links: Optional[list[PanelLink]]
    repeat: Optional[str]
    datasource_uid: Optional[str]
    width: int
    height: int
    x: Optional[int]
    y: Optional[int]
    model: Optional[Json]


class Variable(TypedDict):
    """A template variable."""

    name: str
    type: str
    label: Optional[str]
    query: Optional[str]
    values: Optional[list[str]]
    regex: Optional[str]
    multi: bool
    include_all: bool
    all_value: Optional[str]


class Annotation(TypedDict):
    """A query whose series are marked on the graphs of a dashboard, from the begin of each to its end."""

    name: str
    query: str
    title: Optional[str]
    text: Optional[str]
    tags: list[str]
    color: str


class DashboardLink(TypedDict):
    """A link above a dashboard."""

    title: str
    tag: Optional[str]
    url: Optional[str]


class Dashboard(TypedDict):
    """An item of `dashboards`."""

    uid: str
    title: Optional[str]
    folder_uid: Optional[str]
    description: Optional[str]
    tags: list[str]
    refresh: Optional[str]
    time_from: Optional[str]
    time_to: Optional[str]
    datasource_uid: str
    links: list[DashboardLink]
    variables: list[Variable]
    annotations: list[Annotation]
    panels: Optional[list[Panel]]
    model: Any
    inputs: Json
    ignore_paths: list[str]
    state: str


Item = Union[Datasource, Folder, Dashboard]


@dataclass
class Declared:
    """All that a task declares. `owner` marks it, and `prune` removes what has the mark and is not declared.

    `secret_key` identifies the key with which Grafana encrypts secrets, if it is known.
    """

    datasources: list[Datasource] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    dashboards: list[Dashboard] = field(default_factory=list)
    owner: Optional[str] = None
    prune: bool = False
    secret_key: Optional[str] = None
