# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the module monitoring_restore, of which the controller handles some."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.options import SERVICES

ARGUMENTS: dict[str, dict[str, Any]] = {
    "backup": {"type": "str", "required": True},
    "location": {"type": "str", "choices": ["controller", "host"], "default": "controller"},
    "host": {"type": "str", "required": True},
    "services": {"type": "list", "elements": "str", "choices": list(SERVICES), "default": list(SERVICES)},
    "vault_password": {"type": "str", "no_log": True},
    "grafana_volume": {"type": "str"},
    "grafana_secret_key_file": {"type": "path", "no_log": False},
    "prometheus_volume": {"type": "str"},
    "alertmanager_volume": {"type": "str"},
    "controller_folder": {"type": "str"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
}
STEPS = ("look", "find", "prepare", "copy", "replace", "discard")
STEP_ARGUMENTS: dict[str, dict[str, Any]] = {
    "step": {"type": "str", "choices": list(STEPS)},
    "files": {"type": "dict", "default": {}},
    "images": {"type": "dict", "default": {}},
    "time": {"type": "str"},
}
