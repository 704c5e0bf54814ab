"""GPU hosts whose exporters are simulated."""

from __future__ import annotations

# Networks for benchmarks (RFC 2544) and of loopback. An inventory refuses the latter.
INVENTORY, LOOPBACK = "198.18.", "127.18."


def addresses(hosts: int) -> dict[str, str]:
    """Name and address of each host in an inventory."""
    return {f"gpu{number:04}": f"{INVENTORY}{number // 250}.{number % 250 + 1}" for number in range(1, hosts + 1)}


def served(address: str) -> str:
    """The address of loopback that stands for one of an inventory."""
    return address.replace(INVENTORY, LOOPBACK, 1)
