# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an action does with an unreachable host."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

Run = Callable[..., dict[str, Any]]


def fail_if_unreachable_is_ignored(run: Run) -> Run:
    """For the method `run` of an action whose result later tasks need.

    Under `ignore_unreachable` a play continues on a host that stopped answering, without the result. So the task fails
    there, and a `rescue` section can record why. Elsewhere the host is unreachable, as for any other task.
    """

    @wraps(run)
    def wrapper(action: ActionBase, *arguments: Any, **options: Any) -> dict[str, Any]:
        try:
            return run(action, *arguments, **options)
        except AnsibleConnectionFailure as error:
            if not action._task.ignore_unreachable:
                raise
            reason = str(error).strip().rstrip(".")
            raise AnsibleActionFail(
                f"Ansible cannot use the host: {reason}. Repair the host or the connection, and run the playbook again."
            ) from None

    return wrapper
