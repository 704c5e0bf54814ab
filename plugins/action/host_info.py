# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import (
    planned_services,
    selected_tags,
    shared_filters,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables

MODULE = "mlops.gpu_monitoring.host_info"

shared_filters.load()


class ActionModule(ActionBase):
    """Runs the module with the services that roles are about to deploy on the host."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        options = dict(self._task.args)
        play, inherited = self._task.get_play(), {*self._task.tags} - {"always"}
        # The name of a role is its tag.
        roles = [
            role
            for role in options.get("roles") or []
            if selected_tags.selects(role, play.only_tags or ["all"], play.skip_tags, inherited)
        ]
        if roles:
            options["planned_services"] = self._planned(variables, roles)
            options["inventory_hostname"] = variables["inventory_hostname"]
        wrap_async = bool(self._task.async_val)
        result.update(
            self._execute_module(module_name=MODULE, module_args=options, task_vars=variables, wrap_async=wrap_async)
        )
        if not wrap_async:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _planned(self, variables: dict[str, Any], roles: list[str]) -> list[dict[str, Any]]:
        known = HostVariables(self._loader, variables, self._task.get_play(), self._task)
        try:
            return planned_services.planned(known, str(variables["inventory_hostname"]), roles)
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from None
