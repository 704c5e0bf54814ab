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
  - From 16 dashboards on, up to four connections read the dashboards. Writes go one after the other.
  - >-
    What can be seen to be wrong is refused before anything is written. Objects are known by their uid; nothing is taken over or removed by its
    title.
  - What was changed by hand in Grafana is put back. What Grafana itself adds or migrates is no difference.
  - One object's failure does not stop the others. The task then fails with the list of what failed, and reports what was written.
extends_documentation_fragment:
  - mlops.gpu_monitoring.grafana
  - mlops.gpu_monitoring.grafana.login
  - mlops.gpu_monitoring.grafana.declares
  - mlops.gpu_monitoring.grafana.managed
  - mlops.gpu_monitoring.grafana.lists
options:
  prune:
    description:
      - Whether to remove what an earlier task with the same O(owner) declared, and this task does not.
      - A dashboard is removed where it still has its mark, under its uid and in its folder. The folder is the top level, one
        that O(folders) declared, or one with the mark.
      - Copies, dashboards that were moved, dashboards in folders of others, dashboards that have only the tag, and objects
        of provisioning files stay. They are in RV(spared).
      - A folder that holds anything else stays, and is an error.
    type: bool
    default: false
  secret_key_file:
    description:
      - File on the host that runs the module, with the key with which Grafana encrypts secrets (C(secret_key) in its section C([security])).
      - Where the key is another one than at the last run, Grafana can neither read nor update the secrets of its datasources. The declared
        datasources with secrets are then removed and created again. A keyed hash in the datasource's C(jsonData) tells.
    type: path
  state:
    description: >-
      V(present) brings the objects about, each as its own C(state) says. V(gathered) writes nothing and returns all that the organization has in
      RV(gathered).
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

- name: Have everything of ours there, and nothing of ours that is not declared
  mlops.gpu_monitoring.grafana_resources:
    url: https://grafana.example.com
    token: "{{ grafana_token }}"
    owner: gpu-team
    prune: true
    folders: "{{ our_folders }}"
    dashboards: "{{ our_dashboards }}"

- name: Read what there is
  mlops.gpu_monitoring.grafana_resources:
    url: https://grafana.example.com
    token: "{{ grafana_token }}"
    state: gathered
  register: grafana
"""

RETURN = r"""
objects:
  description: Every object with what happened to it, or in check mode would happen. Those that failed are named in RV(ignore:msg).
  returned: success and failure, when O(state=present)
  type: list
  elements: dict
  contains:
    kind: {description: "V(folder), V(datasource) or V(dashboard).", type: str, sample: dashboard}
    uid: {description: The uid., type: str, sample: gpus}
    name: {description: Name or title., type: str, sample: GPUs}
    action: {description: "V(created), V(updated), V(moved), V(renamed), V(unchanged) or V(deleted).", type: str, sample: created}
    url: {description: Where a person finds it., type: str, sample: "http://127.0.0.1:3000/d/gpus/gpus"}
    version: {description: Version of a dashboard; null elsewhere., type: int, sample: 1}
    folder_uid: {description: Folder that it lies in; empty at the top level., type: str, sample: gpu}
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
  description: What there is, as lists that the options O(datasources), O(folders) and O(dashboards) take. Secrets are not in it.
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
  description: Version of Grafana; empty where the server hides it.
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
            "password: it occurs in what was gathered, where Ansible would replace it by asterisks. Use a token, or a password that is no common word."
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
