"""Networks with a subnet and an MTU of the site, made by the engine of this machine."""

from __future__ import annotations

import pytest

from tests.engine.failed import Failed
from tests.engine.image import PREFIX

SUBNET = {"network_subnet": "10.214.7.0/24", "network_mtu": 1400}


@pytest.fixture
def service(name, images):
    return {"name": name, "image": images[0], "networks": [PREFIX]}


def test_a_network_is_made_with_them_and_never_changed(api, run, service, capfd):
    assert f"create network {PREFIX}" in run(**service, **SUBNET)["actions"]
    [network] = api.networks(names=[PREFIX])
    assert network["IPAM"]["Config"] == [{"Subnet": "10.214.7.0/24"}]
    assert network["Options"] == {"com.docker.network.driver.mtu": "1400"}
    assert not run(**service, **SUBNET)["changed"]
    assert "never recreated" not in capfd.readouterr().err

    other = run(**service, network_subnet="10.214.8.0/24", network_mtu=1400)
    assert "exists and has the subnet 10.214.7.0/24, not 10.214.8.0/24." in capfd.readouterr().err
    assert (other["changed"], [network["Id"] for network in api.networks(names=[PREFIX])]) == (False, [network["Id"]])


def test_a_subnet_that_another_network_has_is_refused(api, run, service):
    [bridge] = [network for network in api.networks() if network["Name"] == "bridge"]
    taken = bridge["IPAM"]["Config"][0]["Subnet"]
    with pytest.raises(Failed, match=f"overlap.*Another network of this host has addresses of {taken}"):
        run(**service, network_subnet=taken)
    assert not api.containers(all=True, filters={"name": service["name"]})
