"""Fingerprints of keys that GnuPG made; text without a key is refused."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import openpgp

# Made by gpg 2.2, an Ed25519 and an RSA key, each with a subkey; a file's name is the fingerprint that gpg prints.
KEYS = {path.stem: path.read_text() for path in (Path(__file__).parent / "keys").glob("*.asc")}


@pytest.fixture(params=KEYS.items(), ids=KEYS)
def key(request):
    """Fingerprint and armoured text of a key."""
    return request.param


def test_the_fingerprint_is_that_of_gpg(key):
    fingerprint, text = key
    assert list(openpgp.keys(text)) == [fingerprint]


def test_headers_other_line_ends_and_text_around_do_not_matter(key):
    fingerprint, text = key
    commented = text.replace("BLOCK-----\n", "BLOCK-----\nComment: of the site\n", 1)
    assert openpgp.keys("# the key\n" + commented.replace("\n", "\r\n")) == openpgp.keys(text)


def test_several_keys_are_all_seen():
    assert len(KEYS) == 2
    assert list(openpgp.keys("".join(KEYS.values()))) == list(KEYS)


@pytest.mark.parametrize("text", ["", "<html>404</html>", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"])
def test_text_that_is_no_key(text):
    with pytest.raises(ValueError, match="BEGIN PGP PUBLIC KEY BLOCK"):
        openpgp.keys(text)


@pytest.mark.parametrize("body", ["AAAA", "mQINBFnF", "!!!!", "wcDM", "mQ==", "tAFh"])
def test_a_damaged_key(body):
    with pytest.raises(ValueError, match="cut off or damaged"):
        openpgp.keys(f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{body}\n-----END PGP PUBLIC KEY BLOCK-----\n")


GOOD, EVIL = KEYS.items()


def test_a_key_armoured_again_is_that_of_gpg_without_its_headers(key):
    fingerprint, text = key
    assert openpgp.keys(text)[fingerprint].splitlines() == [line for line in text.splitlines() if ": " not in line]


@pytest.mark.parametrize(
    "disguised",
    [
        EVIL[1].replace("BLOCK-----\n", "BLOCK----- \n", 1),
        EVIL[1].replace("PUBLIC KEY BLOCK", "ARMORED FILE"),
        EVIL[1].replace("PUBLIC KEY BLOCK", "MESSAGE"),
    ],
    ids=["a space behind BEGIN", "gpg --enarmor", "a message"],
)
def test_what_else_is_in_the_text_is_not_in_the_key(disguised):
    """GnuPG would read both keys out of the text."""
    assert openpgp.keys(disguised + GOOD[1]) == openpgp.keys(GOOD[1] + disguised) == openpgp.keys(GOOD[1])


def test_a_key_in_a_packet_that_keys_do_not_have_is_refused():
    """GnuPG would read keys out of a compressed packet behind the good key."""
    data = base64.b64decode("".join(line for line in GOOD[1].splitlines()[1:-1] if not line.startswith("=")))
    text = base64.b64encode(data + b"\xc8\x01\x00").decode()
    with pytest.raises(ValueError, match="a packet of type 8"):
        openpgp.keys(f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{text}\n-----END PGP PUBLIC KEY BLOCK-----\n")
