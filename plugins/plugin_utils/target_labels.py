# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Labels that a site gives to all targets of a host, or to all that a Prometheus sends. Pure."""

import re
from collections.abc import Collection, Mapping
from typing import Any

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_EXAMPLE = "Write it like {team: vision, rack: r12}"
# Labels of targets that the collection gives, and those by which its dashboards, rules and checks tell series apart.
# Prometheus would rename them in the samples, as exported_gpu.
OF_SERIES = frozenset(
    "host instance job server"
    " UUID GPU_I_ID GPU_I_PROFILE DCGM_FI_DRIVER_VERSION device err_code err_msg gpu modelName pci_bus_id"
    " container id image interface mig monitoring name namespace pod via"
    " clock_event xid chip collector core cpu fstype mode mountpoint nodename release"
    " alertname alertstate severity"
    " engine handler le method model model_name quantile status version".split()
)


def problem_of(labels: Any, reserved: Collection[str] = ()) -> tuple[str, str] | None:
    """Problem and fix of the first label that Prometheus or a dashboard could not use; None if all is well."""
    if not isinstance(labels, Mapping):
        return "the value is not a dictionary of labels", _EXAMPLE
    for name, value in labels.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            return f"'{name}' is not a name of a label", "Use letters, digits and '_', and begin with a letter"
        if name.startswith("__"):
            return f"the label {name} is one of Prometheus itself", "Choose a name that does not begin with '__'"
        if name in reserved:
            return f"the label {name} is one of the metrics or of the collection", "Choose another name"
        if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value == "":
            return f"the label {name} has no text as value", f"{_EXAMPLE}, true and false in quotation marks"
    return None
