# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import deployment_report


class ActionModule(ActionBase):
    """Reports on the controller what a run did not deploy; nothing runs on a host."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The hosts on which something was not deployed, with the reasons."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        problems = deployment_report.problems(
            variables["ansible_play_hosts_all"], variables["ansible_play_hosts"], variables["hostvars"].raw_get
        )
        if problems:
            result["warnings"] = [deployment_report.text(problems)]
        return {**result, "changed": False, "problems": problems}
