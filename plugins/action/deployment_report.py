# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import functools
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import (
    deployment_report,
    grafana_access,
    selected_tags,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables

_OPTIONS = {"asked": {"type": "list", "elements": "dict", "default": []}}


class ActionModule(ActionBase):
    """Reports on the controller what a run did not deploy, what it left, and where Grafana is.

    Nothing runs on a host.
    """

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The hosts on which something was not deployed, with the reasons."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(_OPTIONS)
        variables = task_vars or {}
        if "gpu_monitoring_fleet" not in variables:
            raise AnsibleActionFail(
                "The run began after the tasks that check the variables and inspect the hosts. The deployment"
                " is incomplete. Run the playbook without --start-at-task."
                " Choose roles with --tags, and hosts with --limit."
            )
        play, inherited = self._task.get_play(), {*self._task.tags} - {"always"}
        deploys = {
            role: selected_tags.selects(role, play.only_tags or ["all"], play.skip_tags, inherited)
            for role in ("prometheus", "grafana")
        }
        finished = deployment_report.Run(
            hosts=variables["ansible_play_hosts_all"],
            reached=variables["ansible_play_hosts"],
            groups=variables["groups"],
            fleet=variables["gpu_monitoring_fleet"]["hosts"],
            scraped_by=variables["gpu_monitoring_fleet"]["scraped_by"],
            # Ansible puts the variables of a host together each time.
            variables_of=functools.cache(variables["hostvars"].raw_get),
            deploys_prometheus=deploys["prometheus"],
            asked={str(answer["item"]): answer for answer in options["asked"]},
        )
        problems, warnings = deployment_report.problems(finished), deployment_report.warnings(finished)
        result["warnings"] = [*warnings, *([deployment_report.text(problems)] if problems else [])]
        # A dry run has deployed no Grafana.
        if deploys["grafana"] and not self._task.check_mode:
            known = HostVariables(self._loader, variables, play, self._task)
            for message in grafana_access.messages(known, deployment_report.deployed(finished, "monitoring")):
                self._display.display(message)
        return {**result, "changed": False, "problems": problems}
