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
  description: V(present) creates or updates the object. V(absent) removes the object.
  type: str
  choices: [present, absent]
  default: present
"""
_FOLDER_STATE = """
state:
  description: >-
    V(present) creates or updates the folder. V(absent) removes an empty folder. A folder with content is an error,
    since Grafana would remove the content as well.
  type: str
  choices: [present, absent]
  default: present
"""
_DATASOURCE_URL = """
  description: >-
    Address at which Grafana's server reaches the datasource, such as V(http://prometheus:9090). Databases, and plugins
    that are not part of Grafana, may have another form. If Grafana's proxy adds the scheme, a URL without a scheme is
    a warning. Left unchanged if not given.
  type: str
"""
_DATASOURCE = """
name:
  description: Name of the datasource, unique in the organization. Required with C(state=present).
  type: str
type:
  description:
    - Id of the datasource's plugin. Both ids of a renamed plugin, such as V(testdata) and
      V(grafana-testdata-datasource), mean the same.
    - An id that resembles the id of an installed plugin is refused. Any other plugin that is not installed is a
      warning.
  type: str
  default: prometheus
access:
  description: Who sends the requests. V(proxy) is Grafana's server, V(direct) is the browser.
  type: str
  choices: [proxy, direct]
  default: proxy
user:
  description: User name of a database. Left unchanged if not given.
  type: str
database:
  description: Name of a database. Left unchanged if not given.
  type: str
basic_auth_user:
  description:
    - User name for basic authentication. Its password is C(basicAuthPassword) in C(secure_json_data).
    - Left unchanged if not given.
    - An empty name switches basic authentication off. Set C(basicAuthPassword) to null to remove the password as well.
  type: str
is_default:
  description: Whether the datasource is the default of the organization. Left unchanged if not given.
  type: bool
json_data:
  description: Settings of the plugin, merged into the settings that Grafana has. The value null removes a setting.
  type: dict
  default: {}
secure_json_data:
  description: >-
    Secret settings, which Grafana never returns. A missing secret is set. An existing secret is kept until
    C(secrets_version) changes. The value null removes a secret. A password is also set again when its user changes, and
    C(httpHeaderValue1) when C(httpHeaderName1) changes.
  type: dict
  default: {}
secrets_version:
  description: >-
    A number or a date. A changed value sets all of C(secure_json_data) again. The value is kept in the datasource's
    C(jsonData).
  type: str
"""
_FOLDER = """
title:
  description: Title of the folder. Required with C(state=present).
  type: str
parent_uid:
  description: Uid of the parent folder. Without it, the folder is at the top level.
  type: str
"""
_FIELD = """
unit:
  description: >-
    Unit id of Grafana, such as V(percent), V(mbytes) or V(suffix:cores). Grafana shows other text after the number.
    Text that resembles an id is refused. In a time series, a query with a unit of its own has its axis on the right.
  type: str
min:
  description: Minimum of the axis.
  type: float
max:
  description: Maximum of the axis.
  type: float
decimals:
  description: Number of decimal places.
  type: int
thresholds:
  description: Values at which the colour changes, in ascending order. Below the first value the colour is green.
  type: list
  elements: dict
  suboptions:
    value:
      description: Value from which the colour applies.
      type: float
      required: true
    color:
      description: Colour, as a name or C(#rrggbb).
      type: str
      required: true
"""
_DASHBOARD = (
    """
uid:
  description: >-
    The uid, 1 to 40 letters, digits, C(-) and C(_). Defaults to the uid in C(model). One of the two is required.
  type: str
title:
  description: The title. Defaults to the title in C(model).
  type: str
folder_uid:
  description: >-
    Uid of the folder, or V(general) for the top level. Without it, an existing dashboard stays in its folder, and a new
    dashboard is at the top level.
  type: str
description:
  description: What the dashboard shows. Empty text removes the description of C(model).
  type: str
tags:
  description: Tags.
  type: list
  elements: str
  default: []
refresh:
  description: How often the browser refreshes the dashboard, such as V(5s). Empty text removes the refresh of C(model).
  type: str
time_from:
  description: Start of the time range. Defaults to that of C(model), otherwise V(now-1h).
  type: str
time_to:
  description: End of the time range. Defaults to that of C(model), otherwise V(now).
  type: str
datasource_uid:
  description: >-
    Uid of the datasource of panels and variables, and of those inputs of an exported C(model) that have its type.
    C(${name}) stands for the datasource that a variable of the type V(datasource) selects.
  type: str
  default: prometheus
links:
  description: >-
    Links at the top of the dashboard, for dashboards made of C(panels). A link keeps the time range and the variables.
    Each link has either C(tag) or C(url).
  type: list
  elements: dict
  default: []
  suboptions:
    title:
      description: Text of the link.
      type: str
      required: true
    tag:
      description: Tag of the dashboards to link to.
      type: str
    url:
      description: Address to link to.
      type: str
variables:
  description: Template variables, for dashboards made of C(panels).
  type: list
  elements: dict
  default: []
  suboptions:
    name:
      description: Name of the variable, such as V(host) for C($host).
      type: str
      required: true
    type:
      description: Source of the values, which is a query, the datasources of a type, or a list.
      type: str
      choices: [query, datasource, custom]
      default: query
    label:
      description: Text in front of the variable. Defaults to the name.
      type: str
    query:
      description: >-
        For the type V(query), a query such as V(label_values(DCGM_FI_DEV_GPU_UTIL, host\\)). For the type
        V(datasource), the plugin id, by default V(prometheus).
      type: str
    values:
      description: Values of the type V(custom).
      type: list
      elements: str
    regex:
      description: Regular expression. Only values that match are offered.
      type: str
    multi:
      description: Whether several values can be selected.
      type: bool
      default: false
    include_all:
      description: Whether all values can be selected at once.
      type: bool
      default: false
    all_value:
      description: >-
        What queries get if all values are selected, such as V(.+). By default, queries get every value, which makes
        long queries of many values. V(.*) also selects series without the label. Both also select values that the
        variable does not offer. Needs C(include_all).
      type: str
annotations:
  description: >-
    Queries whose series are marked on the graphs, from the begin to the end of each series. For dashboards made of
    C(panels).
  type: list
  elements: dict
  default: []
  suboptions:
    name:
      description: What is written on its switch above the dashboard.
      type: str
      required: true
    query:
      description: A query of Prometheus, such as V(ALERTS{alertstate="firing"}). Samples that are 0 mark nothing.
      type: str
      required: true
    title:
      description: Heading of a mark, with labels as in C({{alertname}}).
      type: str
    text:
      description: Text of a mark, with labels as in C({{gpu}}).
      type: str
    tags:
      description: Labels whose values are shown as tags of a mark.
      type: list
      elements: str
      default: []
    color:
      description: Colour of the marks.
      type: str
      default: red
panels:
  description: Panels, laid out from left to right on a grid of 24 columns.
  type: list
  elements: dict
  suboptions:
    title:
      description: Title of the panel.
      type: str
      required: true
    type:
      description: >-
        Type of the panel. A V(row) is a heading for the panels after it, and has no query. A V(table) has a line for
        each set of labels. Its columns are the labels and the queries.
      type: str
      choices: [bargauge, gauge, row, stat, state-timeline, table, timeseries]
      default: timeseries
    query:
      description: A PromQL query. Give either C(query) or C(queries).
      type: str
    legend:
      description: >-
        Legend of C(query), such as C({{name}}). Write C(!unsafe "{{name}}") in YAML, so that Ansible leaves the braces
        to Grafana.
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
          description: Legend of the query. In a table, the name of the query's column.
          type: str
"""
    + indent(_FIELD, " " * 8)
    + """    instant:
      description: Whether to query only the end of the time range. By default true for a table, false for other panels.
      type: bool
"""
    + indent(_FIELD, " " * 4)
    + """    description:
      description: How to read the panel.
      type: str
    soft_max:
      description: >-
        End of the axis of a time series whose values are all lower, in the panel's unit. Without C(soft_max) and
        C(max), Grafana draws an axis to 100 if all values are 0.
      type: float
    columns:
      description: Labels in the order in which a table shows them. List all labels that the queries return.
      type: list
      elements: str
    column_settings:
      description: How a table shows its columns.
      type: list
      elements: dict
      suboptions:
        column:
          description: A label in C(columns), or the legend of a query. Without a legend, the column is C(Value).
          type: str
          required: true
        name:
          description: Heading of the column of a label, which is the label by default. A legend is a heading itself.
          type: str
        width:
          description: >-
            Width of the column in pixels. Columns without a width share what is left, and each of them is 150 pixels
            wide at least.
          type: int
    sort:
      description: Label or legend of the column by which a table is sorted, in descending order.
      type: str
    links:
      description: >-
        Links on the values. They may contain Grafana's variables, such as C(${__field.labels.host}). In a table, write
        C(${__data.fields.host}).
      type: list
      elements: dict
      suboptions:
        title:
          description: Text of the link.
          type: str
          required: true
        url:
          description: Address of the link. An address that begins with C(/) is on the same Grafana.
          type: str
          required: true
        column:
          description: The only column of a table that has the link.
          type: str
    repeat:
      description: Name of a variable. Grafana repeats the panel for each selected value.
      type: str
    datasource_uid:
      description: Uid of the panel's datasource. Defaults to that of the dashboard.
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
      description: Column of the left edge. Requires C(y).
      type: int
    y:
      description: Row of the upper edge. Requires C(x).
      type: int
    model:
      description: >-
        Part of Grafana's JSON of a panel, merged over the result of the other options. The value null removes a key.
      type: dict
model:
  description:
    - A JSON model instead of C(panels), as a dict or as text. An export with C(__inputs) and an answer of Grafana's API
      are accepted. A dashboard in the v2 schema of Grafana 12 and newer is refused.
    - Load a file with V(lookup('ansible.builtin.file', ...\\)), which keeps the braces in the file.
    - Library panels in C(__elements) become panels of the dashboard. A library panel that the dashboard in Grafana
      already shows stays a library panel, and is not changed.
    - A datasource or a library panel that the model refers to and Grafana does not have is an error.
  type: raw
inputs:
  description:
    - Values for an exported C(model). A key is the name of one of its C(__inputs), or the uid or the name of a
      datasource in the model. A key may also be a variable that the model uses as a datasource and does not define.
    - The value for a datasource is the uid of a datasource of the same type. The value for a constant is text, by
      default that of the export.
    - A datasource input that is not listed becomes C(datasource_uid) if the type fits. Otherwise it is an error.
  type: dict
  default: {}
ignore_paths:
  description:
    - Parts of the JSON model that people may change in Grafana, such as V(time), V(templating.list[*].current) or
      V(panels[0].title). V([*]) means every element. An element is recognized by its title, name, uid, refId or id.
    - A new dashboard is created with these parts. In an existing dashboard they are neither compared nor overwritten.
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
    description: >-
      C(module_defaults) with the key C(group/mlops.gpu_monitoring.grafana) sets URL, credentials and TLS options once
      for all modules.
    support: full
    membership: [mlops.gpu_monitoring.grafana]
options:
  url:
    description:
      - Address of Grafana, with its sub-path if it has one. A username or password in the address is an error.
      - >-
        Requests are repeated up to 5 times after the statuses 429, 502, 503 and 504, a lost connection or a locked
        database. Reads are also repeated after 500. The pauses grow from 0.5 to 8 seconds, or follow C(Retry-After).
        While nothing listens, such as when Grafana restarts, requests are repeated for about a minute.
    type: str
    required: true
  org_id:
    description: >-
      Organization to work in, sent as C(X-Grafana-Org-Id). Defaults to the current organization of the account. An
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
    description: File with a client certificate, and with its key if O(client_key) is not given.
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
    description: Seconds to wait until Grafana answers. Check mode does not wait.
    type: int
    default: 60
  login_help:
    description: Advice to add to the error when Grafana refuses the account, such as how to reset its password.
    type: str
"""

    LOGIN = """
options:
  username:
    description:
      - Name of an account. Requires O(password).
      - An Editor can write folders and dashboards. An Admin can write datasources and service accounts too.
      - A missing permission is an error that names the permission. Objects that the account may write are written.
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
        Sync. Without this option, such an object is an error that names the tool. O(ignore:prune) keeps such objects.
      - Grafana 12 and newer record the tool in the annotation C(grafana.app/managedBy) of their API below C(/apis). The
        module asks for it only before it overwrites or removes an existing object.
    type: bool
    default: false
"""

    DECLARES = """
attributes:
  check_mode:
    description:
      - Makes the same plan and writes nothing. If no Grafana answers, the plan is that for an empty Grafana.
      - A task does not know what earlier tasks would create. A missing folder or datasource is therefore an error.
      - Declare objects that refer to each other in one task of M(mlops.gpu_monitoring.grafana_resources).
    support: full
  diff_mode:
    description: Shows each changed path with its value. A secret is shown only as set, rotated or removed.
    support: full
options:
  owner:
    description: >-
      A mark for all that the task declares, of 1 to 40 letters, digits, C(-) and C(_). A dashboard gets two tags: the
      owner, and C(managed-by:OWNER:DIGEST), which is valid only for this uid in this folder. A datasource gets a key in
      its C(jsonData). A folder has the mark if its uid is the owner, or begins with the owner and a C(-). No owner
      should therefore be the beginning of another.
    type: str
"""

    DATASOURCE: str = _options(_UID + _DATASOURCE + "\nds_url:" + _DATASOURCE_URL + _STATE)
    FOLDER: str = _options(_UID + _FOLDER + _FOLDER_STATE)
    DASHBOARD: str = _options(_DASHBOARD + _STATE)
    LISTS: str = (
        "options:\n"
        + _list_of("datasources", "Datasources.", _UID + _DATASOURCE + "\nurl:" + _DATASOURCE_URL + _STATE)
        + _list_of("folders", "Folders, in any order. Folders may be nested.", _UID + _FOLDER + _FOLDER_STATE)
        + _list_of("dashboards", "Dashboards, each as a list of panels or as a JSON model.", _DASHBOARD + _STATE)
    )
