# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


class HostSteps(ActionBase):
    """An action whose module runs on the host in steps. Options in `_of_controller` are not for the host."""

    _module_name: str
    _of_controller: tuple[str, ...]
    _given: dict[str, Any]
    _variables: dict[str, Any]

    def _step(self, step: str, **arguments: Any) -> dict[str, Any]:
        """The result of a step on the host. Raises AnsibleActionFail where it failed."""
        options = {name: value for name, value in self._given.items() if name not in self._of_controller}
        answer: dict[str, Any] = self._execute_module(
            module_name=self._module_name,
            module_args={**options, "step": step, **arguments},
            task_vars=self._variables,
        )
        if answer.get("failed"):
            raise AnsibleActionFail(str(answer.get("msg") or answer.get("module_stderr") or f"the step {step} failed."))
        return answer
