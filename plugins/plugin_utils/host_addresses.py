# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import contextlib
import functools
import ipaddress
import socket
from collections.abc import Sequence
from typing import NamedTuple

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import address
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import addresses as interfaces
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError

_LOCAL = ("local", "ansible.builtin.local")
# Overlay networks such as Tailscale take addresses of this network (RFC 6598).
_SHARED = ipaddress.ip_network("100.64.0.0/10")
# How many hosts the summary names.
_SHOWN = 10
_CLOSED = "closed to other machines unless gpu_monitoring_address is an address on the network"


class AddressError(VariableError):
    """An address of a host that cannot be used or found."""


class Choice(NamedTuple):
    """The address of a host. `names` are the addresses of its name, none if the variable is an address itself."""

    address: str
    names: list[str]

    @property
    def is_loopback(self) -> bool:
        """Whether no other machine reaches it."""
        return ipaddress.ip_address(self.address).is_loopback


class HostAddresses:
    """The IP addresses under which the hosts of a fleet reach each other. `members` are all of the fleet, whatever the
    run is limited to.
    """

    def __init__(self, variables: HostVariables, members: Sequence[str]) -> None:
        self._variables, self._members = variables, members
        self._choices: dict[str, Choice] = {}
        self._resolved = functools.cache(address.resolved)
        # Each host may be asked for the addresses of all others.
        self._text, self._only_address = functools.cache(self._read_text), functools.cache(self._find_only_address)
        self._interfaces = functools.cache(interfaces.ask)

    def of(self, host: str) -> str:
        """The address of a host. Raises AddressError with the fix."""
        if host not in self._choices:
            try:
                self._choices[host] = self._choose(host, self._text(host))
            except VariableError as error:
                raise AddressError(*error.parts) from error
            except ValueError as error:
                problem, _stop, fix = str(error).partition(". ")
                raise AddressError("gpu_monitoring_address", host, problem, fix) from error
        return self._choices[host].address

    def needs_resolver(self, host: str) -> bool:
        """Whether the address of a host is known by a name alone."""
        with contextlib.suppress(ValueError):
            return address.literal(self._text(host)) is None
        return True

    def summary(self) -> str:
        """One line with the addresses of the monitoring hosts, and of other hosts with several addresses; empty without
        such hosts.
        """
        monitoring = self._variables.in_groups("monitoring")
        parts = []
        for host in self._variables.in_groups("monitoring", "gpu_hosts"):
            choice = self._choices.get(host)
            if choice and choice.is_loopback:
                parts.append(f"{host} {choice.address}, {_CLOSED}")
            elif choice and choice.names not in ([], [choice.address]):
                parts.append(f"{host} {choice.address}, its name has {', '.join(choice.names)}")
            elif choice and host in monitoring:
                parts.append(f"{host} {choice.address}")
        more = f"; {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
        return f"Addresses: {'; '.join(parts[:_SHOWN])}{more}." if parts else ""

    def _read_text(self, host: str) -> str:
        given = (
            self._variables.get(host, "gpu_monitoring_address")
            if self._variables.is_set(host, "gpu_monitoring_address")
            else ""
        )
        return str(given or self._variables.get(host, "ansible_host") or host)

    def _choose(self, host: str, text: str) -> Choice:
        """The address that a text is, or an address of a name. A name with a loopback address is the controller's."""
        literal, is_local = address.literal(text), self._variables.get(host, "ansible_connection") in _LOCAL
        if literal is not None and (
            not is_local
            or not ipaddress.ip_address(literal).is_loopback
            or self._variables.is_set(host, "gpu_monitoring_address")
        ):
            return Choice(literal, [])
        addresses = self._resolved(text) if literal is None else [literal]
        outside = [ip for ip in addresses if not ipaddress.ip_address(ip).is_loopback]
        others = [member for member in self._members if member != host]
        if not outside and not others:
            return Choice(addresses[0] if literal else "127.0.0.1" if "." in addresses[0] else "::1", addresses)
        own = {entry["address"]: entry for entry in self._interfaces()["own"]}
        usable = [ip for ip in outside if ip not in own or not own[ip]["bridge"]]
        reference = self._reference(host, others) if len(usable) != 1 else ""
        if len(outside) < len(addresses) or own.keys() & {*addresses} or is_local:
            cards = [ip for ip, entry in own.items() if not entry["bridge"]]
            source = _source(reference)
            usable = [ip for ip in usable if ip in own] or usable or cards or ([source] if source else [])
            if source in usable:
                return Choice(source, addresses)
        if not usable:
            problem = f"'{text}' has {', '.join(addresses)} on this controller, which other hosts cannot reach"
            raise ValueError(f"{problem}. Set it to an address of {host} on the network")
        return Choice(min(usable, key=functools.partial(_preference, reference)), addresses)

    def _reference(self, host: str, others: Sequence[str]) -> str:
        """The address of a partner that has one address alone; empty if no partner has. The own address should be near
        to it.

        The partners of a GPU host are the monitoring hosts.
        """
        monitoring = self._variables.in_groups("monitoring")
        own = {entry["address"] for entry in self._interfaces()["own"]}
        for other in sorted(others, key=lambda other: host not in monitoring and other not in monitoring):
            only = self._only_address(other)
            if only and only not in own and not ipaddress.ip_address(only).is_loopback:
                return only
        return ""

    def _find_only_address(self, host: str) -> str:
        """The address of a host; empty if the host has several, or none that is known."""
        with contextlib.suppress(ValueError):
            text = self._text(host)
            literal = address.literal(text)
            addresses = [literal] if literal is not None else self._resolved(text)
            return addresses[0] if len(addresses) == 1 else ""
        return ""


def _source(destination: str) -> str:
    """The address from which this controller would send to another. Nothing is sent. Empty if there is no route."""
    if not destination:
        return ""
    family = socket.AF_INET6 if ":" in destination else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((destination, 9))
        return str(sock.getsockname()[0])
    return ""


def _preference(reference: str, text: str) -> tuple[int, int, bool, int]:
    """Sort key of an address of a host: IPv4 first, then most bits in common with the reference, addresses of overlays
    last.
    """
    candidate = ipaddress.ip_address(text)
    common = 0
    if reference and ipaddress.ip_address(reference).version == candidate.version:
        common = candidate.max_prefixlen - (int(candidate) ^ int(ipaddress.ip_address(reference))).bit_length()
    return candidate.version, -common, candidate.version == 4 and candidate in _SHARED, int(candidate)
