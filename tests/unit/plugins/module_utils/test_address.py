from __future__ import annotations

import socket

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.address import resolve


@pytest.mark.parametrize(("text", "address"), [("10.0.0.5", "10.0.0.5"), ("2001:DB8::1", "2001:db8::1"), ("localhost", "127.0.0.1")])
def test_an_address_is_itself_and_a_name_resolves(text, address):
    assert resolve(text) == address


def test_a_name_with_several_addresses_is_always_the_same_one(monkeypatch):
    found = [(socket.AF_INET6, 0, 0, "", ("2001:db8::1", 0, 0, 0)), (socket.AF_INET, 0, 0, "", ("10.0.0.2", 0)), (socket.AF_INET, 0, 0, "", ("10.0.0.1", 0))]
    for order in (found, found[::-1]):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, order=order, **_more: order)
        assert resolve("gpu1.example.com") == "10.0.0.1"


def test_a_name_that_does_not_resolve_is_refused():
    with pytest.raises(
        ValueError, match="'no-such-host.invalid' is no IP address and does not resolve .* Set gpu_monitoring_address"
    ):
        resolve("no-such-host.invalid")
