# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Labels of containers that become labels of metrics."""

import re
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError

VARIABLE = "gpu_monitoring_container_labels"
_NAME = re.compile(r"[^\s,]+")
# How cAdvisor spells the name of a label (metrics/prometheus.go, sanitizeLabelName).
_NOT_IN_METRICS = re.compile(r"[^a-zA-Z0-9_]")
_FIX = "Write it like com.docker.compose.service"


def check(variables: HostVariables, host: str) -> None:
    """Raises VariableError for labels that metrics cannot have."""
    labels: Any = variables.get(host, VARIABLE) or []
    if not isinstance(labels, list):
        raise VariableError(VARIABLE, host, "the value is not a list", "Write it like [team, job]")
    known: dict[str, str] = {}
    for label in map(str, labels):
        if not _NAME.fullmatch(label):
            raise VariableError(VARIABLE, host, f"'{label}' is not a name of a label", _FIX)
        other = known.setdefault(_NOT_IN_METRICS.sub("_", label), label)
        if other != label:
            raise VariableError(VARIABLE, host, f"'{other}' and '{label}' are the same label in metrics", "Remove one")
    if len({*labels}) < len(labels):
        raise VariableError(VARIABLE, host, "a label is listed twice", "Remove one")
