#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: grafana_dashboard
short_description: Declare a dashboard of Grafana
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - >-
    Compares one dashboard, given as a list of panels or as a JSON model, with what Grafana has and writes the
    differences.
  - For several objects M(mlops.gpu_monitoring.grafana_resources) is much faster, since it takes one task.
extends_documentation_fragment:
  - mlops.gpu_monitoring.grafana
  - mlops.gpu_monitoring.grafana.login
  - mlops.gpu_monitoring.grafana.declares
  - mlops.gpu_monitoring.grafana.managed
  - mlops.gpu_monitoring.grafana.dashboard
seealso:
  - module: mlops.gpu_monitoring.grafana_resources
"""

EXAMPLES = r"""
- name: Declare a dashboard from an export
  mlops.gpu_monitoring.grafana_dashboard:
    url: http://127.0.0.1:3000
    token: "{{ grafana_token }}"
    uid: node-exporter
    folder_uid: gpu
    model: "{{ lookup('ansible.builtin.file', 'node-exporter.json') }}"
    inputs: {DS_PROMETHEUS: prometheus}

- name: Declare several dashboards, with the address and the token given once
  hosts: localhost
  gather_facts: false
  module_defaults:
    group/mlops.gpu_monitoring.grafana:
      url: https://grafana.example.com
      token: "{{ grafana_token }}"
  tasks:
    - name: Declare a dashboard from each file
      mlops.gpu_monitoring.grafana_dashboard:
        uid: "{{ item | basename | splitext | first }}"
        folder_uid: gpu
        model: "{{ lookup('ansible.builtin.file', item) }}"
      loop: "{{ query('ansible.builtin.fileglob', 'dashboards/*.json') }}"
"""

RETURN = r"""
object:
  description: The object, with what the task did or in check mode would do.
  returned: success
  type: dict
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

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import options, reconcile
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.module import Module


def main():
    """Runs the module."""
    own = options.DASHBOARD
    module = Module(
        {**options.CONNECTION, **options.LOGIN, **options.OWNER, **options.MANAGED, **own},
        supports_check_mode=True,
        **options.CONNECTION_RULES,
        **options.LOGIN_RULES,
    )
    item = {name: module.params[name] for name in own}
    reconcile.run_single(module, "dashboards", item)


if __name__ == "__main__":
    main()
