# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Whether requests reach the organization that they are meant for."""

from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError


def check(client: Client, org_id: Optional[int], changes: list[Change]) -> None:
    """Raise GrafanaError before a write to another organization, as behind a proxy that removes unknown headers.

    Grafana then takes the account's current organization, where an object of the same uid may be another one.
    """
    if org_id is None or not any(change.changed and not change.error for change in changes):
        return
    organization = client.get_if_allowed("/api/org")
    reached = organization.get("id") if isinstance(organization, dict) else None
    if reached is not None and reached != org_id:
        raise GrafanaError(
            f"org_id: the requests reach organization {reached} instead of {org_id}, since something between removes"
            " the header X-Grafana-Org-Id. Let the proxy or web server in front of Grafana pass the header."
        )
