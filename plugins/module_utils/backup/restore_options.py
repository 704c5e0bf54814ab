# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the module monitoring_restore, of which the controller handles some."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.options import SERVICES, SHARED

ARGUMENTS: dict[str, dict[str, Any]] = {
    **SHARED,
    "backup": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "services": {"type": "list", "elements": "str", "choices": list(SERVICES), "default": list(SERVICES)},
}
STEPS = ("look", "find", "prepare", "copy", "replace", "discard")
STEP_ARGUMENTS: dict[str, dict[str, Any]] = {
    "step": {"type": "str", "choices": list(STEPS)},
    "files": {"type": "dict", "default": {}},
    "images": {"type": "dict", "default": {}},
    "time": {"type": "str"},
}
