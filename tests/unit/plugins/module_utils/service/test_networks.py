"""Networks that are made with a subnet and an MTU, and those that are there."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import networks
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.networks import NetworkOptions

WANTED = NetworkOptions("10.213.0.0/24", 1400)
# As Docker 26.1 lists a network that was made so.
PRESENT = {
    "Name": "monitoring",
    "IPAM": {"Driver": "default", "Options": None, "Config": [{"Subnet": "10.213.0.0/24"}]},
    "Options": {"com.docker.network.driver.mtu": "1400"},
}


def options(subnet="", mtu=0):
    return networks.given({"network_subnet": subnet, "network_mtu": mtu})


def test_a_network_is_made_with_what_was_asked_for():
    assert networks.create_options(options()) == {}
    assert networks.create_options(options("10.213.0.0/24", 1400)) == {
        "IPAM": {"Config": [{"Subnet": "10.213.0.0/24"}]},
        "Options": {"com.docker.network.driver.mtu": "1400"},
    }


@pytest.mark.parametrize("subnet", ["10.213.0.1/24", "10.213.0.0/33", "monitoring"])
def test_what_is_no_subnet_is_refused(subnet):
    with pytest.raises(ServiceError, match=f"'{subnet}' is not an IPv4 subnet .*gpu_monitoring_network_subnet"):
        options(subnet)


def test_a_network_that_differs_is_reported_and_not_recreated():
    assert networks.difference("monitoring", PRESENT, WANTED) == ""
    assert networks.difference("monitoring", {"IPAM": {"Config": None}, "Options": None}, options()) == ""
    line = networks.difference("monitoring", PRESENT, NetworkOptions("10.9.0.0/24", 9000))
    assert "has the subnet 10.213.0.0/24, not 10.9.0.0/24 and the MTU 1400, not 9000" in line
    assert "never recreated" in line and "docker network rm monitoring" in line


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        # Docker 20.10 and 28.
        (
            "could not find an available, non-overlapping IPv4 address pool among the"
            " defaults to assign to the network",
            "docker network create --subnet",
        ),
        ("all predefined address pools have been fully subnetted", "gpu_monitoring_network_subnet"),
        ("Pool overlaps with other one on this address space", "addresses of 10.213.0.0/24"),
    ],
)
def test_the_way_out_where_there_is_no_free_subnet(refusal, words):
    assert words in networks.advice("monitoring", refusal, WANTED)
    assert networks.advice("monitoring", "the disk is full", WANTED) == ""
