"""How monitoring hosts divide the fleet, and what moves if a host comes or goes."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import shards

# Usual names of 300 GPU hosts and of monitoring hosts.
GPU_HOSTS = {
    "gpu1": [f"gpu{number}" for number in range(1, 301)],
    "gpu001": [f"gpu{number:03}" for number in range(1, 301)],
    "dgx-001": [f"dgx-{number:03}" for number in range(1, 301)],
    "gpu1.example.com": [f"gpu{number}.example.com" for number in range(1, 301)],
    "rack and place": [f"r{rack:02}-n{place:02}" for rack in range(1, 31) for place in range(1, 11)],
    "addresses": [f"10.0.{number // 250}.{number % 250 + 1}" for number in range(300)],
}
MONITORING = ["monitor{}", "mon-{}", "monitor{}.example.com", "10.1.0.{}"]
schemes = pytest.mark.parametrize("monitoring", MONITORING)
names = pytest.mark.parametrize("hosts", GPU_HOSTS.values(), ids=GPU_HOSTS)


def monitors(pattern, count):
    return [pattern.format(number) for number in range(1, count + 1)]


def moved(before, after):
    return [host for host in before if host in after and before[host] != after[host]]


@schemes
@names
def test_a_fourth_monitoring_host_takes_its_share_and_nothing_else_moves(hosts, monitoring):
    before, after = shards.divide(hosts, monitors(monitoring, 3)), shards.divide(hosts, monitors(monitoring, 4))
    changed = moved(before, after)
    assert len(hosts) * 0.15 < len(changed) <= len(hosts) * (0.25 + 0.1)
    assert {after[host] for host in changed} == {monitoring.format(4)}


@schemes
@names
def test_another_gpu_host_moves_no_other(hosts, monitoring):
    before = shards.divide(hosts[:-1], monitors(monitoring, 4))
    assert moved(before, shards.divide(hosts, monitors(monitoring, 4))) == []


@schemes
@names
def test_a_monitoring_host_that_leaves_moves_its_own_hosts_alone(hosts, monitoring):
    before = shards.divide(hosts, monitors(monitoring, 4))
    left = monitoring.format(2)
    after = shards.divide(hosts, [host for host in monitors(monitoring, 4) if host != left])
    assert moved(before, after) == [host for host in hosts if before[host] == left]


@schemes
@names
@pytest.mark.parametrize("count", [2, 3, 4, 10])
def test_each_monitoring_host_gets_a_fair_part(hosts, monitoring, count):
    owners = [*shards.divide(hosts, monitors(monitoring, count)).values()]
    sizes = [owners.count(host) for host in monitors(monitoring, count)]
    fair = len(hosts) / count
    # Four standard deviations of a binomial distribution.
    assert max(abs(size - fair) for size in sizes) <= 4 * (fair * (1 - 1 / count)) ** 0.5


def test_the_order_of_the_inventory_does_not_matter():
    hosts = [*GPU_HOSTS["gpu1"], *monitors("monitor{}", 3)]
    assert shards.divide(hosts[::-1], monitors("monitor{}", 3)[::-1]) == shards.divide(hosts, monitors("monitor{}", 3))


@pytest.mark.parametrize(
    ("count", "neighbours"),
    [
        (1, {"monitor1": "monitor1"}),
        (2, {"monitor1": "monitor2", "monitor2": "monitor1"}),
        (3, {"monitor1": "monitor2", "monitor2": "monitor3", "monitor3": "monitor1"}),
    ],
)
def test_a_monitoring_host_is_scraped_by_another_one(count, neighbours):
    monitoring = monitors("monitor{}", count)
    assert shards.neighbours_of(monitoring) == neighbours
    # Also if the host has GPUs.
    assert shards.divide([*monitoring, "gpu1"], monitoring).items() >= neighbours.items()


def test_the_division_is_that_of_earlier_versions():
    owners = shards.divide(["gpu1", "gpu2", "gpu3", "gpu4"], monitors("monitor{}", 3))
    assert owners == {"gpu1": "monitor1", "gpu2": "monitor1", "gpu3": "monitor3", "gpu4": "monitor3"}
