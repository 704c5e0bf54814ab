# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Whether the Alertmanagers of several monitoring hosts form a cluster. Pure."""

import ipaddress
from typing import Callable, NamedTuple, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.faults import ALERTS, SITE, Problem

# The longest wait of a member for those before it, before it notifies people. The role alertmanager divides this time
# between the members (--cluster.peer-timeout).
TURNS_SECONDS = 10


class Member(NamedTuple):
    """Another member that the cluster should have.

    - address: with its port, as the members know each other.
    - unreachable: whether Ansible cannot reach the host, which is a fault that was told.
    - stopped: a clause that says that its container does not run, empty if that is not known.
    """

    host: str
    address: str
    unreachable: bool = False
    stopped: str = ""


class Cluster(NamedTuple):
    """What an Alertmanager knows of its cluster: ready, settling or disabled, and the addresses of its members."""

    status: str
    peers: list[str]


def problems(members: list[Member], cluster: Optional[Cluster], closed: Callable[[str], str]) -> list[Problem]:
    """The faults of a cluster, None if Alertmanager could not be asked. While it settles, members may still join.

    `closed` answers why an address takes no connection, empty if it takes one. With TLS, Alertmanager may count a dead
    member for as long as it is dead: memberlist ends a probe that cannot connect, and suspects nobody.
    """
    if not members or cluster is None or cluster.status == "settling":
        return []
    if cluster.status == "disabled":
        text = "Alertmanager runs without a cluster, so each Alertmanager notifies people of the same alert."
        return [Problem(ALERTS, "", f"{text} {SITE}")]
    seen = {_canonical(peer) for peer in cluster.peers}
    asked = {member: closed(member.address) for member in members if not member.unreachable}
    missing = {member: reason for member, reason in asked.items() if reason or _canonical(member.address) not in seen}
    return [Problem(ALERTS, member.host, _message(member, reason)) for member, reason in missing.items()]


def _message(member: Member, reason: str) -> str:
    shown = f" ({reason})" if reason else ""
    text = f"The Alertmanager of {member.host} ({member.address}) is missing from the cluster{shown}."
    if member.stopped:
        return f"{text}{member.stopped}"
    doubt = "Either it does not run, or people get alerts twice."
    return f"{text} {doubt} Check that it runs, and that a firewall lets TCP pass to {member.address}."


def split(peer: str) -> tuple[str, str]:
    """The address and the port."""
    address, _colon, port = peer.rpartition(":")
    return address.strip("[]"), port


def _canonical(peer: str) -> tuple[str, str]:
    """The address and the port. An address of IPv6 has several spellings."""
    address, port = split(peer)
    try:
        return str(ipaddress.ip_address(address)), port
    except ValueError:
        return address, port
