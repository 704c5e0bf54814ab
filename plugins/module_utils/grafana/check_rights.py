# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What the account may not do at all. Check mode asks for it, since only a write would be told otherwise."""

from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client

# Grafana's own page asks this for the buttons that it shows (pkg/services/accesscontrol/api/api.go, Grafana 9 to 13).
_PATH = "/api/access-control/user/permissions"
_VERBS = {"created": "create", "deleted": "delete"}
# Sets of permissions on a folder or dashboard in Grafana 11 and newer (pkg/services/accesscontrol/resourcepermissions).
_SETS = {"folders:edit", "folders:admin", "dashboards:edit", "dashboards:admin"}


def check(client: Client, changes: list[Change]) -> None:
    """Set the error of each change for which the account has no permission, whatever the object."""
    to_be_written = [change for change in changes if change.changed and not change.error]
    permissions = _permissions(client) if to_be_written else {}
    for change in to_be_written if permissions else []:
        needed = f"{change.kind}s:{_VERBS.get(change.action, 'write')}"
        may_be_in_a_set = change.kind != "datasource" and bool(_SETS & set(permissions))
        if needed not in permissions and not may_be_in_a_set:
            change.error = (
                f"{change.kind} '{change.uid}': the account lacks the permission {needed}."
                " Use an account that may do it."
            )


def _permissions(client: Client) -> dict[str, Any]:
    """The scopes of each permission of the account; nothing if the server does not say."""
    answer = client.get_if_allowed(_PATH)
    return answer if isinstance(answer, dict) else {}
