#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: grafana_resources
short_description: Declare Grafana's datasources, folders and dashboards
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Compares datasources, folders and dashboards with what Grafana has and writes only what differs, over one connection.
  - Everything is checked before anything is written. Objects are known by their uid; nothing is taken over or removed by its title.
  - What was changed by hand in Grafana is put back.
  - One object's failure does not stop the others. The task then fails with the list of what failed, and reports what was written.
extends_documentation_fragment:
  - mlops.gpu_monitoring.grafana
attributes:
  check_mode:
    description: Makes the same plan and writes nothing. Where no Grafana answers, says what would be created.
    support: full
  diff_mode:
    description: Shows what changes as sorted JSON. Of secrets it shows only that they are set.
    support: full
options:
  datasources:
    description: Datasources.
    type: list
    elements: dict
    default: []
    suboptions:
      uid:
        description: The uid, 1 to 40 letters, digits, C(-) and C(_).
        type: str
        required: true
      name:
        description: The name, unique in Grafana. Required where O(datasources[].state=present).
        type: str
      type:
        description: Plugin id of the kind of datasource.
        type: str
        default: prometheus
      url:
        description: Address at which Grafana's server reaches it.
        type: str
      access:
        description: Who sends the requests, Grafana's server or the browser.
        type: str
        choices: [proxy, direct]
        default: proxy
      is_default:
        description: Whether new panels take it. Left as it is where it is not given.
        type: bool
      json_data:
        description: Settings of the plugin. They are merged into those that Grafana has.
        type: dict
        default: {}
      secure_json_data:
        description: Secret settings. One that Grafana has is kept as it is, since it cannot be read back; one that is missing is set.
        type: dict
        default: {}
      state:
        description: Whether it is to be there.
        type: str
        choices: [present, absent]
        default: present
  folders:
    description: Folders.
    type: list
    elements: dict
    default: []
    suboptions:
      uid:
        description: The uid, 1 to 40 letters, digits, C(-) and C(_).
        type: str
        required: true
      title:
        description: The title. Required where O(folders[].state=present).
        type: str
      parent_uid:
        description: Uid of the folder that it lies in.
        type: str
      state:
        description: Whether it is to be there. V(absent) removes the dashboards in it as well, as Grafana does.
        type: str
        choices: [present, absent]
        default: present
  dashboards:
    description: Dashboards, each as a list of panels or as a JSON model.
    type: list
    elements: dict
    default: []
    suboptions:
      uid:
        description: The uid, 1 to 40 letters, digits, C(-) and C(_).
        type: str
        required: true
      title:
        description: The title. That of O(dashboards[].model) where it is not given.
        type: str
      folder_uid:
        description: Uid of its folder; the top level where it is not given.
        type: str
      description:
        description: What the dashboard shows.
        type: str
      tags:
        description: Tags.
        type: list
        elements: str
        default: []
      refresh:
        description: How often the browser asks again, such as V(5s).
        type: str
      time_from:
        description: Begin of the time range.
        type: str
        default: now-1h
      time_to:
        description: End of the time range.
        type: str
        default: now
      datasource_uid:
        description: Uid of the panels' datasource, and of the datasource inputs of an exported O(dashboards[].model).
        type: str
        default: prometheus
      model:
        description: A JSON model as a dict or as text, also an export with C(__inputs) or an answer of the API with C(dashboard) and C(meta).
        type: raw
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
            description: Kind of the panel.
            type: str
            choices: [bargauge, gauge, stat, state-timeline, table, timeseries]
            default: timeseries
          query:
            description: A PromQL query. Either this or O(dashboards[].panels[].queries).
            type: str
          legend:
            description: >-
              Legend of O(dashboards[].panels[].query), such as C({{name}}). Write C(!unsafe "{{name}}") in YAML, so that Ansible leaves the braces to Grafana.
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
                description: Its legend.
                type: str
          unit:
            description: Unit id of Grafana, such as V(percent), V(mbytes) or V(suffix:cores).
            type: str
          description:
            description: How to read the panel.
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
            description: Values from which on another colour is used.
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
          width:
            description: Width in columns, 1 to 24.
            type: int
            default: 12
          height:
            description: Height in units of 30 pixels.
            type: int
            default: 8
          x:
            description: Column of the left edge. Goes with O(dashboards[].panels[].y).
            type: int
          y:
            description: Row of the upper edge. Goes with O(dashboards[].panels[].x).
            type: int
      state:
        description: Whether it is to be there.
        type: str
        choices: [present, absent]
        default: present
"""

EXAMPLES = r"""
- name: Declare a datasource, a folder and a dashboard
  mlops.gpu_monitoring.grafana_resources:
    url: http://127.0.0.1:3000
    username: admin
    password: "{{ grafana_admin_password }}"
    datasources:
      - {uid: prometheus, name: Prometheus, url: "http://prometheus:9090", json_data: {timeInterval: 5s}}
    folders:
      - {uid: gpu, title: GPU}
    dashboards:
      - uid: gpus
        title: GPUs
        folder_uid: gpu
        panels:
          - title: GPU Utilization
            query: DCGM_FI_DEV_GPU_UTIL
            legend: !unsafe "{{modelName}} - GPU {{gpu}}"
            unit: percent
      - uid: of-my-own
        folder_uid: gpu
        model: "{{ lookup('ansible.builtin.file', 'dashboard.json') | from_json }}"
"""

RETURN = r"""
objects:
  description: Every object with what happened to it, or in check mode would happen.
  returned: always
  type: list
  elements: dict
  contains:
    kind: {description: "V(folder), V(datasource) or V(dashboard).", type: str, sample: dashboard}
    uid: {description: The uid., type: str, sample: gpus}
    name: {description: Name or title., type: str, sample: GPUs}
    action: {description: "V(created), V(updated), V(moved), V(renamed), V(unchanged) or V(deleted).", type: str, sample: created}
    url: {description: Where a person finds it., type: str, sample: "http://127.0.0.1:3000/d/gpus/gpus"}
    version: {description: Version of a dashboard; null elsewhere., type: int, sample: 1}
    folder_uid: {description: Folder of a dashboard; empty elsewhere., type: str, sample: gpu}
requests:
  description: Number of HTTP requests.
  returned: always
  type: int
  sample: 5
grafana_version:
  description: Version of Grafana; empty where the server hides it.
  returned: always
  type: str
  sample: 12.4.0
"""


from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import desired, plan, present
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.apply import apply
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import HAS_REQUESTS, Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError, NotReachable

STATE = {"type": "str", "choices": ["present", "absent"], "default": "present"}
PANEL = {
    "title": {"type": "str", "required": True},
    "type": {"type": "str", "choices": ["bargauge", "gauge", "stat", "state-timeline", "table", "timeseries"], "default": "timeseries"},
    "query": {"type": "str"},
    "legend": {"type": "str"},
    "queries": {"type": "list", "elements": "dict", "options": {"expr": {"type": "str", "required": True}, "legend": {"type": "str"}}},
    "unit": {"type": "str"},
    "description": {"type": "str"},
    "min": {"type": "float"},
    "max": {"type": "float"},
    "decimals": {"type": "int"},
    "thresholds": {
        "type": "list",
        "elements": "dict",
        "options": {"value": {"type": "float", "required": True}, "color": {"type": "str", "required": True}},
    },
    "width": {"type": "int", "default": 12},
    "height": {"type": "int", "default": 8},
    "x": {"type": "int"},
    "y": {"type": "int"},
}
ARGUMENTS = {
    "url": {"type": "str", "required": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "token": {"type": "str", "no_log": True},
    "org_id": {"type": "int"},
    "validate_certs": {"type": "bool", "default": True},
    "ca_path": {"type": "path"},
    "timeout": {"type": "int", "default": 10},
    "wait": {"type": "int", "default": 60},
    "datasources": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "uid": {"type": "str", "required": True},
            "name": {"type": "str"},
            "type": {"type": "str", "default": "prometheus"},
            "url": {"type": "str"},
            "access": {"type": "str", "choices": ["proxy", "direct"], "default": "proxy"},
            "is_default": {"type": "bool"},
            "json_data": {"type": "dict", "default": {}},
            "secure_json_data": {"type": "dict", "default": {}, "no_log": True},
            "state": STATE,
        },
        "required_if": [("state", "present", ("name",))],
    },
    "folders": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"uid": {"type": "str", "required": True}, "title": {"type": "str"}, "parent_uid": {"type": "str"}, "state": STATE},
        "required_if": [("state", "present", ("title",))],
    },
    "dashboards": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "uid": {"type": "str", "required": True},
            "title": {"type": "str"},
            "folder_uid": {"type": "str"},
            "description": {"type": "str"},
            "tags": {"type": "list", "elements": "str", "default": []},
            "refresh": {"type": "str"},
            "time_from": {"type": "str", "default": "now-1h"},
            "time_to": {"type": "str", "default": "now"},
            "datasource_uid": {"type": "str", "default": "prometheus"},
            "model": {"type": "raw"},
            "panels": {"type": "list", "elements": "dict", "options": PANEL},
            "state": STATE,
        },
    },
}


def _report(url, changes):
    return [
        {
            "kind": change.kind,
            "uid": change.uid,
            "name": change.name,
            "action": change.action,
            "url": url.rstrip("/") + change.path,
            "version": change.version,
            "folder_uid": change.folder_uid,
        }
        for change in changes
    ]


def _connect(module):
    """The client; None in check mode on a host that has no requests yet."""
    options = module.params
    if HAS_REQUESTS:
        verify = (options["ca_path"] or True) if options["validate_certs"] else False
        return Client(options["url"], options["username"], options["password"], options["token"], options["org_id"], verify, options["timeout"])
    if not module.check_mode:
        module.fail_json(msg=missing_required_lib("requests"))
    module.warn("The Python library requests is not there yet, so this is what would be created in an empty Grafana.")
    return None


def _read(module, client):
    """Grafana's version and what it has; nothing in check mode where no Grafana answers yet."""
    if client is None:
        return "", present.Present()
    try:
        version = client.wait(0 if module.check_mode else module.params["wait"])
    except NotReachable as error:
        if not module.check_mode:
            raise
        module.warn(f"{error} So this is what would be created in an empty one.")
        return "", present.Present()
    there = present.read(client, module.params)
    plan.refuse_references(module.params, there)
    return version, there


def _run(module):
    options = module.params
    desired.check(options)
    client = _connect(module)
    version, there = _read(module, client)
    changes = plan.make(options, there)
    refused = [change.error for change in changes if change.error]
    if refused:
        raise GrafanaError(" ".join(refused))
    done = changes if module.check_mode else apply(client, changes)
    result = {
        "changed": any(change.changed for change in done),
        "objects": _report(options["url"], done),
        "requests": client.count if client else 0,
        "grafana_version": version,
        "diff": [change.diff() for change in done if change.changed],
    }
    failed = [change.error for change in changes if change.error]
    if failed:
        module.fail_json(msg=" ".join(failed), **result)
    module.exit_json(**result)


def main():
    """Runs the module."""
    module = AnsibleModule(
        ARGUMENTS,
        supports_check_mode=True,
        mutually_exclusive=[("token", "username"), ("token", "password")],
        required_together=[("username", "password")],
        required_one_of=[("token", "username")],
    )
    try:
        _run(module)
    except GrafanaError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
