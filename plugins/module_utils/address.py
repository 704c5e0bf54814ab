# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import ipaddress
import socket


def resolve(name: str) -> str:
    """The IP address of `name`, which may be one already; the lowest of several, IPv4 first. Raises ValueError with the fix if the name does not resolve."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ValueError(
            f"'{name}' is no IP address and does not resolve ({error.strerror})."
            " Set gpu_monitoring_address to the host's IP address, or ansible_host to a name that resolves."
        ) from error
    return str(min((entry[0] != socket.AF_INET, str(entry[4][0])) for entry in answers)[1])


def with_port(address: str, port: int) -> str:
    """`address:port`, with the brackets that IPv6 needs."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
