"""Fingerprints of keys that GnuPG made, and of text that is none."""

from __future__ import annotations

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
    assert openpgp.fingerprints(text) == [fingerprint]


def test_headers_other_line_ends_and_text_around_do_not_matter(key):
    fingerprint, text = key
    commented = text.replace("BLOCK-----\n", "BLOCK-----\nComment: of the site\n", 1)
    assert openpgp.fingerprints("# the key\n" + commented.replace("\n", "\r\n")) == [fingerprint]


def test_several_keys_are_all_seen():
    assert len(KEYS) == 2
    assert openpgp.fingerprints("".join(KEYS.values())) == list(KEYS)


@pytest.mark.parametrize("text", ["", "<html>404</html>", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"])
def test_text_that_is_no_key(text):
    with pytest.raises(ValueError, match="BEGIN PGP PUBLIC KEY BLOCK"):
        openpgp.fingerprints(text)


@pytest.mark.parametrize("body", ["AAAA", "mQINBFnF", "!!!!", "wcDM", "mQ=="])
def test_a_damaged_key(body):
    with pytest.raises(ValueError, match="cut off or damaged"):
        openpgp.fingerprints(f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{body}\n-----END PGP PUBLIC KEY BLOCK-----\n")
