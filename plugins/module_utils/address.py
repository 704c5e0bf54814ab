# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import ipaddress
import re
import socket
from typing import Optional, Union

IP = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
# Resolvers take such a name for an IPv4 address: 101 for 0.0.0.101
# (https://url.spec.whatwg.org/#ends-in-a-number-checker).
_ENDS_IN_A_NUMBER = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)\.?", re.IGNORECASE)


def literal(text: str) -> Optional[str]:
    """The IP address that a text is, None for a name. Raises ValueError for an address that no host can have."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    plain = getattr(address, "ipv4_mapped", None) or address
    problem = "has a zone" if "%" in text else _problem(plain)
    if problem:
        raise ValueError(f"{text} {problem}. Set it to an IP address of the host on the network")
    return str(plain)


def resolved(name: str) -> list[str]:
    """The IP addresses of a name at which a host can be reached, in the order of their numbers, IPv4 first.

    Addresses of the loopback are among them. Raises ValueError with the fix if the name has no address.
    """
    reason = "its last part is a number"
    if not _ENDS_IN_A_NUMBER.fullmatch(name):
        try:
            answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except OSError as error:
            reason = error.strerror or str(error)
        except UnicodeError:
            reason = "a part of it is empty or too long"
        else:
            texts = {str(answer[4][0]) for answer in answers}
            addresses = {ipaddress.ip_address(text) for text in texts if "%" not in text}
            usable = sorted((address for address in addresses if not _problem(address)), key=order)
            if usable:
                return [str(address) for address in usable]
            reason = f"it has only {', '.join(sorted(texts))}"
    raise ValueError(
        f"'{name}' is not an IP address and does not resolve ({reason})."
        " Set gpu_monitoring_address to the host's IP address, or ansible_host to a name that resolves."
    )


def order(address: IP) -> tuple[int, int]:
    """The place of an address among others."""
    return address.version, int(address)


def with_port(address: str, port: int) -> str:
    """`address:port`, with the brackets that IPv6 needs."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _problem(address: IP) -> str:
    if address.is_unspecified:
        return "stands for all addresses of a host"
    if address.is_multicast:
        return "is a multicast address"
    if address.version == 6 and address.is_link_local:
        return "is a link-local address, which is valid only on one link"
    if address.version == 4 and (address.is_reserved or address in ipaddress.ip_network("0.0.0.0/8")):
        return "is not the address of a host"
    return ""
