# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The VictoriaMetrics of a fleet, and the settings of one."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.address import with_port
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import flags, image_versions
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import (
    HostVariables,
    VariableError,
    port_of,
    reached_address,
)

# The name in the certificate of a host, and on the Docker network of its services.
CONTAINER = "victoria-metrics"
# Versions before do not see what newer ones wrote.
_OLDEST = "1.133"
_SECRET_FLAG = re.compile(r"--(?P<name>[^=]*(?:authkey|password|secret|token|license))=(?!file://)", re.IGNORECASE)


class Instance(TypedDict):
    """A VictoriaMetrics, and where the other monitoring hosts reach it."""

    host: str
    url: str


def is_enabled(variables: HostVariables, host: str) -> bool:
    """Whether a host is to have a VictoriaMetrics."""
    name = "victoria_metrics_enabled"
    return variables.get(host, name) is not None and variables.is_true(host, name)


def instances(variables: HostVariables, addresses: Mapping[str, str], tls: bool) -> list[Instance]:
    """Each VictoriaMetrics of the monitoring hosts with these addresses."""
    hosts = variables.in_groups("monitoring")
    return [
        {"host": host, "url": f"{'https' if tls else 'http'}://{_reached(variables, host, addresses[host], hosts)}"}
        for host in hosts
        if host in addresses and is_enabled(variables, host)
    ]


def _reached(variables: HostVariables, host: str, address: str, hosts: Sequence[str]) -> str:
    """The address and port at which the other monitoring hosts reach the VictoriaMetrics of a host."""
    others = [other for other in hosts if other != host]
    reached = reached_address(variables, host, "victoria_metrics_address", address, others)
    return with_port(reached, port_of(variables, host, "victoria_metrics_port"))


def check(variables: HostVariables, host: str) -> Iterator[VariableError]:
    """Each setting of VictoriaMetrics that would not work, or that would show a secret."""
    if not is_enabled(variables, host):
        return
    image = image_versions.problem_of(
        str(variables.get(host, "victoria_metrics_image")), _OLDEST, "victoria_metrics", "1.153.0"
    )
    if image:
        yield VariableError("victoria_metrics_image", host, *image)
    problem = _problem_of_flags(variables.get(host, "victoria_metrics_flags_extra") or [])
    if problem:
        yield VariableError("victoria_metrics_flags_extra", host, *problem)


def _problem_of_flags(given: Sequence[Any]) -> tuple[str, str] | None:
    for flag in given:
        secret = _SECRET_FLAG.match(str(flag))
        if secret:
            return f"--{secret['name']} is a secret, which everybody can read in a command line", (
                f"Mount a file by victoria_metrics_mounts_extra, and write --{secret['name']}=file:///PATH"
            )
    return flags.problem_of(given, flags.VICTORIA_METRICS)
