# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The certificates that the services of a fleet serve, and those that end soon."""

import contextlib
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Optional
from urllib.parse import urlsplit

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.address import with_port
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.decide import CONTAINERS, GPUS, NODE
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.faults import Problem
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.observed import Target

_DAY = 86400
_JOBS = (CONTAINERS, GPUS, NODE)
_AT_ONCE = 32
_FIX = "Run the playbook site, which renews its own certificates, or replace the one of"


class Served(NamedTuple):
    """What a server of a host serves: where, and when its certificate ends in seconds since 1970."""

    host: str
    address: str
    end: float


class Authority(NamedTuple):
    """An authority that is trusted, and when it ends."""

    name: str
    end: float


def owners(targets: Iterable[Target], urls: Mapping[str, str]) -> dict[tuple[str, int], str]:
    """For each address at which TLS is served the host of a target that is up, or the key of the URL.

    A target with a name is a container, which only Prometheus reaches.
    """
    owner_by_address: dict[tuple[str, int], str] = {}
    up = [(target["host"], target["url"]) for target in targets if target["health"] == "up" and target["job"] in _JOBS]
    for host, url in [*urls.items(), *up]:
        parts = urlsplit(url)
        with contextlib.suppress(ValueError):
            if parts.scheme == "https" and parts.hostname:
                owner_by_address.setdefault((str(ipaddress.ip_address(parts.hostname)), parts.port or 443), host)
    return owner_by_address


def served(addresses: Mapping[tuple[str, int], str], ca_path: Optional[str], timeout: float) -> list[Served]:
    """What is served at the addresses, by a client that trusts the authorities alone. Raises OSError for a file that
    cannot be read.

    Whoever does not answer, or serves what is not trusted, is left out: the checks of targets tell that.
    """
    context = ssl.create_default_context(cafile=ca_path)
    context.check_hostname = False
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        ends = pool.map(lambda address: _end(address, context, timeout), addresses)
        entries = zip(addresses.items(), ends)
        return [Served(host, with_port(*address), end) for (address, host), end in entries if end is not None]


def authorities(ca_path: Optional[str]) -> list[Authority]:
    """The authorities in a file. Of several with one name the last to end counts, as one that was prolonged."""
    if not ca_path:
        return []
    ends: dict[str, float] = {}
    for certificate in ssl.create_default_context(cafile=ca_path).get_ca_certs():
        subject: Any = certificate["subject"]
        name = ", ".join(f"{key}={value}" for part in subject for key, value in part)
        ends[name] = max(ends.get(name, 0.0), float(ssl.cert_time_to_seconds(str(certificate["notAfter"]))))
    return [Authority(name, end) for name, end in ends.items()]


def problems(seen: Iterable[Served], trusted: Iterable[Authority], now: float, days: float) -> list[Problem]:
    """One sentence for each host and each authority whose certificate ends within these days."""
    first: dict[str, Served] = {}
    for entry in seen:
        if entry.end - now <= days * _DAY and entry.end < first.get(entry.host, Served("", "", float("inf"))).end:
            first[entry.host] = entry
    told = [
        Problem(
            "certificates",
            entry.host,
            f"The certificate of {entry.host} at {entry.address} {_when(entry.end, now)}. {_FIX} tls_certificate.",
        )
        for entry in first.values()
    ]
    return told + [
        Problem(
            "certificates",
            "",
            f"The authority {authority.name} {_when(authority.end, now)}. {_FIX} tls_ca_certificate.",
        )
        for authority in trusted
        if authority.end - now <= days * _DAY
    ]


def _end(address: tuple[str, int], context: ssl.SSLContext, timeout: float) -> Optional[float]:
    try:
        with socket.create_connection(address, timeout) as connection, context.wrap_socket(connection) as secured:
            certificate = secured.getpeercert() or {}
    except OSError:
        return None
    return float(ssl.cert_time_to_seconds(str(certificate["notAfter"]))) if certificate else None


def _when(end: float, now: float) -> str:
    day, days = time.strftime("%Y-%m-%d", time.gmtime(end)), int((end - now) // _DAY)
    return f"ended on {day}" if end < now else f"ends on {day}, in {days} day{'' if days == 1 else 's'}"
