# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError


class HostSteps(ActionBase):
    """An action whose module runs on the host in steps. Options in `_of_controller` are not for the host."""

    _module_name: str
    _of_controller: tuple[str, ...]
    _given: dict[str, Any]
    _variables: dict[str, Any]

    @contextmanager
    def _failures(self, option: str, path: str) -> Iterator[None]:
        """Turn errors of the block into failures of the task. `path` is the value of the option."""
        try:
            yield
        except BackupError as error:
            # Ansible shows the cause too, whose text is in the message already.
            raise AnsibleActionFail(str(error)) from None
        except OSError as error:
            raise AnsibleActionFail(
                f"{option} on {self._given['host']}: {error.filename or path}: {error.strerror}."
                f" Correct the path or its rights, or name another {option}."
            ) from None
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    def _step(self, step: str, **arguments: Any) -> dict[str, Any]:
        """The result of a step on the host. Raises AnsibleActionFail if it failed."""
        options = {name: value for name, value in self._given.items() if name not in self._of_controller}
        answer: dict[str, Any] = self._execute_module(
            module_name=self._module_name,
            module_args={**options, "step": step, **arguments},
            task_vars=self._variables,
        )
        if answer.get("failed"):
            raise AnsibleActionFail(str(answer.get("msg") or answer.get("module_stderr") or f"the step {step} failed."))
        return answer
