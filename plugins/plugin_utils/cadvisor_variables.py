# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import re

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import flags
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError


def check(variables: HostVariables, host: str) -> None:
    """Raises VariableError for a flag that cannot be added, and for a container label that the flag cannot carry."""
    problem = flags.problem_of(variables.get(host, "cadvisor_flags_extra") or [], flags.CADVISOR)
    if problem:
        raise VariableError("cadvisor_flags_extra", host, *problem)
    for label in variables.get(host, "cadvisor_container_labels") or []:
        if not re.fullmatch(r"[^\s,]+", str(label)):
            fix = "Write it like com.docker.compose.service"
            raise VariableError("cadvisor_container_labels", host, f"'{label}' is not a name of a label", fix)
