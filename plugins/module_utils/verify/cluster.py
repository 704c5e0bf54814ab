# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Whether the Alertmanagers of several monitoring hosts form a cluster. Pure."""

import ipaddress
from typing import NamedTuple, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.faults import ALERTS, SITE, Problem

# How long a member waits for each member before it, before it notifies people (--cluster.peer-timeout).
TURN_SECONDS = 15


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


def problems(members: list[Member], cluster: Optional[Cluster]) -> list[Problem]:
    """The faults of a cluster, None if Alertmanager could not be asked. While it settles, members may still join."""
    if not members or cluster is None or cluster.status == "settling":
        return []
    if cluster.status == "disabled":
        text = "Alertmanager runs without a cluster, so each Alertmanager notifies people of the same alert."
        return [Problem(ALERTS, "", f"{text} {SITE}")]
    seen = {_canonical(peer) for peer in cluster.peers}
    missing = [member for member in members if _canonical(member.address) not in seen and not member.unreachable]
    return [Problem(ALERTS, member.host, _message(member)) for member in missing]


def _message(member: Member) -> str:
    text = f"The Alertmanager of {member.host} ({member.address}) is missing from the cluster."
    if member.stopped:
        return f"{text}{member.stopped}"
    doubt = "Either it does not run, or people get alerts twice."
    return f"{text} {doubt} Check that it runs, and that a firewall lets TCP pass to {member.address}."


def _canonical(peer: str) -> tuple[str, str]:
    """The address and the port. An address of IPv6 has several spellings."""
    address, _colon, port = peer.rpartition(":")
    try:
        return str(ipaddress.ip_address(address.strip("[]"))), port
    except ValueError:
        return address, port
