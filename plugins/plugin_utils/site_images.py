# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The images of a site: what the roles' variables make for the hosts of the inventory."""

from collections.abc import Sequence
from typing import NamedTuple

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.reference import parse
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import fleet
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError

_OF_GPU_HOSTS = ("node_exporter", "cadvisor", "nvidia_container_toolkit", "dcgm_exporter", "container_gpu_collector")
_OF_MONITORING_HOSTS = ("node_exporter", "alertmanager", "victoria_metrics", "prometheus", "grafana")
_ROLES = tuple(dict.fromkeys((*_OF_GPU_HOSTS, *_OF_MONITORING_HOSTS)))


class SiteImage(NamedTuple):
    """An image that a variable of a role makes on a host.

    `reference` is where the site gets the image. `upstream` is the same variable without the site's mirror.
    """

    host: str
    variable: str
    reference: str
    upstream: str


def images(variables: HostVariables, hosts: Sequence[str] = ()) -> list[SiteImage]:
    """The images of hosts of the groups gpu_hosts and monitoring; of all of them if none is named.

    Raises ValueError for an empty group and for a variable that cannot be evaluated.
    """
    if not hosts:
        fleet.check_groups(variables)
    variables.use_defaults("common", *_ROLES)
    of_hosts = hosts or variables.in_groups("gpu_hosts", "monitoring")
    return _evaluated(
        variables,
        [(host, name) for host in of_hosts for role in _roles(variables, host) for name in names(variables, role)],
    )


def of_role(variables: HostVariables, role: str, host: str) -> list[SiteImage]:
    """The images of one role on a host. Raises ValueError for a variable that cannot be evaluated."""
    if not variables.is_true(host, f"{role}_enabled"):
        return []
    return _evaluated(variables, [(host, name) for name in names(variables, role)])


def _evaluated(variables: HostVariables, named: Sequence[tuple[str, str]]) -> list[SiteImage]:
    references = [str(variables.get(host, name) or "") for host, name in named]
    variables.override(gpu_monitoring_registry="", gpu_monitoring_registries={})
    upstream = [str(variables.get(host, name) or "") for host, name in named]
    variables.override()
    for (host, name), text in zip([*named, *named], [*references, *upstream]):
        _check(host, name, text)
    return [
        SiteImage(host, name, reference, source)
        for (host, name), reference, source in zip(named, references, upstream)
        if reference
    ]


def _check(host: str, name: str, text: str) -> None:
    """Raises VariableError for what is not the reference of an image."""
    try:
        if text:
            parse(text)
    except RegistryError as error:
        problem, _end, fix = str(error).partition(". ")
        raise VariableError(name, host, problem, fix) from error


def _roles(variables: HostVariables, host: str) -> list[str]:
    """The roles with images that are on for a host."""
    groups = variables.groups
    roles = [
        *(_OF_GPU_HOSTS if host in groups.get("gpu_hosts", []) else ()),
        *(_OF_MONITORING_HOSTS if host in groups.get("monitoring", []) else ()),
    ]
    return [role for role in dict.fromkeys(roles) if variables.is_true(host, f"{role}_enabled")]


def names(variables: HostVariables, role: str) -> list[str]:
    """The names of the variables with images of a role."""
    return [name for name in variables.read_of_role(role, "defaults", "main.yml") if name.endswith("_image")]
