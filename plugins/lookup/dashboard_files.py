# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: dashboard_files
short_description: Dashboards from YAML files
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - >-
    Reads files with one dashboard each, in the form of the option
    O(mlops.gpu_monitoring.grafana_resources#module:dashboards).
  - Braces in the files are left to Grafana.
options:
  _terms:
    description: Names of the files.
    type: list
    elements: str
    required: true
  folder:
    description: Folder of the files.
    type: path
    required: true
  refresh:
    description: How often the browser asks again.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Declare the dashboards of a folder
  mlops.gpu_monitoring.grafana_resources:
    url: http://127.0.0.1:3000
    username: admin
    password: "{{ grafana_admin_password }}"
    dashboards: >-
      {{ query('mlops.gpu_monitoring.dashboard_files', 'gpus.yml', 'jobs.yml', folder=playbook_dir, refresh='10s') }}

- name: Declare the dashboards of all files, each in the folder of the team
  mlops.gpu_monitoring.grafana_resources:
    url: http://127.0.0.1:3000
    username: admin
    password: "{{ grafana_admin_password }}"
    folders:
      - {uid: team, title: Team}
    dashboards: "{{ read | map('combine', {'folder_uid': 'team'}) }}"
  vars:
    names: "{{ query('ansible.builtin.fileglob', 'dashboards/*.yml') | map('basename') | sort }}"
    read: >-
      {{ query('mlops.gpu_monitoring.dashboard_files', *names, folder=playbook_dir ~ '/dashboards', refresh='1m') }}
"""

RETURN = r"""
_list:
  description: The dashboards.
  type: list
  elements: dict
"""

from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

# Ansible's own loader notes where each value is from, which takes three times as long.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **options: Any) -> list[dict[str, Any]]:
        """The dashboards in the order of their files."""
        self.set_options(var_options=variables, direct=options)
        folder, refresh = Path(self.get_option("folder")), self.get_option("refresh")
        return [{**_dashboard(folder / name), "refresh": refresh} for name in terms]


def _dashboard(path: Path) -> dict[str, Any]:
    try:
        dashboard = yaml.load(path.read_bytes(), Loader=LOADER)  # noqa: S506 - a safe loader
    except (OSError, yaml.YAMLError) as error:
        raise AnsibleLookupError(f"{path}: the dashboard cannot be read: {error}. Give a YAML file.") from error
    if not isinstance(dashboard, dict):
        raise AnsibleLookupError(
            f"{path}: the file has no dashboard. Write its options, such as uid, title and panels."
        )
    return dashboard
