# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What Grafana would remove together with a folder, and its search does not show: alert rules, library panels."""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import Forbidden

# The search shows these, and what is removed in the same run still counts. Grafana 12 writes the plural.
_SEARCHED = ("dashboard", "folder")


def check(client: Client, changes: list[Change]) -> None:
    """Set the error of each removal of a folder that holds such objects."""
    for change in changes:
        if change.kind == "folder" and change.action == "deleted" and not change.error:
            try:
                every_kind = counts(client, change.uid)
            except Forbidden as error:
                change.error = f"folder '{change.uid}': {error}"
                continue
            held = {kind: count for kind, count in every_kind.items() if not kind.startswith(_SEARCHED)}
            if held:
                change.error = f"folder '{change.uid}': {refusal(held)}"


def counts(client: Client, uid: str) -> dict[str, int]:
    """Numbers of the objects in a folder by kind, without the kinds of which it has none."""
    return {kind: count for kind, count in (client.get(f"/api/folders/{uid}/counts") or {}).items() if count}


def refusal(held: dict[str, int]) -> str:
    """Why the folder stays."""
    contents = ", ".join(f"{count} {kind}" for kind, count in sorted(held.items()))
    return f"left as it is, since Grafana would remove with it {contents}. Move or remove that first."
