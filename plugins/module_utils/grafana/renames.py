# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Datasources that take each other's names in one run. Names are unique, so the order of the writes matters. Pure."""

from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import declared, prune
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present


def kept_names(wanted: declared.Declared, present: Present) -> dict[str, str]:
    """Uids by name of the datasources that are neither removed nor renamed in this run."""
    going = {item["uid"] for item in wanted.datasources if _frees_name(item, present)}
    going |= set(prune.datasources(wanted, present))
    return {name: uid for name, uid in present.names().items() if uid not in going}


def _frees_name(item: declared.Datasource, present: Present) -> bool:
    stored = present.datasources.get(item["uid"])
    if not stored or stored.get("readOnly"):
        return False
    return item["state"] == "absent" or item["name"] != stored["name"]


def in_order(changes: list[Change]) -> list[Change]:
    """The changes of datasources in an order in which each name is free when it is taken.

    If names move in a circle, one change records whose name it takes before the other gives the name up.
    """
    holders = {change.before["name"]: change for change in changes if _renames(change)}
    _fail_with_holder(changes, holders)
    ordered: list[Change] = []
    waiting = list(changes)
    while waiting:
        ready = next((change for change in waiting if _holder(change, holders) not in waiting), None)
        if ready is None:
            # Each name is declared once, so all that wait are in circles.
            ready = waiting[0]
            holder = _holder(ready, holders)
            ready.takes_name_of = holder.uid if holder else ""
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def _renames(change: Change) -> bool:
    return change.changed and change.before.get("name", change.name) != change.name


def _holder(change: Change, holders: dict[str, Change]) -> Optional[Change]:
    """The change of the datasource that has the name now; None if the name is free or the datasource's own."""
    holder = holders.get(change.name)
    return None if holder is change or change.error else holder


def _fail_with_holder(changes: list[Change], holders: dict[str, Change]) -> None:
    """Give an error to each change whose name stays with a datasource that cannot be renamed."""
    for _step in changes:
        for change in changes:
            holder = _holder(change, holders)
            if holder and holder.error:
                change.error = (
                    f"datasource '{change.uid}': the name '{change.name}' is that of '{holder.uid}', which cannot be"
                    f" renamed. Correct '{holder.uid}' first."
                )
