#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: grafana_service_account
short_description: Declare a service account of Grafana and keep its token in a file
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Creates a service account, sets its role, and creates a token once. Grafana shows a token only at its creation, so
    the module writes the token into a file.
  - While Grafana accepts the token in the file, nothing changes. If Grafana refuses the token, the module replaces it.
  - The token is never in the module's result.
extends_documentation_fragment:
  - mlops.gpu_monitoring.grafana
  - mlops.gpu_monitoring.grafana.login
attributes:
  check_mode:
    description: >-
      Reports what would change and writes nothing. If no Grafana answers, the plan is that for an empty Grafana.
    support: full
  diff_mode:
    description: Shows the settings of the account. A new token is shown only as set.
    support: full
options:
  name:
    description: Name of the service account.
    type: str
    required: true
  role:
    description: Role of the service account in the organization.
    type: str
    choices: [Viewer, Editor, Admin]
    default: Viewer
  token_name:
    description: Name of the token, unique in the organization. Defaults to the name of the service account.
    type: str
  token_file:
    description:
      - File for the token on the host that runs the module, with mode 0600. Required with O(state=present).
      - O(state=absent) removes the file. Missing parent folders are created.
      - A file that holds anything else than a token is an error.
    type: path
  state:
    description: V(present) creates or updates the account. V(absent) removes the account and its tokens.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: mlops.gpu_monitoring.grafana_resources
"""

EXAMPLES = r"""
- name: Create a service account, and keep its token on the controller
  mlops.gpu_monitoring.grafana_service_account:
    url: http://192.0.2.10:3000
    username: admin
    password: "{{ grafana_admin_password }}"
    name: ansible
    role: Admin
    token_file: ~/.config/gpu_monitoring/grafana_token
  delegate_to: localhost

- name: Use the token
  mlops.gpu_monitoring.grafana_resources:
    url: http://192.0.2.10:3000
    token: "{{ lookup('ansible.builtin.file', '~/.config/gpu_monitoring/grafana_token') }}"
    dashboards: "{{ our_dashboards }}"

- name: Remove the service account and its token
  mlops.gpu_monitoring.grafana_service_account:
    url: http://192.0.2.10:3000
    username: admin
    password: "{{ grafana_admin_password }}"
    name: ansible
    token_file: ~/.config/gpu_monitoring/grafana_token
    state: absent
  delegate_to: localhost
"""

RETURN = r"""
actions:
  description: What the task did, or in check mode would do.
  returned: success
  type: list
  elements: str
  sample: [create service account, create token]
requests:
  description: Number of HTTP requests.
  returned: success
  type: int
  sample: 4
grafana_version:
  description: Version of Grafana. Empty if the server hides its version.
  returned: success
  type: str
  sample: 12.4.0
"""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import options, reconcile
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError, NotReachable
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.service_account import ServiceAccount
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.module import Module

ARGUMENTS = {
    **options.CONNECTION,
    **options.LOGIN,
    "name": {"type": "str", "required": True},
    "role": {"type": "str", "choices": ["Viewer", "Editor", "Admin"], "default": "Viewer"},
    "token_name": {"type": "str", "no_log": False},
    "token_file": {"type": "path", "no_log": False},
    "state": options.STATE,
}


def _reconciled(module):
    client = reconcile.connect(module)
    account = ServiceAccount(client, module.params, write=not module.check_mode)
    try:
        version = client.wait(reconcile.patience(module))
    except NotReachable as error:
        if not module.check_mode:
            raise
        module.warn(f"{error} The plan is that for an empty Grafana.")
        account.reconcile(is_answered=False)
        return account, ""
    account.reconcile()
    return account, version


def main():
    """Runs the module."""
    module = Module(
        ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "present", ("token_file",))],
        **options.CONNECTION_RULES,
        **options.LOGIN_RULES,
    )
    try:
        account, version = _reconciled(module)
    except (GrafanaError, OSError) as error:
        module.fail_json(msg=str(error))
    result = {
        "changed": bool(account.actions),
        "actions": account.actions,
        "requests": account.requests,
        "grafana_version": version,
    }
    if module._diff:
        result["diff"] = account.diff()
    module.exit_json(**result)


if __name__ == "__main__":
    main()
