# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import re
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.decide import decide
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.options import OPTIONS, wanted

_URL_OR_TEXT = re.compile(r"\s*https?://|.*-----BEGIN PGP", re.DOTALL)


class ActionModule(ActionBase):
    """Decides on the controller from what is known of the host, and runs the module where there is something to do."""

    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The plan of one host, and the result of carrying it out."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            {**OPTIONS, "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"}}
        )
        host = options.pop("host")
        if not _URL_OR_TEXT.match(options["key"]):
            options["key"] = self._key_file(options["key"])
        if host is not None:
            try:
                plan = decide(host, wanted(options, self._task.check_mode))
            except ValueError as error:
                raise AnsibleActionFail(str(error)) from None
            if plan.refusal:
                raise AnsibleActionFail(plan.refusal)
            if not plan.actions:
                result.update(changed=False, actions=[], mechanism=plan.mechanism, msg=plan.note)
                if plan.warnings:
                    result["warnings"] = list(plan.warnings)
                return result
        result.update(
            self._execute_module(
                module_name="mlops.gpu_monitoring.nvidia_container_toolkit", module_args=options, task_vars=task_vars
            )
        )
        return result

    def _key_file(self, path: str) -> str:
        """The text of a file of the controller."""
        # What is not text is no armoured key either: the module says what to do with a binary one.
        with open(self._find_needle("files", path), encoding="utf-8", errors="replace") as file:
            return file.read()
