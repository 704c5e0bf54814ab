# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import (
    foreign_variables,
    misspelt_variables,
    specifications,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables

_OPTIONS = {"roles": {"type": "dict", "required": True}}


class ActionModule(ActionBase):
    """Checks the variables of roles for hosts of the play on the controller; nothing runs on a host."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fails with the wrong variables of all roles."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(_OPTIONS)
        problems: dict[str, None] = {}
        warnings: list[str] = []
        known = HostVariables(self._loader, task_vars or {}, self._task.get_play(), self._task)
        for role, wanted in options["roles"].items():
            # The defaults of a role do not count for another role.
            variables = known.without_defaults()
            hosts = [host for host in variables.play_hosts if host in wanted]
            rules = variables.read_of_role(role, "meta", "variable_rules.yml")
            problems.update(dict.fromkeys(specifications.problems(variables, [role], hosts, **rules)))
            first_hosts = misspelt_variables.first_hosts(variables, role, hosts)
            warnings += foreign_variables.without_effect(role, first_hosts)
            warnings += misspelt_variables.warnings(variables, role, first_hosts)
        if problems:
            raise AnsibleActionFail("\n".join(problems))
        return {**result, "changed": False, "warnings": warnings}
