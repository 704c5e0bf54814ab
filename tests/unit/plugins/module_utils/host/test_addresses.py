"""The addresses of this machine, and which of its bridges have a network card."""

from __future__ import annotations

import ipaddress
import json
import shutil
import subprocess

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import addresses


@pytest.mark.skipif(not shutil.which("ip"), reason="compares with the program ip")
def test_the_addresses_are_those_that_ip_shows():
    shown = json.loads(subprocess.run(["ip", "-json", "address"], check=True, capture_output=True, text=True).stdout)
    expected = {
        (interface["ifname"], f"{entry['local']}/{entry['prefixlen']}")
        for interface in shown
        for entry in interface["addr_info"]
        if not ipaddress.ip_address(entry["local"]).is_loopback
        and not ipaddress.ip_address(entry["local"]).is_link_local
    }
    assert {(entry["interface"], entry["network"]) for entry in addresses.ask()["own"]} == expected


def test_an_interface_that_goes_meanwhile_is_left_out(monkeypatch):
    ioctl = addresses.fcntl.ioctl

    def gone(sock, request, argument):
        if request == addresses._SIOCGIFNETMASK and argument.startswith(b"lo\0"):
            raise OSError(19, "No such device")
        return ioctl(sock, request, argument)

    before = [entry.interface for entry in addresses._ipv4()]
    monkeypatch.setattr(addresses.fcntl, "ioctl", gone)
    assert (
        [entry.interface for entry in addresses._ipv4()]
        == [interface for interface in before if interface != "lo"]
        != before
    )


def test_another_system_says_nothing(monkeypatch):
    monkeypatch.setattr(addresses.sys, "platform", "darwin")
    assert addresses.ask() == {"own": [], "nonlocal_bind": False}


@pytest.mark.parametrize(
    ("ports", "without_card"),
    [
        ({}, True),
        ({"veth1": ""}, True),
        ({"veth1": "", "eth0": "device"}, False),
        ({"bond0": "lower_eth0"}, False),
        ({"tap0": ""}, True),
    ],
)
def test_a_bridge_without_a_network_card(tmp_path, ports, without_card):
    interfaces = tmp_path / "sys/class/net"
    for port, mark in ports.items():
        (interfaces / port / mark).mkdir(parents=True)
        (interfaces / "br0/brif" / port).mkdir(parents=True)
    (interfaces / "br0/bridge").mkdir(parents=True)
    (interfaces / "eth9").mkdir()
    assert addresses.is_bridge_without_card("br0", str(tmp_path)) is without_card
    assert addresses.is_bridge_without_card("br0:1", str(tmp_path)) is without_card
    assert not addresses.is_bridge_without_card("eth9", str(tmp_path))


@pytest.mark.parametrize(("value", "allowed"), [("1\n", True), ("0\n", False)])
def test_programs_may_bind_to_other_addresses(tmp_path, value, allowed):
    (tmp_path / "proc/sys/net/ipv4").mkdir(parents=True)
    (tmp_path / "proc/sys/net/ipv4/ip_nonlocal_bind").write_text(value)
    assert addresses.ask(str(tmp_path))["nonlocal_bind"] is allowed
