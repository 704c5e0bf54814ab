# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import secrets
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import fleet, specifications
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, role_defaults_of

_OPTIONS = {"require_groups": {"type": "bool", "default": False}}
_RESULT = "gpu_monitoring_fleet"


class ActionModule(ActionBase):
    """Evaluates on the controller what hosts know of each other; nothing runs on a host."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The fleet."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(_OPTIONS)
        given = task_vars or {}
        variables = HostVariables(self._loader, given, role_defaults_of(self._task))
        variables.use_defaults(*fleet.ROLES)
        plays_own = [name for name in variables.set_by_play() if name != "gpu_monitoring_deploy"]
        earlier = given.get(_RESULT)
        if earlier and not plays_own and not earlier["play_variables"] and {*variables.play_hosts} <= {*earlier["hosts"]}:
            # A play before this one evaluated the same.
            return {**result, **earlier}
        try:
            if options["require_groups"]:
                fleet.check_groups(variables)
            evaluated = fleet.evaluate(variables)
            specifications.check(variables, ["common", "tls"], variables.play_hosts, intervals=["gpu_monitoring_scrape_interval"])
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from None
        return {**result, **evaluated, "play_variables": plays_own, "id": secrets.token_hex(8), "changed": False}
