# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass
from typing import Callable, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import Port


@dataclass(frozen=True)
class Published:
    """A port of the host that a running container publishes."""

    container: str
    address: str
    port: int


def bind_error(address: str, port: int) -> Optional[int]:
    """The errno with which this host refuses to listen at the address and port; None if it does not."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.errno
    return None


def overlap(address: str, other: str) -> bool:
    """Whether nobody can listen at one address while somebody listens at the other."""
    first, second = ipaddress.ip_address(address), ipaddress.ip_address(other)
    return first.version == second.version and (first == second or first.is_unspecified or second.is_unspecified)


def check(
    service: str,
    own: set[str],
    wanted: list[Port],
    published: list[Published],
    bind: Callable[[str, int], Optional[int]],
) -> None:
    """Refuse a port of the host that somebody else has; `own` are the service's containers, `bind` tries a port as
    bind_error() does.
    """
    for port in wanted:
        address, number = port.address, port.host_port
        holders = {
            holder.container for holder in published if holder.port == number and overlap(address, holder.address)
        }
        others = sorted(holders - own)
        if others:
            raise ServiceError(
                f"ports: port {number} of {address}, which {service} needs, is taken by the container {others[0]}."
                f" Stop that container or choose another {port.variable}."
            )
        problem = None if holders else bind(address, number)
        if problem == errno.EADDRNOTAVAIL:
            raise ServiceError(
                f"ports: {address}, which {service} needs, is not an address of this host."
                " Set gpu_monitoring_address to an address of the host."
            )
        if problem == errno.EADDRINUSE:
            raise ServiceError(
                f"ports: port {number} of {address}, which {service} needs, is taken by another process"
                f" (`ss -ltnp sport = :{number}` names it). Stop it or choose another {port.variable}."
            )
