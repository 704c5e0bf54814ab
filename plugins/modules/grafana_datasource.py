#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: grafana_datasource
short_description: Declare a datasource of Grafana
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Compares one datasource with what Grafana has and writes the differences.
  - For several objects M(mlops.gpu_monitoring.grafana_resources) is much faster, since it takes one task.
extends_documentation_fragment:
  - mlops.gpu_monitoring.grafana
  - mlops.gpu_monitoring.grafana.login
  - mlops.gpu_monitoring.grafana.declares
  - mlops.gpu_monitoring.grafana.datasource
seealso:
  - module: mlops.gpu_monitoring.grafana_resources
"""

EXAMPLES = r"""
- name: Declare the datasource
  mlops.gpu_monitoring.grafana_datasource:
    url: http://127.0.0.1:3000
    username: admin
    password: "{{ grafana_admin_password }}"
    uid: prometheus
    name: Prometheus
    ds_url: http://prometheus:9090
    basic_auth_user: reader
    secure_json_data:
      basicAuthPassword: "{{ prometheus_password }}"
    secrets_version: "2026-11"

- name: Remove a datasource
  mlops.gpu_monitoring.grafana_datasource:
    url: http://127.0.0.1:3000
    username: admin
    password: "{{ grafana_admin_password }}"
    uid: old-prometheus
    state: absent
"""

RETURN = r"""
object:
  description: The object, with what the task did or in check mode would do.
  returned: success
  type: dict
  contains:
    kind: {description: "V(folder), V(datasource) or V(dashboard).", type: str, sample: datasource}
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
    own = {**options.DATASOURCE, "ds_url": options.DATASOURCE["url"]}
    del own["url"]
    module = Module(
        {**options.CONNECTION, **options.LOGIN, **options.OWNER, **own},
        supports_check_mode=True,
        required_if=options.DATASOURCE_RULES,
        **options.CONNECTION_RULES,
        **options.LOGIN_RULES,
    )
    item = {**{name: module.params[name] for name in own}, "url": module.params["ds_url"]}
    reconcile.run_single(module, "datasources", item)


if __name__ == "__main__":
    main()
