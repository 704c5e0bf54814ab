# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The check of variables that the controller reads from one host, for all hosts of a run."""

from collections.abc import Sequence

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError

# Each host has its own value of these variables of the role.
_OF_EACH_HOST = {"bundle_target", "bundle_transfer_dir"}
_LOGIN = ("gpu_monitoring_registry_ca", "gpu_monitoring_registry_username", "gpu_monitoring_registry_password")


def check(variables: HostVariables, host: str) -> None:
    """Raises VariableError if a variable of the role bundle differs from that of the first host of the play."""
    of_role = [name for name in variables.read_of_role("bundle", "defaults", "main.yml") if name not in _OF_EACH_HOST]
    _check_same(variables, host, variables.play_hosts[0], ["gpu_monitoring_bundle", *of_role])


def check_login(variables: HostVariables, hosts: Sequence[str]) -> None:
    """Raises VariableError if the login or the authority of a registry is not the same for all hosts."""
    for host in hosts[1:]:
        _check_same(variables, host, hosts[0], _LOGIN)


def _check_same(variables: HostVariables, host: str, first: str, names: Sequence[str]) -> None:
    expected = {name: variables.get(first, name) for name in names}
    for name in names:
        if variables.get(host, name) != expected[name]:
            raise VariableError(
                name,
                host,
                f"the value differs from that of {first}, and the controller reads one value for all hosts of a run",
                f"Set {name} to the same value for all hosts, or name hosts with the same value in --limit",
            )
