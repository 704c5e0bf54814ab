# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Uids that a folder and a dashboard have both, which Grafana 11 and older refuse: they keep both in one table."""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.version_numbers import is_before

FIRST_WITH_BOTH = 12


def refuse_shared(version: str, changes: list[Change]) -> None:
    """Set the error of each new dashboard with the uid of a declared folder."""
    if not is_before(version, FIRST_WITH_BOTH):
        return
    folders = {change.uid for change in changes if change.kind == "folder" and change.item["state"] == "present"}
    for change in changes:
        if change.kind == "dashboard" and change.action == "created" and change.uid in folders and not change.error:
            change.error = refusal(change.uid)


def refusal(uid: str) -> str:
    """Why the dashboard cannot be created."""
    return (
        f"dashboard '{uid}': a folder has this uid, and Grafana 11 and older keep folders and dashboards in one table."
        " Give the dashboard another uid."
    )
