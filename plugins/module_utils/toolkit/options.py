# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import openpgp
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.plan import Wanted

# The options of the module nvidia_container_toolkit that the plan depends on.
OPTIONS: dict[str, dict[str, Any]] = {
    "host": {"type": "dict"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "version": {"type": "str", "default": ""},
    "default_version": {"type": "str", "required": True},
    "minimum_version": {"type": "str", "required": True},
    "driver_minimum": {"type": "str", "required": True},
    "repository_url": {"type": "str", "default": ""},
    "key": {"type": "str", "required": True, "no_log": False},
    "key_fingerprint": {"type": "str", "required": True, "no_log": False},
    "allow_daemon_reload": {"type": "bool", "default": False},
    "allow_restart": {"type": "bool", "default": False},
    "services_removed": {"type": "bool", "default": False},
    "name": {"type": "str", "required": True},
}


def wanted(params: Mapping[str, Any], check_mode: bool) -> Wanted:
    """What the options ask for. Raises ValueError if one is not valid."""
    try:
        fingerprint = openpgp.fingerprint(params["key_fingerprint"])
    except ValueError as error:
        raise ValueError(f"nvidia_container_toolkit_key_fingerprint on {params['name']}: {error}") from error
    return Wanted(
        name=params["name"],
        state=params["state"],
        version=params["version"],
        default_version=params["default_version"],
        minimum_version=params["minimum_version"],
        driver_minimum=params["driver_minimum"],
        repository_url=params["repository_url"],
        key=params["key"].strip(),
        key_fingerprint=fingerprint,
        allow_daemon_reload=params["allow_daemon_reload"],
        allow_restart=params["allow_restart"],
        services_removed=params["services_removed"],
        check_mode=check_mode,
    )
