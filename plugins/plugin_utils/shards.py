# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Which monitoring host scrapes which host, if the monitoring hosts divide the fleet. Pure.

This is rendezvous hashing of Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998. Each pair
of names has a weight, and a host goes to the monitoring host with the highest. So another GPU host moves no host, and
another monitoring host takes its share of each of the others. Prometheus' `hashmod` would move most hosts then.
"""

import hashlib
from collections.abc import Iterable, Sequence


def divide(hosts: Iterable[str], monitoring: Sequence[str]) -> dict[str, str]:
    """The monitoring host of each host, by inventory names alone."""
    neighbours = neighbours_of(monitoring)
    return {host: neighbours[host] if host in neighbours else _heaviest(host, monitoring) for host in hosts}


def neighbours_of(monitoring: Sequence[str]) -> dict[str, str]:
    """For each monitoring host the one that scrapes it, and notices that it is down: the next in the order of names.

    From three hosts on, no two of them scrape each other. If both were down, no other host would notice.
    """
    ring = sorted(monitoring)
    return dict(zip(ring, [*ring[1:], *ring[:1]]))


def _heaviest(host: str, monitoring: Sequence[str]) -> str:
    return max(monitoring, key=lambda candidate: (_weight(candidate, host), candidate))


def _weight(monitoring_host: str, host: str) -> bytes:
    """The same in each process and version of Python, unlike hash(). No name has a character 0."""
    return hashlib.sha256(f"{monitoring_host}\0{host}".encode()).digest()
