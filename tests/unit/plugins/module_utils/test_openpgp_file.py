"""The right key comes from text or from a URL, alone, and no other does."""

from __future__ import annotations

import base64
import hashlib
import http.server
import threading

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import openpgp, openpgp_file
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import repositories


def armoured(number: int) -> tuple[str, str]:
    """Text and fingerprint of a made-up version 4 key."""
    body = b"\x04" + number.to_bytes(4, "big") + b"\x16" + bytes(40)
    packet = b"\x98" + bytes([len(body)]) + body
    text = (
        f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{base64.b64encode(packet).decode()}\n-----END PGP"
        " PUBLIC KEY BLOCK-----"
    )
    return text, hashlib.new("sha1", b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest().upper()


KEY, FINGERPRINT = armoured(1)
OTHER, OTHER_FINGERPRINT = armoured(2)
WRITTEN = openpgp.keys(KEY)[FINGERPRINT]


@pytest.fixture
def armored():
    """The key from text or a URL."""
    with patch_module_args({}):
        module = AnsibleModule({})
    return lambda key: openpgp_file.armored(module, key, FINGERPRINT, timeout=5)


@pytest.fixture
def server():
    """URL of a server with the key at /key."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/key" else 404)
            self.end_headers()
            self.wfile.write(KEY.encode())

        def log_message(self, *_arguments):
            """Say nothing."""

    http_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http_server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http_server.server_port}"
    http_server.shutdown()


def test_a_key_given_as_text(armored):
    assert armored(KEY) == WRITTEN


def test_a_key_given_as_a_url(armored, server):
    assert armored(f"{server}/key") == WRITTEN


def test_a_fingerprint_as_gpg_prints_it():
    spaced = " ".join(FINGERPRINT[i : i + 4] for i in range(0, 40, 4)).lower()
    assert openpgp.fingerprint(spaced) == FINGERPRINT


@pytest.mark.parametrize("fingerprint", ["", "DDCAE044F796ECB0", "nothing"])
def test_a_text_that_is_not_a_fingerprint(fingerprint):
    with pytest.raises(ValueError, match=f"'{fingerprint}' is not a fingerprint. Write the 40 or 64 digits"):
        openpgp.fingerprint(fingerprint)


@pytest.mark.parametrize(
    "text",
    ["damaged", WRITTEN + OTHER, WRITTEN + OTHER.replace("BLOCK-----", "BLOCK----- ", 1)],
    ids=["damaged", "one more", "one more in disguise"],
)
def test_a_file_that_holds_another_thing_is_not_taken_for_the_key(text):
    assert repositories.key_file("/key.asc", text)["fingerprint"] == ""
    assert repositories.key_file("/key.asc", WRITTEN)["fingerprint"] == FINGERPRINT


@pytest.mark.parametrize(
    ("key", "held"),
    [(OTHER, OTHER_FINGERPRINT), (f"{KEY}\n{OTHER}", f"{FINGERPRINT}, {OTHER_FINGERPRINT}")],
    ids=["another", "one more"],
)
def test_another_key_is_refused(armored, key, held):
    with pytest.raises(ValueError, match=f"holds the key {held}, not only {FINGERPRINT}"):
        armored(key)


def test_a_page_instead_of_a_key(armored, server):
    with pytest.raises(OSError, match="/none cannot be fetched: .*404"):
        armored(f"{server}/none")
    with pytest.raises(ValueError, match="holds no OpenPGP key"):
        armored("<html>")
