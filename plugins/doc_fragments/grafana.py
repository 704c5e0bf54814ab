# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from textwrap import indent

_UID = """
uid:
  description: The uid, 1 to 40 letters, digits, C(-) and C(_).
  type: str
  required: true
"""
_STATE = """
state:
  description: Whether it is to be there.
  type: str
  choices: [present, absent]
  default: present
"""
_FOLDER_STATE = """
state:
  description: Whether it is to be there. One that holds anything is not removed, since Grafana would remove that with it.
  type: str
  choices: [present, absent]
  default: present
"""
_DATASOURCE_URL = """
  description: >-
    Address at which Grafana's server reaches it, such as V(http://prometheus:9090). Databases and plugins that Grafana
    does not bring along may have another form. Where Grafana's proxy adds the scheme, a URL without one is a warning.
    Left as it is where it is not given.
  type: str
"""
_DATASOURCE = """
name:
  description: The name, unique in Grafana. Required where it is to be present.
  type: str
type:
  description:
    - Id of the datasource's plugin. Both ids of a renamed plugin, such as V(testdata) and V(grafana-testdata-datasource), mean the same.
    - An id close to one that Grafana has is refused. Any other plugin that is not installed is a warning.
  type: str
  default: prometheus
access:
  description: Who sends the requests, Grafana's server or the browser.
  type: str
  choices: [proxy, direct]
  default: proxy
user:
  description: User name of a database. Left as it is where it is not given.
  type: str
database:
  description: Name of a database. Left as it is where it is not given.
  type: str
basic_auth_user:
  description:
    - Name for basic authentication; its password is C(basicAuthPassword) in C(secure_json_data). Left as it is where it is not given.
    - An empty name switches basic authentication off. Set C(basicAuthPassword) to null to remove the password as well.
  type: str
is_default:
  description: Whether new panels take it. Left as it is where it is not given.
  type: bool
json_data:
  description: Settings of the plugin. They are merged into those that Grafana has; null takes one away.
  type: dict
  default: {}
secure_json_data:
  description: >-
    Secret settings. Grafana never gives them back: one that is missing is set, one that is there is kept until C(secrets_version) changes,
    and null removes one. A password is also set again where its user changes, and C(httpHeaderValue1) where C(httpHeaderName1) changes.
  type: dict
  default: {}
secrets_version:
  description: Change it, to a number or a date, to set all of C(secure_json_data) again. Kept in the datasource's C(jsonData).
  type: str
"""
_FOLDER = """
title:
  description: The title. Required where it is to be present.
  type: str
parent_uid:
  description: Uid of the folder that it lies in; the top level where it is not given.
  type: str
"""
_FIELD = """
unit:
  description: >-
    Unit id of Grafana, such as V(percent), V(mbytes) or V(suffix:cores). Grafana shows other text behind the number.
    Text that is close to an id is refused. A query of a time series with a unit of its own has its axis on the right.
  type: str
min:
  description: Least value of the axis.
  type: float
max:
  description: Greatest value of the axis.
  type: float
decimals:
  description: Digits behind the point.
  type: int
thresholds:
  description: Values from which on another colour is used. Below the first it is green.
  type: list
  elements: dict
  suboptions:
    value:
      description: The value.
      type: float
      required: true
    color:
      description: The colour, a name or C(#rrggbb).
      type: str
      required: true
"""
_DASHBOARD = (
    """
uid:
  description: The uid, 1 to 40 letters, digits, C(-) and C(_). That of C(model) where it is not given; one of the two is needed.
  type: str
title:
  description: The title. That of C(model) where it is not given.
  type: str
folder_uid:
  description: >-
    Uid of its folder, or V(general) for the top level. Left as it is where it is not given; a new dashboard is then at
    the top level.
  type: str
description:
  description: What the dashboard shows. Empty text takes away that of the C(model).
  type: str
tags:
  description: Tags.
  type: list
  elements: str
  default: []
refresh:
  description: How often the browser asks again, such as V(5s). Empty text takes away that of the C(model).
  type: str
time_from:
  description: Begin of the time range; V(now-1h) where neither this nor C(model) says.
  type: str
time_to:
  description: End of the time range; V(now) where neither this nor C(model) says.
  type: str
datasource_uid:
  description: >-
    Uid of the datasource of panels and variables, and of the inputs of its type that an exported C(model) has. With a
    variable of the type V(datasource) it is C(${name}).
  type: str
  default: prometheus
links:
  description: >-
    Links above the dashboard, for dashboards made of C(panels). The time range and the variables go with whoever follows them. Each has either
    C(tag) or C(url).
  type: list
  elements: dict
  default: []
  suboptions:
    title:
      description: What is written on it.
      type: str
      required: true
    tag:
      description: Links to all dashboards with this tag.
      type: str
    url:
      description: Links to this address.
      type: str
variables:
  description: Template variables, for dashboards made of C(panels).
  type: list
  elements: dict
  default: []
  suboptions:
    name:
      description: The name, as in C($host).
      type: str
      required: true
    type:
      description: What it is chosen from, the answer of a query, the datasources of a kind, or a list.
      type: str
      choices: [query, datasource, custom]
      default: query
    label:
      description: What is written before it. Its name where it is not given.
      type: str
    query:
      description: >-
        A query such as V(label_values(DCGM_FI_DEV_GPU_UTIL, host)). Of the type V(datasource) it is the plugin id, V(prometheus) where it is not given.
      type: str
    values:
      description: The list of the type V(custom).
      type: list
      elements: str
    regex:
      description: Keeps only what it matches.
      type: str
    multi:
      description: Whether several can be chosen.
      type: bool
      default: false
    include_all:
      description: Whether all can be chosen at once.
      type: bool
      default: false
panels:
  description: Panels. They are laid out from left to right on the grid of 24 columns.
  type: list
  elements: dict
  suboptions:
    title:
      description: The title.
      type: str
      required: true
    type:
      description: >-
        Kind of the panel. V(row) is a heading for the panels after it, and has no query. A V(table) has a line for each set of labels, with the
        labels and a column for each query.
      type: str
      choices: [bargauge, gauge, row, stat, state-timeline, table, timeseries]
      default: timeseries
    query:
      description: A PromQL query. Either this or C(queries).
      type: str
    legend:
      description: >-
        Legend of C(query), such as C({{name}}). Write C(!unsafe "{{name}}") in YAML, so that Ansible leaves the braces to Grafana.
      type: str
    queries:
      description: Several queries in one panel.
      type: list
      elements: dict
      suboptions:
        expr:
          description: A PromQL query.
          type: str
          required: true
        legend:
          description: Its legend; in a table the name of its column.
          type: str
"""
    + indent(_FIELD, " " * 8)
    + """    instant:
      description: Whether only the end of the time range is asked for. By default a table does and other panels do not.
      type: bool
"""
    + indent(_FIELD, " " * 4)
    + """    description:
      description: How to read the panel.
      type: str
    columns:
      description: Labels in the order in which a table shows them. Give all that the queries answer.
      type: list
      elements: str
    sort:
      description: The column by which a table is sorted, greatest first.
      type: str
    links:
      description: >-
        Links of the values, with Grafana's variables such as C(${__field.labels.host}), in a table C(${__data.fields.host}).
      type: list
      elements: dict
      suboptions:
        title:
          description: What is written on it.
          type: str
          required: true
        url:
          description: The address. One that begins with C(/) is on the same Grafana.
          type: str
          required: true
        column:
          description: The only column of a table that has it.
          type: str
    repeat:
      description: Name of a variable. The panel is there once for each of its chosen values.
      type: str
    datasource_uid:
      description: Uid of the panel's datasource, where it is not the dashboard's.
      type: str
    width:
      description: Width in columns, 1 to 24.
      type: int
      default: 12
    height:
      description: Height in units of 30 pixels.
      type: int
      default: 8
    x:
      description: Column of the left edge. Goes with C(y).
      type: int
    y:
      description: Row of the upper edge. Goes with C(x).
      type: int
    model:
      description: A part of Grafana's JSON of a panel, merged over what is made of the other options; null takes a key away.
      type: dict
model:
  description: >-
    A JSON model instead of C(panels), as a dict or as text, also an export with C(__inputs) or an answer of Grafana's API. Load a file with
    C(lookup('ansible.builtin.file', ...)), which leaves braces alone. Library panels in C(__elements) become panels of
    the dashboard. A library panel that the dashboard in Grafana shows already stays one, and is not changed. A datasource
    or a library panel that the model refers to and Grafana does not have is an error.
  type: raw
inputs:
  description:
    - Values for an exported C(model). A key is the name of one of its C(__inputs), the uid or the name of a datasource
      that it refers to, or the name of a variable that it takes for a datasource and does not have.
    - For a datasource the value is the uid of a datasource of the same type. For a constant it is text, by default that of
      the export.
    - A datasource input that is not here becomes C(datasource_uid) where the type fits, and is an error otherwise.
  type: dict
  default: {}
ignore_paths:
  description: >-
    Parts of the JSON model that people may change in Grafana, such as V(time), V(templating.list[*].current) or V(panels[0].title). They are
    neither compared nor written. With V([*]) an element is the one of the same title, name, uid, refId or id.
  type: list
  elements: str
  default: []
"""
)


def _options(text: str) -> str:
    return "options:\n" + indent(text, "  ")


def _list_of(name: str, description: str, text: str) -> str:
    head = f"{name}:\n  description: {description}\n  type: list\n  elements: dict\n  default: []\n  suboptions:\n"
    return indent(head, "  ") + indent(text, "      ")


class ModuleDocFragment:
    """Options of the modules that talk to Grafana; those of one object are the same alone and in a list."""

    DOCUMENTATION = r"""
attributes:
  action_group:
    description: C(module_defaults) for the group C(mlops.gpu_monitoring.grafana) give url, credentials and TLS options once for all modules.
    support: full
    membership: [mlops.gpu_monitoring.grafana]
options:
  url:
    description:
      - Address of Grafana, with its sub-path where it has one. A username or password in it is an error.
      - >-
        Requests are repeated up to 5 times after the statuses 429, 502, 503 and 504, a lost connection and a locked
        database, and reads after 500. The pauses grow from 0.5 to 8 seconds, or are what C(Retry-After) asks for.
        While nothing listens, as where Grafana restarts, requests are repeated for about a minute.
    type: str
    required: true
  org_id:
    description: >-
      Organization to work in, sent as C(X-Grafana-Org-Id). The account's current one where it is not given. An
      organization that does not exist, or to which the account does not belong, is an error.
    type: int
  validate_certs:
    description: Whether the server's certificate must be trusted.
    type: bool
    default: true
  ca_path:
    description: File with the certificates of the authorities to trust.
    type: path
  client_cert:
    description: File with a client certificate, and with its key where O(client_key) is not given.
    type: path
  client_key:
    description: File with the key of O(client_cert).
    type: path
  timeout:
    description: Seconds that one request may take.
    type: int
    default: 10
  use_proxy:
    description: >-
      Whether to use the proxy that C(http_proxy), C(https_proxy) and C(no_proxy) of the environment name. A proxy that
      takes no connection is an error, in check mode too.
    type: bool
    default: false
  wait:
    description: Seconds to wait until Grafana answers. Not spent in check mode.
    type: int
    default: 60
  login_help:
    description: Advice at the end of the error where Grafana refuses the account, such as how to reset its password.
    type: str
"""

    LOGIN = """
options:
  username:
    description:
      - Name of an account. Goes with O(password).
      - An Editor may write folders and dashboards, an Admin datasources and service accounts too. What the account may not do is an error that
        names the missing permission. The other objects are written.
    type: str
  password:
    description: The account's password.
    type: str
  token:
    description: Token of a service account, instead of O(username) and O(password).
    type: str
"""

    MANAGED = """
options:
  allow_managed:
    description:
      - Whether to change and remove dashboards and folders that another tool manages, such as Terraform, kubectl or Git
        Sync. Without this option they are an error that names the tool. O(ignore:prune) spares them.
      - Grafana 12 and newer know the tool, in the annotation C(grafana.app/managedBy) of their API below C(/apis). Grafana
        is asked only before an existing object is written over or removed.
    type: bool
    default: false
"""

    DECLARES = """
attributes:
  check_mode:
    description: Makes the same plan and writes nothing. Where no Grafana answers, says what would be created.
    support: full
  diff_mode:
    description: Shows what changes as sorted JSON. Of secrets it shows only that they are set, rotated or removed.
    support: full
options:
  owner:
    description: >-
      A mark for all that the task declares. Dashboards get two tags: the owner, and C(managed-by:OWNER:DIGEST), which is
      of this uid in this folder alone. Datasources get a key in their C(jsonData). A folder has the mark where its uid is
      the owner or begins with the owner and a C(-), so no owner should be the beginning of another. 1 to 40 letters, digits, C(-) and C(_).
    type: str
"""

    DATASOURCE: str = _options(_UID + _DATASOURCE + "\nds_url:" + _DATASOURCE_URL + _STATE)
    FOLDER: str = _options(_UID + _FOLDER + _FOLDER_STATE)
    DASHBOARD: str = _options(_DASHBOARD + _STATE)
    LISTS: str = (
        "options:\n"
        + _list_of("datasources", "Datasources.", _UID + _DATASOURCE + "\nurl:" + _DATASOURCE_URL + _STATE)
        + _list_of("folders", "Folders. They may lie in each other and be given in any order.", _UID + _FOLDER + _FOLDER_STATE)
        + _list_of("dashboards", "Dashboards, each as a list of panels or as a JSON model.", _DASHBOARD + _STATE)
    )
