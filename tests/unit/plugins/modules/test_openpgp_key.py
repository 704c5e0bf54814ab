"""The module openpgp_key: the right key is written once, and no other."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import io
import json
import stat
import threading

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import openpgp
from ansible_collections.mlops.gpu_monitoring.plugins.modules import openpgp_key


def armoured(number: int) -> tuple[str, str]:
    """Text and fingerprint of a made-up version 4 key."""
    body = b"\x04" + number.to_bytes(4, "big") + b"\x16" + bytes(40)
    packet = b"\x98" + bytes([len(body)]) + body
    text = f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{base64.b64encode(packet).decode()}\n-----END PGP PUBLIC KEY BLOCK-----"
    return text, hashlib.new("sha1", b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest().upper()


KEY, FINGERPRINT = armoured(1)
OTHER, OTHER_FINGERPRINT = armoured(2)
WRITTEN = openpgp.keys(KEY)[FINGERPRINT]


@pytest.fixture
def run(tmp_path):
    def call(check=False, **options):
        output = io.StringIO()
        arguments = {"dest": str(tmp_path / "keys" / "key.asc"), "fingerprint": FINGERPRINT, "_ansible_check_mode": check, "_ansible_tmpdir": str(tmp_path)}
        with patch_module_args({**arguments, **options}), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
            openpgp_key.main()
        return json.loads(output.getvalue())

    return call


@pytest.fixture
def served():
    """URL of a server with the key at /key, and the list of what was asked of it."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200 if self.path == "/key" else 404)
            self.end_headers()
            self.wfile.write(KEY.encode())

        def log_message(self, *_arguments):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


def test_a_key_given_as_text(run, tmp_path):
    path = tmp_path / "keys" / "key.asc"
    assert run(check=True, key=KEY)["changed"]
    assert not path.exists()
    result = run(key=KEY)
    assert result["changed"]
    assert result["diff"]["after"] == f"{FINGERPRINT}\n"
    assert path.read_text() == WRITTEN
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert not run(key=KEY)["changed"]


def test_a_fingerprint_as_gpg_prints_it(run):
    spaced = " ".join(FINGERPRINT[i : i + 4] for i in range(0, 40, 4)).lower()
    assert run(key=KEY, fingerprint=spaced)["fingerprint"] == FINGERPRINT


def test_a_url_is_asked_once(run, served, tmp_path):
    url, asked = served
    assert run(key=f"{url}/key")["changed"]
    assert not run(key=f"{url}/key")["changed"]
    assert asked == ["/key"]


@pytest.mark.parametrize(
    "text", ["damaged", WRITTEN + OTHER, WRITTEN + OTHER.replace("BLOCK-----", "BLOCK----- ", 1)], ids=["damaged", "one more", "one more in disguise"]
)
def test_a_file_that_holds_another_thing_is_written_anew(run, served, tmp_path, text):
    (tmp_path / "keys").mkdir()
    path = tmp_path / "keys" / "key.asc"
    path.write_text(text)
    assert run(key=f"{served[0]}/key")["changed"]
    assert path.read_text() == WRITTEN


@pytest.mark.parametrize(
    ("key", "found"), [(OTHER, OTHER_FINGERPRINT), (f"{KEY}\n{OTHER}", f"{FINGERPRINT}, {OTHER_FINGERPRINT}")], ids=["another", "one more"]
)
def test_another_key_is_refused_and_the_file_stays(run, tmp_path, key, found):
    run(key=KEY)
    result = run(key=key)
    assert result["failed"]
    assert f"holds the key {found}, not {FINGERPRINT} alone" in result["msg"]
    assert (tmp_path / "keys" / "key.asc").read_text() == WRITTEN


def test_a_page_instead_of_a_key(run, served):
    result = run(key=f"{served[0]}/none")
    assert "cannot be fetched" in result["msg"]
    assert "404" in result["msg"]
    assert "holds no OpenPGP key" in run(key="<html>")["msg"]


@pytest.mark.parametrize("fingerprint", ["", "DDCAE044F796ECB0", "nothing"])
def test_a_fingerprint_that_is_none(run, fingerprint):
    assert "fingerprint:" in run(key=KEY, fingerprint=fingerprint)["msg"]
