# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule

HIDDEN = "NOT_LOGGING_PARAMETER"


def has_secrets(option: dict[str, Any]) -> bool:
    """Whether an option of an argument specification has a suboption that must not be logged."""
    suboptions = (option.get("options") or {}).values()
    return any(suboption.get("no_log") or has_secrets(suboption) for suboption in suboptions)


class Module(AnsibleModule):
    """A module whose options have secrets in suboptions: these options are left out of what Ansible writes to the host's log.

    AnsibleModule looks for secrets in the representation of an option, in which one of several lines, such as a private key, is not found.
    """

    def log(self, msg: str, log_args: Optional[dict[str, Any]] = None) -> None:
        """Write to the host's log."""
        if log_args:
            hidden = {name: HIDDEN for name in log_args if has_secrets(self.argument_spec.get(name) or {})}
            log_args = {**log_args, **hidden}
            if hidden:
                msg = "Invoked with " + " ".join(f"{name}={value}" for name, value in log_args.items())
        super().log(msg, log_args)
