# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Grafana's names of the permissions that requests need (documentation "RBAC permissions, actions, and scopes"). Pure.
"""

import re

_VERBS = {"GET": "read", "POST": "create", "PUT": "write", "DELETE": "delete"}
_DENIAL = re.compile("forbidden|denied|not authorized|permission", re.IGNORECASE)


def named(message: str, method: str, path: str) -> str:
    """Grafana's message of a denial, with the permission if Grafana does not name it.

    A check inside of Grafana, such as that of a folder, only says that the access is denied.
    """
    needed = of(method, path)
    if not needed or "ermissions needed" in message or not _DENIAL.search(message):
        return message
    return f"{message.rstrip('.')}. Permissions needed: {needed}"


def of(method: str, path: str) -> str:
    """The permission that a request needs; empty if it is not known."""
    parts = path.partition("?")[0].split("/")
    kind = parts[2] if len(parts) > 2 and parts[1] == "api" else ""
    if kind not in ("datasources", "folders", "dashboards") or method not in _VERBS:
        return ""
    if path == "/api/dashboards/db":
        return "dashboards:create or dashboards:write, for the folder too"
    return f"{kind}:write" if path.endswith("/move") else f"{kind}:{_VERBS[method]}"
