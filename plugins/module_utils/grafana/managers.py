# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Which tool manages a dashboard or folder: Terraform, kubectl, Git Sync.

Grafana 12 and newer keep the manager in annotations, which only the API below /apis shows
(pkg/apimachinery/utils/manager.go).
"""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present

_GROUPS = {"dashboard": "dashboard.grafana.app", "folder": "folder.grafana.app"}
# This version gives a dashboard as it is stored, the newer ones convert it first.
_VERBATIM = "v0alpha1"
_TOOLS = {
    "terraform": "Terraform",
    "repo": "Git Sync",
    "plugin": "the plugin",
    "classic-file-provisioning": "the file provisioning",
}


def read(client: Client, present: Present, changes: list[Change]) -> bool:
    """Ask who manages what is about to be written over or removed; returns whether a tool manages any of that."""
    existing = [change for change in changes if _is_written_over(change)]
    versions = _versions(client) if existing else {}
    if not versions:
        return False
    namespace = str(client.web_settings().get("namespace") or "default")
    asked = [change for change in existing if change.kind in versions]
    paths = [f"{versions[change.kind]}/namespaces/{namespace}/{change.kind}s/{change.uid}" for change in asked]
    for change, answer in zip(asked, client.get_each(paths)):
        manager = _manager(answer.get("metadata") or {}) if isinstance(answer, dict) else ""
        if manager:
            present.managers[change.kind, change.uid] = manager
    return any((change.kind, change.uid) in present.managers for change in existing)


def _is_written_over(change: Change) -> bool:
    return change.kind in _GROUPS and change.changed and change.action != "created" and not change.error


def _versions(client: Client) -> dict[str, str]:
    """Paths of the API of each kind of object; none with Grafana 11 and older."""
    groups = {group.get("name"): group for group in (client.get_if_allowed("/apis") or {}).get("groups") or []}
    paths = {}
    for kind, name in _GROUPS.items():
        group = groups.get(name) or {}
        versions = [str(version.get("version")) for version in group.get("versions") or []]
        preferred = str((group.get("preferredVersion") or {}).get("version") or "")
        version = _VERBATIM if _VERBATIM in versions else preferred
        if version:
            paths[kind] = f"/apis/{name}/{version}"
    return paths


def _manager(metadata: Json) -> str:
    annotations = metadata.get("annotations") or {}
    tool, name = annotations.get("grafana.app/managedBy"), annotations.get("grafana.app/managerId")
    shown = str(_TOOLS.get(tool, tool)) if tool else ""
    return f"{shown} '{name}'" if shown and name else shown
