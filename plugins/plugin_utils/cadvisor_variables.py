# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import container_labels, flags
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError


def check(variables: HostVariables, host: str) -> None:
    """Raises VariableError for a flag that cannot be added, and for a label of containers that metrics cannot have."""
    problem = flags.problem_of(variables.get(host, "cadvisor_flags_extra") or [], flags.CADVISOR)
    if problem:
        raise VariableError("cadvisor_flags_extra", host, *problem)
    container_labels.check(variables, host)
