# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The plan with the facts that are asked for only if something changes. What they concern is planned again."""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    declared,
    library_panels,
    managers,
    plan,
    present,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client


def make(client: Client, wanted: declared.Declared, existing: present.Present, allow_managed: bool) -> list[Change]:
    """The changes. The facts are added to `existing`."""
    changes = plan.make(wanted, existing)
    if not allow_managed and managers.read(client, existing, changes):
        changes = plan.make(wanted, existing)
    _complete_datasources(client, changes, wanted, existing)
    _look_for_library_panels(client, changes, wanted, existing)
    return changes


def _complete_datasources(
    client: Client, changes: list[Change], wanted: declared.Declared, existing: present.Present
) -> None:
    """Plan again with the whole datasource if one changes of which only the list was read."""
    for number, change in enumerate(changes):
        is_written_over = change.kind == "datasource" and change.body and change.action != "created"
        if is_written_over and "version" not in existing.datasources[change.uid]:
            present.read_datasource(client, existing, change.uid)
            changes[number] = plan.change_of("datasource", change.item, wanted, existing)
            changes[number].takes_name_of = change.takes_name_of
            changes[number].error = changes[number].error or change.error


def _look_for_library_panels(
    client: Client, changes: list[Change], wanted: declared.Declared, existing: present.Present
) -> None:
    """Ask for the library panels of dashboards that are about to be written, and plan again if one does not exist."""
    for number, change in enumerate(changes):
        if change.kind != "dashboard" or not change.body:
            continue
        uids = library_panels.referenced(change.body["dashboard"])
        present.read_library_panels(client, existing, uids)
        if not all(existing.library_panels[uid] for uid in uids):
            changes[number] = plan.change_of("dashboard", change.item, wanted, existing)
