"""Which address of a name is taken. The resolver and the controller's interfaces are stand-ins, since a test cannot
tell the system what to have.
"""

from __future__ import annotations

import socket

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import addresses as interfaces
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import host_addresses
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.fleet import evaluate

from tests.unit.plugins.plugin_utils.inventory import host_variables

LAN = {"address": "192.168.1.10", "network": "192.168.1.10/24", "interface": "eth0", "bridge": False}
VPN = {"address": "10.8.0.2", "network": "10.8.0.2/24", "interface": "tun0", "bridge": False}
DOCKER0 = {"address": "172.17.0.1", "network": "172.17.0.1/16", "interface": "docker0", "bridge": True}
NETWORK = {"address": "172.18.0.1", "network": "172.18.0.1/16", "interface": "br-0123456789ab", "bridge": True}
GPU1 = {"gpu1": {"ansible_host": "192.168.1.20"}}
LOCAL = {"ansible_connection": "local"}


@pytest.fixture
def controller(monkeypatch):
    """Says which names there are, which addresses the controller has, and from which of them it would send."""

    def says(names, own=(LAN, VPN, DOCKER0, NETWORK), source=""):
        def getaddrinfo(name, *_args, **_more):
            if name not in names:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return [(0, 0, 0, "", (ip, 0)) for ip in names[name]]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(interfaces, "ask", lambda: {"own": [*own], "nonlocal_bind": False})
        monkeypatch.setattr(host_addresses, "_source", lambda destination: source if destination else "")

    return says


@pytest.fixture
def address(tmp_path):
    """The address of the first monitoring host, and the line about it."""

    def of(gpu_hosts, monitoring, **options):
        evaluated = evaluate(host_variables(tmp_path, gpu_hosts, monitoring, **options))
        return evaluated["hosts"][next(iter(monitoring))]["address"], evaluated["addresses"]

    return of


def test_localhost_as_the_monitoring_host_of_a_fleet_has_the_address_on_the_way_to_the_others(controller, address):
    controller({"localhost": ["127.0.0.1", "::1"]}, source="192.168.1.10")
    said = "Addresses: localhost 192.168.1.10, its name has 127.0.0.1, ::1."
    assert address(GPU1, {"localhost": LOCAL}) == ("192.168.1.10", said)


def test_the_own_name_of_debian(controller, address):
    controller({"monitor1": ["127.0.1.1"]}, source="192.168.1.10")
    assert address(GPU1, {"monitor1": LOCAL})[0] == "192.168.1.10"
    assert address(GPU1, {"monitor1": {}})[0] == "192.168.1.10"


def test_the_own_name_beside_another_that_dns_knows(controller, address):
    controller({"monitor1": ["127.0.1.1", "192.168.1.10"]})
    assert address(GPU1, {"monitor1": LOCAL})[0] == "192.168.1.10"


def test_without_a_route_the_nearest_network_card_counts(controller, address):
    controller({"monitor1": ["127.0.1.1"]})
    assert address(GPU1, {"monitor1": LOCAL})[0] == "192.168.1.10"
    assert address({"gpu1": {"ansible_host": "10.8.0.7"}}, {"monitor1": LOCAL})[0] == "10.8.0.2"


def test_the_own_name_with_all_local_addresses_is_never_that_of_a_bridge(controller, address):
    controller({"monitor1": ["172.17.0.1", "172.18.0.1", "192.168.1.10", "127.0.0.1"]})
    assert address(GPU1, {"monitor1": {}})[0] == "192.168.1.10"
    controller({"monitor1": ["172.17.0.1", "172.18.0.1"]}, source="192.168.1.10")
    assert address(GPU1, {"monitor1": {}})[0] == "192.168.1.10"
    controller({"monitor1": ["172.17.0.1", "192.168.1.10"]})
    assert address({"monitor1": {}}, {"monitor1": {}}) == (
        "192.168.1.10",
        "Addresses: monitor1 192.168.1.10, its name has 172.17.0.1, 192.168.1.10.",
    )


def test_a_controller_that_shows_no_address_is_refused_with_the_fix(controller, address):
    controller({"localhost": ["127.0.0.1"]}, own=[])
    refusal = (
        "^gpu_monitoring_address on localhost: 'localhost' has 127.0.0.1 on this controller.* Set"
        " it to an address of localhost"
    )
    with pytest.raises(ValueError, match=refusal):
        address(GPU1, {"localhost": LOCAL})


def test_a_machine_that_monitors_itself_alone_stays_closed_and_that_is_said(controller, address):
    controller({"workstation": ["127.0.1.1"], "localhost": ["127.0.0.1", "::1"]})
    for name in ("workstation", "localhost"):
        ip, said = address({name: LOCAL}, {name: LOCAL})
        assert ip == "127.0.0.1"
        assert said == (
            f"Addresses: {name} 127.0.0.1, closed to other machines unless gpu_monitoring_address"
            " is an address on the network."
        )


def test_a_loopback_address_of_a_local_connection_is_a_name_of_the_controller(controller, address):
    controller({}, source="192.168.1.10")
    assert address(GPU1, {"monitor1": {"ansible_host": "127.0.0.1", **LOCAL}})[0] == "192.168.1.10"
    assert address({"monitor1": {"ansible_host": "127.0.1.1", **LOCAL}}, {"monitor1": {}})[0] == "127.0.1.1"


def test_an_address_that_is_set_to_nothing_is_that_of_ansible_host(controller, address):
    controller({})
    assert (
        address(GPU1, {"monitor1": {"ansible_host": "192.168.1.9", "gpu_monitoring_address": ""}})[0] == "192.168.1.9"
    )


def test_a_loopback_address_in_a_fleet_is_refused(controller, address):
    controller({})
    with pytest.raises(
        ValueError,
        match="^gpu_monitoring_address on monitor1: 127.0.0.1 is an address of the loopback, which gpu1 cannot reach",
    ):
        address(GPU1, {"monitor1": {"ansible_host": "127.0.0.1", "ansible_port": 2222}})
    with pytest.raises(
        ValueError,
        match="^gpu_monitoring_address on gpu1: 127.0.0.1 is an address of the loopback, which monitor1 cannot reach",
    ):
        address({"gpu1": {"gpu_monitoring_address": "127.0.0.1"}}, {"monitor1": {"ansible_host": "192.168.1.10"}})


def test_a_monitoring_host_that_somebody_closes_is_closed_and_that_is_said(controller, address):
    controller({})
    ip, said = address(GPU1, {"monitor1": {"gpu_monitoring_address": "127.0.0.1", **LOCAL}})
    assert (ip, "closed to other machines" in said) == ("127.0.0.1", True)


def test_of_several_addresses_the_nearest_to_the_other_hosts_counts_and_is_said(controller, tmp_path):
    controller(
        {"gpu1": ["100.64.0.7", "192.168.7.20"], "gpu2": ["10.1.0.3", "192.168.7.21"], "monitor1": ["192.168.7.9"]}
    )
    evaluated = evaluate(host_variables(tmp_path, {"gpu1": {}, "gpu2": {}}, {"monitor1": {}}))
    assert {host: facts["address"] for host, facts in evaluated["hosts"].items()} == {
        "gpu1": "192.168.7.20",
        "gpu2": "192.168.7.21",
        "monitor1": "192.168.7.9",
    }
    assert evaluated["addresses"] == (
        "Addresses: monitor1 192.168.7.9; gpu1 192.168.7.20, its name has 100.64.0.7, 192.168.7.20;"
        " gpu2 192.168.7.21, its name has 10.1.0.3, 192.168.7.21."
    )


def test_addresses_of_overlays_come_last_where_nothing_is_near(controller, tmp_path):
    controller({"gpu1": ["100.64.0.7", "192.168.7.20"], "monitor1": ["100.64.0.9", "192.168.7.9"]})
    evaluated = evaluate(host_variables(tmp_path, {"gpu1": {}}, {"monitor1": {}}))
    assert [facts["address"] for facts in evaluated["hosts"].values()] == ["192.168.7.20", "192.168.7.9"]


def test_the_line_names_ten_hosts_and_counts_the_others(controller, tmp_path):
    gpu_hosts = {f"gpu{number}": {} for number in range(200)}
    controller({host: [f"10.0.0.{number}", f"10.1.0.{number}"] for number, host in enumerate(gpu_hosts)})
    evaluated = evaluate(host_variables(tmp_path, gpu_hosts, {"monitor1": {"ansible_host": "10.0.1.1"}}))
    assert evaluated["addresses"].endswith("; 191 more.")
    assert evaluated["addresses"].count(";") == 10


def test_hosts_with_several_addresses_each_are_not_compared_by_reading_all_variables_again(
    controller, tmp_path, monkeypatch
):
    gpu_hosts = {f"gpu{number}": {} for number in range(20)}
    controller(
        {host: [f"10.0.0.{number}", f"fd00::{number:x}"] for number, host in enumerate([*gpu_hosts, "monitor1"])}
    )
    variables = host_variables(tmp_path, {**gpu_hosts, "gone": {}}, {"monitor1": {}})
    variables.play_hosts = [*gpu_hosts]
    read, asked = [], []
    manager, getaddrinfo = variables._play.get_variable_manager(), socket.getaddrinfo
    monkeypatch.setattr(
        manager,
        "get_vars",
        lambda get_vars=manager.get_vars, **given: read.append(given["host"].name) or get_vars(**given),
    )
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *_args, **_more: asked.append(name) or getaddrinfo(name))
    evaluate(variables)
    assert max(map(read.count, read)) < 10
    assert asked.count("gone") == 1


def test_a_run_for_some_hosts_needs_no_name_of_the_others(controller, tmp_path):
    controller({"gpu2": ["10.0.0.2"], "monitor1": ["10.0.0.9"]})
    variables = host_variables(
        tmp_path,
        {"gpu1": {}, "gpu2": {}, "gpu3": {"gpu_monitoring_address": "{{ ansible_facts.x }}"}},
        {"monitor1": {}},
    )
    with pytest.raises(
        ValueError, match="^gpu_monitoring_address on gpu1: 'gpu1' is not an IP address and does not resolve"
    ):
        evaluate(variables)
    variables.play_hosts = ["gpu2"]
    evaluated = evaluate(variables)
    assert [*evaluated["hosts"]] == ["gpu2", "monitor1"]
    assert evaluated["tls"]
    controller({"gpu2": ["10.0.0.2"]})
    assert [*evaluate(variables)["hosts"]] == ["gpu2"]


def test_the_choice_is_the_same_whatever_the_run_is_limited_to(controller, tmp_path):
    controller({"gpu1": ["10.0.0.1", "192.168.7.20"], "gpu2": ["192.168.7.21"], "monitor1": ["192.168.7.9"]})
    variables = host_variables(tmp_path, {"gpu1": {}, "gpu2": {}}, {"monitor1": {}})
    complete = evaluate(variables)
    for host in ("gpu1", "gpu2", "monitor1"):
        variables.play_hosts = [host]
        assert evaluate(variables)["hosts"][host] == complete["hosts"][host]
