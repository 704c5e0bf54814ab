# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import hashlib
import os
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.template import Templar, trust_as_template
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import (
    alertmanager_cluster,
    certificate_folder,
    certificates,
    fleet_secrets,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables

_OPTIONS = {"make_missing": {"type": "bool", "default": False}}
_LOOKUP = "{{ lookup('ansible.builtin.password', path, length=32, chars=['ascii_letters', 'digits']) }}"


class ActionModule(ActionBase):
    """Makes and reads the certificates and passwords of the hosts of the play on the controller; nothing runs on a
    host.
    """

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The secrets by host, or the files that are missing."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if certificates.MISSING:
            raise AnsibleActionFail(certificate_folder.MISSING_PACKAGE) from certificates.MISSING
        _validation, options = self.validate_argument_spec(_OPTIONS)
        given = task_vars or {}
        # A run that began after the task that registers the fleet has a template, whose error says so.
        fleet, earlier = self._templar.template(given["gpu_monitoring_fleet"]), given.get("tls_secrets", {})
        variables = HostVariables(self._loader, given, self._task.get_play(), self._task)
        variables.use_defaults("common", "tls", "grafana")
        known = fleet_secrets.Fleet(
            fleet["tls"],
            {host: str(facts["address"]) for host, facts in fleet["hosts"].items()},
            alertmanager_cluster.clustered(fleet["alertmanagers"]),
        )
        maker = fleet_secrets.SecretMaker(self._password, self._task.check_mode)
        secrets: dict[str, fleet_secrets.HostSecrets] = {}
        try:
            inputs = {host: fleet_secrets.inputs_of(variables, known, host) for host in variables.play_hosts}
            digests = {
                host: hashlib.sha256(repr(host_inputs).encode()).hexdigest() for host, host_inputs in inputs.items()
            }
            if digests.items() <= earlier.get("inputs", {}).items():
                # A play before this one made them of the same values.
                return {**result, **earlier, "changed": False, "_ansible_no_log": True}
            speaking = {host: host_inputs for host, host_inputs in inputs.items() if host_inputs}
            new = {host for host in speaking if boolean(variables.get(host, "tls_new_secrets"), strict=False)}
            stopping = {
                host: host_inputs
                for host, host_inputs in speaking.items()
                if not options["make_missing"] and host not in new
            }
            missing = sorted({path for host_inputs in stopping.values() for path in fleet_secrets.missing(host_inputs)})
            if not missing:
                secrets = maker.make(speaking)
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from None
        if self._task.diff and maker.diffs:
            # Ansible shows no diff of a result that it must not log.
            self._display.display("\n".join(maker.diffs))
        made: dict[str, Any] = {"hosts": {host: secrets.get(host, {}) for host in inputs}, "inputs": digests}
        if missing:
            made = {"config_dirs": self._config_dirs(variables)}
        return {**result, "changed": maker.changed, "missing": missing, **made, "_ansible_no_log": True}

    def _config_dirs(self, variables: HostVariables) -> dict[str, str]:
        """Where an earlier deployment would be, on the hosts of the play and on monitoring hosts, which know the
        secrets of all hosts.
        """
        hosts = dict.fromkeys([*variables.play_hosts, *variables.in_groups("monitoring")])
        return {host: str(variables.get(host, "gpu_monitoring_config_dir")) for host in hosts}

    def _password(self, path: str) -> str:
        """The password in a file of the controller, generated once. Check mode makes no file; nothing is kept in
        /dev/null.
        """
        source = "/dev/null" if self._task.check_mode and not os.path.exists(path) else path
        return str(Templar(loader=self._loader, variables={"path": source}).template(trust_as_template(_LOOKUP)))
