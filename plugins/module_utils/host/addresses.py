# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import array
import fcntl
import glob
import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple, TypedDict

# https://man7.org/linux/man-pages/man7/netdevice.7.html
_SIOCGIFCONF, _SIOCGIFNETMASK = 0x8912, 0x891B
# The size of `struct ifreq`, whose union is 24 bytes if pointers have 8.
_ENTRY = 40 if struct.calcsize("P") == 8 else 32


class InterfaceAddress(TypedDict):
    """An address of a host.

    - network: the address with the length of its prefix.
    - bridge: whether the interface is a bridge that no network card is part of, as those of containers are.
    """

    address: str
    network: str
    interface: str
    bridge: bool


class AddressState(TypedDict):
    """The addresses of a host other than those of the loopback, and whether programs may bind to others
    (ip_nonlocal_bind).
    """

    own: list[InterfaceAddress]
    nonlocal_bind: bool


class _Found(NamedTuple):
    interface: str
    network: str


def ask(root: str = "/") -> AddressState:
    """The addresses of this host; none if the system is not Linux."""
    if not sys.platform.startswith("linux"):
        return {"own": [], "nonlocal_bind": False}
    own: list[InterfaceAddress] = []
    for entry in [*_ipv4(), *_ipv6(root)]:
        address = ipaddress.ip_interface(entry.network).ip
        if not address.is_loopback and not address.is_link_local:
            bridge = is_bridge_without_card(entry.interface, root)
            own.append(
                {"address": str(address), "network": entry.network, "interface": entry.interface, "bridge": bridge}
            )
    switches = glob.glob(os.path.join(root, "proc/sys/net/ipv[46]/ip_nonlocal_bind"))
    return {"own": own, "nonlocal_bind": any(_text(switch).strip() == "1" for switch in switches)}


def is_bridge_without_card(interface: str, root: str = "/") -> bool:
    """Whether an interface is a bridge whose ports are all virtual: no device and nothing on top of a device."""
    folder = os.path.join(root, "sys/class/net")
    # An alias has a colon after the name of its interface.
    bridge = os.path.join(folder, interface.partition(":")[0])
    if not os.path.isdir(os.path.join(bridge, "bridge")):
        return False
    ports = [os.path.join(folder, os.path.basename(port)) for port in glob.glob(os.path.join(bridge, "brif", "*"))]
    return not any(
        os.path.exists(os.path.join(port, "device")) or glob.glob(os.path.join(port, "lower_*")) for port in ports
    )


def _ipv4() -> Iterator[_Found]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        size = 64 * _ENTRY
        while True:
            buffer = array.array("B", bytes(size))
            answer = fcntl.ioctl(sock, _SIOCGIFCONF, struct.pack("iP", size, buffer.buffer_info()[0]))
            length = struct.unpack("iP", answer)[0]
            # A full buffer may have cut the answer.
            if length < size:
                break
            size *= 2
        for start in range(0, length, _ENTRY):
            entry = buffer[start : start + _ENTRY].tobytes()
            try:
                mask = fcntl.ioctl(sock, _SIOCGIFNETMASK, entry)[20:24]
            except OSError:
                # The interface was removed meanwhile, as bridges of containers may be.
                continue
            address = f"{socket.inet_ntoa(entry[20:24])}/{socket.inet_ntoa(mask)}"
            yield _Found(entry[:16].partition(b"\0")[0].decode(), ipaddress.ip_interface(address).with_prefixlen)


def _ipv6(root: str) -> Iterator[_Found]:
    for line in _text(os.path.join(root, "proc/net/if_inet6")).splitlines():
        digits, _index, length, _scope, _flags, interface = line.split()
        address = ipaddress.IPv6Address(int(digits, 16))
        yield _Found(interface, f"{address}/{int(length, 16)}")


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""
