# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def problems(hosts: Sequence[str], reached: Sequence[str], variables_of: Callable[[str], Mapping[str, Any]]) -> dict[str, list[str]]:
    """Why something was not deployed, by host. `reached` are the hosts that still answer at the end of the run."""
    answering = {*reached}
    found: dict[str, list[str]] = {}
    for host in hosts:
        variables = variables_of(host)
        reasons = [str(reason) for reason in variables.get("gpu_monitoring_failures", [])]
        if host not in answering:
            reasons.append(_unreachable(variables.get("gpu_monitoring_host", {})))
        if reasons:
            found[host] = reasons
    return found


def _unreachable(look: Mapping[str, Any]) -> str:
    if look.get("unreachable"):
        return f"Nothing was deployed: {look['msg']}"
    return "The host failed or stopped answering. The output of its last task says why."


def text(found: Mapping[str, Sequence[str]]) -> str:
    """The problems, a line for each."""
    lines = [f"{host}: {' '.join(reason.split())}" for host, reasons in found.items() for reason in reasons]
    return "\n".join(["This run did not deploy everything. Run it again when these hosts are repaired:", *lines])
