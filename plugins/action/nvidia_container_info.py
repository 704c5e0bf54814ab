# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import unreachable_hosts
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.bundle_use import BundleUse
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables


class ActionModule(ActionBase):
    """Runs the module, with the image of a bundle if the controller has one."""

    _supports_check_mode = True

    @unreachable_hosts.fail_if_unreachable_is_ignored
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options, variables = dict(self._task.args), task_vars or {}
        bundle = options.pop("bundle", None)
        if bundle and options.get("image"):
            known = HostVariables(self._loader, variables, self._task.get_play(), self._task)
            use = BundleUse(os.path.expanduser(str(bundle)), variables["inventory_hostname"], known)
            options["bundled_images"] = use.images([options["image"]])
            options["image"] = use.name(options["image"])
        result.update(
            self._execute_module(
                module_name="mlops.gpu_monitoring.nvidia_container_info", module_args=options, task_vars=variables
            )
        )
        return result
