#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: grafana_admin_password
short_description: Change the password of a running Grafana's account
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Tries the new password first. If Grafana accepts the new password, nothing changes.
  - Otherwise logs in with the old password and sets the new password. Grafana locks an account after five wrong
    passwords, so the module tries at most two.
extends_documentation_fragment:
  - mlops.gpu_monitoring.grafana
attributes:
  check_mode:
    description: Tries the passwords and writes nothing.
    support: full
  diff_mode:
    description: A password is never shown.
    support: none
options:
  username:
    description: Name of the account.
    type: str
    required: true
  password:
    description: New password of the account, of four characters or more.
    type: str
    required: true
  old_password:
    description: Current password of the account. Not used if Grafana accepts O(password).
    type: str
  old_password_file:
    description: File with the current password, on the host that runs the module. A missing file is ignored.
    type: path
seealso:
  - module: mlops.gpu_monitoring.grafana_resources
"""

EXAMPLES = r"""
- name: Rotate the administrator's password
  mlops.gpu_monitoring.grafana_admin_password:
    url: http://127.0.0.1:3000
    username: admin
    password: "{{ new_password }}"
    old_password: "{{ old_password }}"

- name: Change the password of an account from the controller
  mlops.gpu_monitoring.grafana_admin_password:
    url: https://grafana.example.com
    ca_path: /etc/ssl/site/authority.pem
    username: reports
    password: "{{ new_password }}"
    old_password: "{{ old_password }}"
  delegate_to: localhost
"""

RETURN = r"""
requests:
  description: Number of HTTP requests.
  returned: success
  type: int
  sample: 2
grafana_version:
  description: Version of Grafana. Empty if the server hides its version.
  returned: success
  type: str
  sample: 12.4.0
"""

from pathlib import Path

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import options, reconcile
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import (
    GrafanaError,
    NotAllowed,
    NotReachable,
    WrongPassword,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.refusals import LOCKS
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.module import Module

SHORTEST = 4
ARGUMENTS = {
    **options.CONNECTION,
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "old_password": {"type": "str", "no_log": True},
    "old_password_file": {"type": "path", "no_log": False},
}


def _old_password(params):
    if params["old_password"] is not None:
        return params["old_password"]
    path = params["old_password_file"] and Path(params["old_password_file"])
    try:
        return path.read_text(encoding="utf-8-sig").strip() if path and path.is_file() else None
    except UnicodeDecodeError as error:
        raise GrafanaError(
            f"old_password_file: {path} is not text in UTF-8. Give the file that holds the password."
        ) from error


def _run(module):
    params = module.params
    if len(params["password"]) < SHORTEST:
        raise GrafanaError(f"password: has fewer than {SHORTEST} characters, which Grafana refuses. Give a longer one.")
    old = _old_password(params)
    client = Client({**params, "token": None})
    version = client.wait(reconcile.patience(module))
    try:
        client.get("/api/user")
        return False, client.count, version
    except WrongPassword as error:
        if not old and not params["login_help"]:
            raise WrongPassword(f"{error} Give the current password of the account as old_password.") from error
        if not old or old == params["password"]:
            raise
    known = Client({**params, "password": old, "token": None})
    try:
        known.get("/api/user")
    except WrongPassword as error:
        refusal = f"password, old_password: {params['url']} takes neither for '{params['username']}'."
        advice = f"Give the current password as old_password. {LOCKS} {params['login_help'] or ''}"
        raise WrongPassword(f"{refusal} {advice}".rstrip()) from error
    if not module.check_mode:
        try:
            known.put(
                "/api/user/password",
                {"oldPassword": old, "newPassword": params["password"], "confirmNew": params["password"]},
            )
        except (NotAllowed, NotReachable):
            # The answer may have been lost after Grafana took the new password.
            client.get("/api/user")
    return True, client.count + known.count, version


def main():
    """Runs the module."""
    module = Module(ARGUMENTS, supports_check_mode=True, **options.CONNECTION_RULES)
    try:
        changed, requests, version = _run(module)
    except (GrafanaError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, requests=requests, grafana_version=version)


if __name__ == "__main__":
    main()
