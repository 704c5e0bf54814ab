# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import (
    fleet,
    published_addresses,
    selected_tags,
    specifications,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables

_OPTIONS = {
    "require_groups": {"type": "bool", "default": False},
    "require_tags": {"type": "list", "elements": "str", "default": list(selected_tags.ROLES)},
}


class ActionModule(ActionBase):
    """Evaluates on the controller what hosts know of each other; nothing runs on a host."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The fleet."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(_OPTIONS)
        variables = HostVariables(self._loader, task_vars or {}, self._task.get_play(), self._task)
        hosts = variables.play_hosts
        try:
            if options["require_groups"]:
                play = self._task.get_play()
                inherited = {*self._task.tags} - {"always"}
                selected_tags.check(options["require_tags"], play.only_tags or ["all"], play.skip_tags, inherited)
                fleet.check_groups(variables)
                # The play is for the whole inventory, which may have hosts that nothing is deployed on.
                members = {*variables.in_groups("gpu_hosts", "monitoring")}
                hosts = [host for host in hosts if host in members]
                fleet.check_limit(hosts)
            evaluated = fleet.evaluate(variables, hosts)
            published_addresses.check(variables, evaluated["hosts"], hosts)
            rules = variables.read_of_role("common", "meta", "variable_rules.yml")
            specifications.check(variables, ["common", "tls"], hosts, **rules)
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from None
        if options["require_groups"] and evaluated["addresses"]:
            self._display.display(evaluated["addresses"])
        return {**result, **evaluated, "changed": False}
