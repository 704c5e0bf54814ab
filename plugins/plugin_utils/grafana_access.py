# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError


def messages(variables: HostVariables, hosts: Sequence[str]) -> list[str]:
    """The address and the login of Grafana on each of the hosts, without the password."""
    variables.use_defaults("common", "tls", "grafana")
    variables.use_variables("tls", "grafana")
    return [message for host in hosts if (message := _message(variables, host))]


def _message(variables: HostVariables, host: str) -> Optional[str]:
    try:
        if not variables.is_true(host, "grafana_enabled"):
            return None
        url = variables.expression(host, "grafana_root_url", "grafana_root_url or grafana_url")
        message = f"Grafana: {url}, user {variables.get(host, 'grafana_admin_user')}"
        given = variables.get(host, "grafana_admin_password")
        path = str(variables.get(host, "grafana_admin_password_path"))
    except VariableError:
        # The deployment is complete without the message, so a value that only the role can evaluate causes no error.
        return None
    return message if given or not os.path.isfile(path) else f"{message}, password in {_shortened(path)}"


def _shortened(path: str) -> str:
    home = os.path.join(os.path.expanduser("~"), "")
    return f"~/{path[len(home) :]}" if path.startswith(home) else path
