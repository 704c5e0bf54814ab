# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import collected_services, shared_filters
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.bundle_use import BundleUse
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables

shared_filters.load()


class ActionModule(ActionBase):
    """Collects services, or runs the module once for the collected services and those of the task."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The names that were collected, or the module's result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        options = dict(self._task.args)
        deferred = boolean(options.pop("deferred", False))
        services = _services(options.pop("services", None))
        warnings = _warnings(options.pop("warnings", []))
        result["warnings"] = warnings
        play = self._task.get_play()
        bundle = options.pop("bundle", None)
        if bundle and services:
            known = HostVariables(self._loader, variables, play, self._task)
            use = BundleUse(os.path.expanduser(str(bundle)), variables["inventory_hostname"], known)
            services = [use.service(service) for service in services]
        collected = collected_services.load(self._task.delegate_to or variables["inventory_hostname"], play)
        _refuse_leftovers(collected, play._uuid)
        _add(collected, services, options)
        if deferred:
            if services and not collected_services.deployed_later(self._task, play, self._templar):
                raise AnsibleActionFail(
                    f"services on {collected.host}: no later task of the play '{collected.play_name}' deploys"
                    f" {', '.join(collected.names)}. End the play with a task {collected_services.MODULE} that has"
                    " 'services: []', without conditions and under the same tags, or set gpu_monitoring_deploy: now."
                )
            collected.save()
            # Ansible returns the arguments of a task from the worker. Services are large and hold private keys.
            self._task.args = {**self._task.args, "services": [{"name": service["name"]} for service in services]}
            return {**result, "changed": False, "collected": collected.names}
        if not collected.services:
            return {**result, "changed": False, "services": []}
        arguments = {**collected.options, "services": collected.services}
        wrap_async = bool(self._task.async_val)
        again = False
        try:
            answer = self._execute_module(
                module_name=collected_services.MODULE,
                module_args=arguments,
                task_vars=variables,
                wrap_async=wrap_async,
            )
            result.update(answer, warnings=[*warnings, *answer.get("warnings", [])])
            # Another attempt of this task deploys the same services.
            again = bool(result.get("failed") and (self._task.until or self._task.retries))
        finally:
            # A host may stop answering, or the task may take longer than its timeout.
            if not again:
                collected.clear()
        if not wrap_async:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result


def _services(given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not all(isinstance(service, dict) and service.get("name") for service in given):
        raise AnsibleActionFail(
            "services: this is not a list of dictionaries that each have a name. Write it as in the module's examples."
        )
    return given


def _warnings(given: Any) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(sentence, str) for sentence in given):
        raise AnsibleActionFail(
            "warnings: this is not a list of sentences. Write it like ['The first.', 'The second.']."
        )
    return given


def _refuse_leftovers(collected: collected_services.Collected, play: str) -> None:
    """Refuse what an earlier play collected and did not deploy."""
    if collected.services and collected.play != play:
        collected.clear()
        raise AnsibleActionFail(
            f"services on {collected.host}: the play '{collected.play_name}' collected {', '.join(collected.names)}"
            " and did not deploy them."
            f" End that play with a task {collected_services.MODULE} that has 'services: []'."
        )


def _add(collected: collected_services.Collected, services: list[dict[str, Any]], options: dict[str, Any]) -> None:
    """Add the services and the other options of a task to what was collected."""
    for service in services:
        if service["name"] in collected.names:
            raise AnsibleActionFail(
                f"services on {collected.host}: {service['name']} is given twice in one deployment. Keep one."
            )
        collected.services.append(service)
    for name, value in options.items():
        if collected.options.setdefault(name, value) != value:
            raise AnsibleActionFail(
                f"{name} on {collected.host}: this differs between the tasks of one deployment."
                " Give all the same value."
            )
