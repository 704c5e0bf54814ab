# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the module monitoring_backup, of which the controller handles some."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import engine_data
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.staging import Sources

SERVICES = ("grafana", "prometheus", "alertmanager")
# Of monitoring_restore too.
SHARED: dict[str, dict[str, Any]] = {
    "location": {"type": "str", "choices": ["controller", "host"], "default": "controller"},
    "vault_password": {"type": "str", "no_log": True},
    "grafana_volume": {"type": "str"},
    "grafana_secret_key_file": {"type": "path", "no_log": False},
    "prometheus_volume": {"type": "str"},
    "alertmanager_volume": {"type": "str"},
    "controller_folder": {"type": "str"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    **SHARED,
    "host": {"type": "str", "required": True},
    "folder": {"type": "str", "required": True},
    "keep": {"type": "int", "default": 7},
    "secrets": {"type": "str", "choices": ["encrypted", "excluded"], "default": "encrypted"},
    "grafana_database_in_volume": {"type": "bool", "default": True},
    "grafana_content": {"type": "dict"},
    "configuration_folders": {"type": "list", "elements": "path", "default": []},
    "metric_file": {"type": "path"},
    "max_age": {"type": "float", "default": 172800},
}
STEPS = ("measure", "stage", "room", "place", "finish", "clean")
STEP_ARGUMENTS: dict[str, dict[str, Any]] = {
    "step": {"type": "str", "choices": list(STEPS)},
    "staged": {"type": "list", "elements": "dict", "default": []},
    "manifest": {"type": "dict"},
    "more": {"type": "int", "default": 0},
    "made": {"type": "float"},
}


def volumes(given: dict[str, Any]) -> dict[str, str]:
    """The volumes of the services that are backed up, by service."""
    return {service: given[f"{service}_volume"] for service in SERVICES if given.get(f"{service}_volume")}


def sources(given: dict[str, Any]) -> Sources:
    """Where the data is on this host. Raises BackupError."""
    api = engine_data.connect(given["docker_host"])
    return Sources(
        {service: engine_data.volume_folder(api, service, volume) for service, volume in volumes(given).items()},
        given["secrets"] == "encrypted",
        given["grafana_database_in_volume"],
        given["grafana_secret_key_file"] or "",
        given["configuration_folders"],
    )
