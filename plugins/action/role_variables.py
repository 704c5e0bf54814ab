# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import foreign_variables, specifications
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables

# A play that sets gpu_monitoring_collect_problems gets the problems of all roles in this variable.
_REGISTERED = "gpu_monitoring_problems"
_RULE = {name: {"type": "str", "required": True} for name in ("variable", "problem", "fix")}
_PATTERN = {name: {"type": "str", "required": True} for name in ("variable", "pattern", "fix")}
_SECRET = {
    "variable": {"type": "str", "required": True},
    "file": {"type": "str"},
    "longest": {"type": "int", "default": 0},
}
_OPTIONS = {
    "role": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str"},
    "intervals": {"type": "list", "elements": "str", "default": []},
    "patterns": {"type": "list", "elements": "dict", "options": _PATTERN, "default": []},
    "refuse": {"type": "list", "elements": "dict", "options": _RULE, "default": []},
    "secrets": {"type": "list", "elements": "dict", "options": _SECRET, "default": []},
}


class ActionModule(ActionBase):
    """Checks the variables of a role for hosts of the play on the controller; nothing runs on a host."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The problems, where the play collects them. Fails with them where it does not."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(_OPTIONS)
        variables = HostVariables(self._loader, task_vars or {}, self._task.get_play(), self._task)
        wanted = variables.play_hosts if options["hosts"] is None else options["hosts"]
        hosts = [host for host in variables.play_hosts if host in wanted]
        rules = {name: options[name] for name in ("intervals", "patterns", "refuse", "secrets")}
        problems = specifications.problems(variables, [options["role"]], hosts, **rules)
        result.update(changed=False, warnings=foreign_variables.without_effect(variables, options["role"], hosts))
        if boolean((task_vars or {}).get("gpu_monitoring_collect_problems", False)) and _REGISTERED in (self._task.register or ()):
            earlier = (task_vars or {}).get(_REGISTERED, {}).get("problems", [])
            return {**result, "problems": [*earlier, *(problem for problem in problems if problem not in earlier)]}
        if problems:
            raise AnsibleActionFail("\n".join(problems))
        return {**result, "problems": []}
