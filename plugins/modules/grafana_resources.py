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
  - >-
    Compares datasources, folders and dashboards with what Grafana has and writes only what differs, over one
    connection.
  - From 16 dashboards on, up to four connections read the dashboards. Writes go one after the other.
  - >-
    Invalid input is refused before anything is written. Objects are identified by their uid. Nothing is taken over or
    removed because of its title.
  - Manual changes in Grafana are reverted. Values that Grafana itself adds or migrates do not count as differences.
  - A failed object does not stop the others. The task then fails, lists the failures and reports what was written.
extends_documentation_fragment:
  - mlops.gpu_monitoring.grafana
  - mlops.gpu_monitoring.grafana.login
  - mlops.gpu_monitoring.grafana.declares
  - mlops.gpu_monitoring.grafana.managed
  - mlops.gpu_monitoring.grafana.lists
options:
  prune:
    description:
      - Whether to remove what an earlier task with the same O(owner) declared and this task does not declare.
      - >-
        A dashboard is removed if it still has its mark, under its uid and in its folder. The folder is the top level,
        one that O(folders) declared, or one with the mark.
      - >-
        Copies, dashboards that were moved, dashboards in folders of others, dashboards that have only the tag, and
        objects of provisioning files stay. They are in RV(spared).
      - A folder that holds anything else stays, and is an error.
    type: bool
    default: false
  secret_key_file:
    description:
      - >-
        File on the host that runs the module, with the key with which Grafana encrypts secrets. The key is
        C(secret_key) in the section C([security]) of Grafana's configuration.
      - With another key than at the last run, Grafana can neither read nor update the secrets of its datasources. The
        declared datasources with secrets are then removed and created again.
      - The module recognizes the key by a keyed hash in the datasource's C(jsonData).
    type: path
  state:
    description:
      - V(present) creates, updates and removes objects as the C(state) of each object says.
      - >-
        V(gathered) writes nothing, and returns all objects of the organization in RV(gathered). The lists of objects
        and O(prune) have no effect then.
    type: str
    choices: [present, gathered]
    default: present
"""

EXAMPLES = r"""
- name: Declare a datasource, a folder and dashboards
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
        variables:
          - {name: host, query: "label_values(DCGM_FI_DEV_GPU_UTIL, host)", multi: true, include_all: true}
        panels:
          - title: GPU Utilization
            query: DCGM_FI_DEV_GPU_UTIL{host=~"$host"}
            legend: !unsafe "{{modelName}} - GPU {{gpu}}"
            unit: percent
      - uid: of-my-own
        folder_uid: gpu
        model: "{{ lookup('ansible.builtin.file', 'dashboard.json') }}"
        ignore_paths: [time, 'templating.list[*].current']

- name: Declare the objects of a team, and remove those that the team no longer declares
  mlops.gpu_monitoring.grafana_resources:
    url: https://grafana.example.com
    token: "{{ grafana_token }}"
    owner: gpu-team
    prune: true
    folders: "{{ our_folders }}"
    dashboards: "{{ our_dashboards }}"

- name: Read all objects of the organization
  mlops.gpu_monitoring.grafana_resources:
    url: https://grafana.example.com
    token: "{{ grafana_token }}"
    state: gathered
  register: grafana

- name: Store the objects, which contain no secrets
  ansible.builtin.copy:
    content: "{{ grafana.gathered | to_nice_json }}"
    dest: /var/backups/grafana.json
    mode: "0600"
  delegate_to: localhost

- name: Restore the objects
  mlops.gpu_monitoring.grafana_resources:
    url: https://grafana.example.com
    token: "{{ grafana_token }}"
    datasources: "{{ backup.datasources }}"
    folders: "{{ backup.folders }}"
    dashboards: "{{ backup.dashboards }}"
  vars:
    backup: "{{ lookup('ansible.builtin.file', '/var/backups/grafana.json') | from_json }}"
"""

RETURN = r"""
objects:
  description: >-
    Every object, with what the task did or in check mode would do. Failed objects are named in RV(ignore:msg).
  returned: success and failure, when O(state=present)
  type: list
  elements: dict
  contains:
    kind: {description: "V(folder), V(datasource) or V(dashboard).", type: str, sample: dashboard}
    uid: {description: The uid., type: str, sample: gpus}
    name: {description: Name or title., type: str, sample: GPUs}
    action:
      description: "V(created), V(updated), V(moved), V(renamed), V(unchanged) or V(deleted)."
      type: str
      sample: created
    url:
      description: Address of the object in the web interface.
      type: str
      sample: "http://127.0.0.1:3000/d/gpus/gpus"
    version: {description: Version of a dashboard. Null for other objects., type: int, sample: 1}
    folder_uid: {description: Uid of the parent folder. Empty at the top level., type: str, sample: gpu}
spared:
  description: >-
    What looks like an object of O(owner) and was not removed. A warning names the first five, without those that have
    only the tag.
  returned: when O(prune=true)
  type: list
  elements: dict
  contains:
    kind: {description: "V(folder), V(datasource) or V(dashboard).", type: str, sample: dashboard}
    uid: {description: The uid., type: str, sample: of-my-own}
    name: {description: Name or title., type: str, sample: My own}
    reason: {description: Why it was not removed., type: str, sample: it comes from a provisioning file of the server}
gathered:
  description: All objects as values for the options O(datasources), O(folders) and O(dashboards), without secrets.
  returned: when O(state=gathered)
  type: dict
  contains:
    datasources: {description: All datasources., type: list, elements: dict}
    folders: {description: All folders., type: list, elements: dict}
    dashboards: {description: All dashboards as JSON models., type: list, elements: dict}
requests:
  description: Number of HTTP requests.
  returned: when Grafana was asked and nothing was refused before the first write
  type: int
  sample: 5
grafana_version:
  description: Version of Grafana. Empty if the server hides its version.
  returned: as RV(requests)
  type: str
  sample: 12.4.0
"""

import json

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import options, reconcile
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.gather import gather
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.secret_key import identify
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.module import Module

ARGUMENTS = {
    **options.CONNECTION,
    **options.LOGIN,
    **options.OWNER,
    **options.MANAGED,
    "datasources": options.items(options.DATASOURCE, options.DATASOURCE_RULES),
    "folders": options.items(options.FOLDER, options.FOLDER_RULES),
    "dashboards": options.items(options.DASHBOARD, []),
    "prune": {"type": "bool", "default": False},
    "secret_key_file": {"type": "path", "no_log": False},
    "state": {"type": "str", "choices": ["present", "gathered"], "default": "present"},
}


def _gather(module):
    client = reconcile.connect(module)
    version = client.wait(reconcile.patience(module))
    gathered = gather(client, module.warn)
    if any(secret in json.dumps(gathered, ensure_ascii=False) for secret in module.no_log_values):
        raise GrafanaError(
            "password: it occurs in what was gathered, where Ansible would replace it by asterisks."
            " Use a token, or a password that is not a common word."
        )
    return {"changed": False, "gathered": gathered, "requests": client.count, "grafana_version": version}


def main():
    """Runs the module."""
    module = Module(ARGUMENTS, supports_check_mode=True, **options.CONNECTION_RULES, **options.LOGIN_RULES)
    wanted = {name: module.params[name] for name in ("datasources", "folders", "dashboards")}
    try:
        if module.params["state"] == "gathered":
            result = _gather(module)
        else:
            secret_key = identify(module.params["secret_key_file"], may_be_missing=module.check_mode)
            result = reconcile.run(module, **wanted, prune_undeclared=module.params["prune"], secret_key=secret_key)
    except GrafanaError as error:
        module.fail_json(msg=str(error))
    module.fail_json(**result) if result.get("failed") else module.exit_json(**result)


if __name__ == "__main__":
    main()
