"""Signatures that gpg makes are checked, and nothing else is taken for one."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import openpgp
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.openpgp_signature import (
    OtherKind,
    Signed,
    check,
    clear_signed,
)

from tests.fake_repository import Vendor

TEXT = "Codename: stable \n- a line with a dash\n\nSHA512:\n 00 1 Packages\n"


def test_a_text_with_its_signature(vendor):
    text, signed = clear_signed(vendor.clear_sign(TEXT).encode())
    assert [line.rstrip() for line in text.splitlines()] == [line.rstrip() for line in TEXT.splitlines()]
    check(signed, vendor.key)


def test_a_signature_beside_its_text(vendor):
    check(Signed(TEXT.encode(), vendor.sign(TEXT)), vendor.key)


def test_a_changed_text_is_refused(vendor):
    _text, signed = clear_signed(vendor.clear_sign(TEXT).replace("stable", "stale").encode())
    with pytest.raises(ValueError, match=f"by the key {vendor.fingerprint} does not fit its content"):
        check(signed, vendor.key)
    with pytest.raises(ValueError, match="does not fit its content"):
        check(Signed(TEXT.encode() + b"\n", vendor.sign(TEXT)), vendor.key)


def test_what_is_around_a_signed_text_is_refused(vendor):
    message = vendor.clear_sign(TEXT)
    for changed in (f"Suite: other\n{message}", f"{message}Suite: other\n", TEXT):
        with pytest.raises(ValueError, match="not text with a clear signature"):
            clear_signed(changed.encode())


def test_no_signature_and_a_cut_one_are_refused(vendor):
    signature = vendor.sign(TEXT)
    lines = signature.splitlines()
    for wrong in ("", "\n".join([*lines[:4], lines[-1]])):
        with pytest.raises(ValueError, match="it has no signature|cut off or damaged"):
            check(Signed(TEXT.encode(), wrong), vendor.key)


def test_signatures_that_are_not_checked_here_are_distinguished(vendor, tmp_path):
    elliptic = Vendor(tmp_path / "elliptic", "ed25519")
    with pytest.raises(OtherKind, match="algorithm 22"):
        check(Signed(TEXT.encode(), elliptic.sign(TEXT)), elliptic.key)


@pytest.mark.parametrize(
    ("position", "value"), [(0, 3), (1, 0x13), (2, 22), (3, 2)], ids=["version", "type", "algorithm", "hash"]
)
def test_a_signature_that_only_says_to_be_of_another_kind_is_refused(vendor, position, value):
    block = vendor.sign(TEXT).partition("-----\n")[2].partition("\n-----END")[0]
    packet = bytearray(openpgp.dearmored(block))
    # After three octets of the packet come version, type, algorithm and hash of the signature.
    packet[3 + position] = value
    armored = base64.b64encode(packet).decode()
    signature = f"-----BEGIN PGP SIGNATURE-----\n\n{armored}\n-----END PGP SIGNATURE-----\n"
    with pytest.raises(ValueError, match=f"its signature has .*{'version' if position < 2 else 'algorithm'}.* {value}"):
        check(Signed(TEXT.encode(), signature), vendor.key)


def test_a_signature_by_another_key_is_refused(vendor, tmp_path):
    other = Vendor(tmp_path / "other")
    with pytest.raises(ValueError, match=f"signed by the key {other.fingerprint}, and not by {vendor.fingerprint}"):
        check(Signed(TEXT.encode(), other.sign(TEXT)), vendor.key)
