from __future__ import annotations

import socket

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.address import literal, resolved


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("2001:DB8::1", "2001:db8::1"),
        ("::ffff:10.0.0.5", "10.0.0.5"),
        ("127.0.0.1", "127.0.0.1"),
        ("169.254.7.1", "169.254.7.1"),
        ("gpu1", None),
        ("10.0.0.5:9100", None),
        ("010.0.0.5", None),
        ("101", None),
    ],
)
def test_an_address_is_a_literal_and_a_name_is_not(text, address):
    assert literal(text) == address


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0", "::", "::ffff:0.0.0.0", "0.0.0.101", "255.255.255.255", "240.0.0.1", "224.0.0.1", "ff02::1"]
    + ["fe80::1", "fe80::1%eth0", "2001:db8::1%eth0"],
)
def test_an_address_that_no_host_has_is_refused(text):
    with pytest.raises(ValueError, match=f"^{text} .*Set it to an IP address of the host on the network"):
        literal(text)


def test_a_name_resolves():
    assert "127.0.0.1" in resolved("localhost")


def test_addresses_are_in_the_order_of_their_numbers(monkeypatch):
    texts = ["2001:db8::1", "192.168.7.20", "10.0.0.10", "10.0.0.9", "fe80::1%eth0", "fe80::2", "0.0.0.0", "10.0.0.9"]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: [(0, 0, 0, "", (text, 0)) for text in texts])
    assert resolved("gpu1.example.com") == ["10.0.0.9", "10.0.0.10", "192.168.7.20", "2001:db8::1"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no-such-host.invalid", ""),
        ("GPU Node 1", ""),
        ("rechner-für-gpus.invalid", ""),
        ("x" * 70, ""),
        # Resolvers make 0.0.0.101, 3.0.0.12 and 8.0.0.5 of these.
        ("101", "its last part is a number"),
        ("3.12", "its last part is a number"),
        ("rack3.12", "its last part is a number"),
        ("010.0.0.5", "its last part is a number"),
        ("0x7f", "its last part is a number"),
    ],
)
def test_a_name_that_does_not_resolve_is_refused(name, reason):
    with pytest.raises(
        ValueError, match=f"'{name}' is not an IP address and does not resolve .*{reason}.* Set gpu_monitoring_address"
    ) as refused:
        resolved(name)
    assert str(refused.value).count(". Set ") == 1


def test_a_name_with_unusable_addresses_alone_is_refused(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: [(0, 0, 0, "", ("fe80::2%eth0", 0))])
    with pytest.raises(ValueError, match="it has only fe80::2%eth0"):
        resolved("gpu1")
