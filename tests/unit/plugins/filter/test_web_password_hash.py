"""The filter web_password_hash: a hash that Go accepts, the same in every run."""

from __future__ import annotations

import ctypes.util
import subprocess

import pytest
from ansible.errors import AnsibleError, AnsibleFilterError
from ansible.utils.encrypt import BaseHash
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import password_hashes as module
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.password_hashes import web_password_hash

# Accepted by CompareHashAndPassword of golang.org/x/crypto/bcrypt 0.59.0, with which exporters check passwords.
ACCEPTED = [
    ("secret", "prometheus", "$2b$10$NpSMbFp4e40YGR3fgwLFue1q0NL4FCTlEx1szs3snCcT/4Xvl37Qe"),
    ("secret", "grafana", "$2b$10$M56i4liGIWHbrYcaZXep8O5glN9cP0emo6NsiVz9XXkGZqlva64YW"),
    ("pä$$ wörd", "prometheus", "$2b$10$NpSMbFp4e40YGR3fgwLFue.D/w4I8dawxy./4WRV8Knrv0pnus8WK"),
    ("x" * 72, "prometheus", "$2b$10$NpSMbFp4e40YGR3fgwLFueuOj8/6UfGNwGuqe9Fn.sLp61xUf1LvW"),
]


@pytest.mark.parametrize(("password", "user", "hashed"), ACCEPTED)
def test_what_go_accepts(password, user, hashed):
    assert web_password_hash(password, user) == hashed


def test_a_hash_for_htpasswd_files():
    """As openssl makes it of the same salt: `openssl passwd -6 -salt rounds=1000$NpSMbFp4e40YGR3f secret`."""
    hashed = web_password_hash("secret", "prometheus", "sha512")
    made = subprocess.run(
        ["openssl", "passwd", "-6", "-salt", "rounds=1000$NpSMbFp4e40YGR3f", "secret"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert hashed == made.stdout.strip()


def test_another_algorithm_is_refused():
    with pytest.raises(AnsibleFilterError, match="algorithm: there is no 'md5'. Set bcrypt or sha512"):
        web_password_hash("secret", "prometheus", "md5")


@pytest.mark.parametrize("password", ["secret\n", " secret"])
def test_a_password_that_prometheus_would_read_without_its_ends(password):
    with pytest.raises(
        AnsibleFilterError, match="The password of prometheus begins or ends with white space.* Remove the white space"
    ):
        web_password_hash(password, "prometheus")


@pytest.mark.parametrize("password", ["", "a\0b", "x" * 73, "ä" * 37])
def test_a_password_that_bcrypt_would_cut(password):
    with pytest.raises(AnsibleFilterError, match="password of prometheus .* 72 bytes .* Set another one") as refused:
        web_password_hash(password, "prometheus")
    assert not password or password not in str(refused.value)


@pytest.fixture(params=["without crypt", "without bcrypt"])
def poor_libc(request, monkeypatch):
    """A C library that has no crypt(3), and one whose crypt(3) knows no bcrypt."""
    if request.param == "without crypt":
        monkeypatch.setattr(ctypes.util, "find_library", lambda _name: "libm.so.6")
    else:
        monkeypatch.setattr(module, "_ALGORITHMS", {"bcrypt": ("$none$", 10, "bcrypt")})


def test_ansible_hashes_where_the_c_library_does_not(poor_libc, monkeypatch):
    monkeypatch.setattr(
        module, "do_encrypt", lambda password, kind, salt, rounds: f"{kind} of {password}, {salt}, {rounds}"
    )
    assert web_password_hash("secret", "prometheus") == f"bcrypt of secret, {ACCEPTED[0][2][7:29]}, 10"


@pytest.mark.parametrize("algorithm", ["bcrypt", "sha512"])
def test_ansible_knows_the_algorithm_by_the_name_that_it_gets(algorithm, monkeypatch):
    monkeypatch.setattr(ctypes.util, "find_library", lambda _name: "libm.so.6")
    monkeypatch.setattr(module, "do_encrypt", lambda _password, name, **_options: name)
    assert web_password_hash("secret", "prometheus", algorithm) in BaseHash.algorithms


def test_a_controller_that_cannot_hash(poor_libc, monkeypatch):
    def refuse(*_arguments, **_options):
        raise AnsibleError("Unable to encrypt nor hash")

    monkeypatch.setattr(module, "do_encrypt", refuse)
    with pytest.raises(AnsibleFilterError, match="Install libxcrypt there, or the Python packages passlib"):
        web_password_hash("secret", "prometheus")
