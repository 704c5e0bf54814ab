# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""How a Docker network is made, and how one that exists differs."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import Network
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError

# Options of the modules that make networks. AnsibleModule takes them as they are.
OPTIONS: dict[str, dict[str, Any]] = {
    "network_subnet": {"type": "str", "default": ""},
    "network_mtu": {"type": "int", "default": 0},
}
# The engine makes these itself, gives them no names of containers, and never removes them.
PREDEFINED = ("bridge", "host", "none")
_MTU_OPTION = "com.docker.network.driver.mtu"
_BY_HAND = "docker network create --subnet 10.213.0.0/24"
_POOLS_EXHAUSTED = ("non-overlapping", "fully subnetted")
_OVERLAP = "overlap"


@dataclass(frozen=True)
class NetworkOptions:
    """How missing networks are made. An empty subnet and an MTU of 0 leave the choice to the engine."""

    subnet: str = ""
    mtu: int = 0


def given(options: Mapping[str, Any]) -> NetworkOptions:
    """The options of a module. Raises ServiceError for what is not a subnet."""
    subnet, mtu = options["network_subnet"], options["network_mtu"]
    try:
        subnet = str(ipaddress.IPv4Network(subnet)) if subnet else ""
    except ValueError as error:
        raise ServiceError(
            f"network_subnet: '{subnet}' is not an IPv4 subnet ({error}). Write gpu_monitoring_network_subnet like"
            " 10.213.0.0/24."
        ) from error
    return NetworkOptions(subnet, mtu)


def create_options(options: NetworkOptions) -> dict[str, Any]:
    """The part of NetworkCreate (https://docs.docker.com/reference/api/engine/) for the options."""
    body: dict[str, Any] = {}
    if options.subnet:
        body["IPAM"] = {"Config": [{"Subnet": options.subnet}]}
    if options.mtu:
        body["Options"] = {_MTU_OPTION: str(options.mtu)}
    return body


def difference(name: str, network: Network, options: NetworkOptions) -> str:
    """How an existing network differs from the options; empty if it does not."""
    subnets = [str(config.get("Subnet", "")) for config in (network.get("IPAM") or {}).get("Config") or []]
    mtu = (network.get("Options") or {}).get(_MTU_OPTION, "")
    differences = []
    if options.subnet and options.subnet not in subnets:
        differences.append(f"the subnet {', '.join(subnets) or 'unknown'}, not {options.subnet}")
    if options.mtu and mtu != str(options.mtu):
        differences.append(f"the MTU {mtu or 'of the engine'}, not {options.mtu}")
    if not differences:
        return ""
    return (
        f"The network {name} exists and has {' and '.join(differences)}. A network with containers is never recreated."
        f" To change the network, run the playbook remove, `docker network rm {name}` if the network is left, and"
        " the playbook site."
    )


def advice(name: str, refusal: str, options: NetworkOptions) -> str:
    """What to do if a network cannot be made."""
    if any(words in refusal for words in _POOLS_EXHAUSTED):
        return (
            " All address pools of the engine are in use, or a route of this host covers them. Set"
            " gpu_monitoring_network_subnet to a free subnet, or create the network yourself:"
            f" `{_BY_HAND} {name}`."
        )
    if _OVERLAP in refusal and options.subnet:
        return (
            f" Another network of this host has addresses of {options.subnet}."
            " Set gpu_monitoring_network_subnet to a free subnet."
        )
    return ""
