"""Certificates that are derived from the key of an authority from Vault, as OpenSSL sees them, and the same on each
controller.
"""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import certificates
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.certificate_folder import Days
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.given_authority import GivenAuthority

# OpenSSL makes the authorities after pytest imports this module, within hours.
NOW = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(hours=12)
DAYS = Days()
NAMES = [certificates.general_name(name) for name in ("gpu1", "10.0.0.1")]
CONTENT = certificates.Content(NAMES)
KEYS = {"rsa": ["rsa:2048"], "ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The certificate and the key of an authority, made by OpenSSL as the documentation says."""

    def make(kind="rsa", days=3650, extension="basicConstraints=critical,CA:TRUE"):
        folder = tmp_path_factory.mktemp(kind)
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            *KEYS[kind],
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.crt",
            "-days",
            str(days),
        ]
        command += [
            "-subj",
            "/CN=Example GPU monitoring CA",
            "-addext",
            extension,
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        ]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return (folder / "ca.crt").read_text(), (folder / "ca.key").read_text()

    return make


@pytest.fixture(scope="module")
def authority(made):
    return {kind: made(kind) for kind in KEYS}


@pytest.mark.parametrize("kind", KEYS)
def test_openssl_accepts_the_chain(authority, tmp_path, kind):
    certificate, key = GivenAuthority(*authority[kind], DAYS, NOW).certificate("gpu1", CONTENT)
    for name, text in (("ca.crt", authority[kind][0]), ("host.crt", certificate), ("host.key", key)):
        (tmp_path / name).write_text(text)
    verify = [
        "openssl",
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-verify_ip",
        "10.0.0.1",
        "-CAfile",
        "ca.crt",
        "host.crt",
    ]
    assert subprocess.run(verify, cwd=tmp_path, check=False).returncode == 0
    of_key = subprocess.run(
        ["openssl", "pkey", "-in", "host.key", "-pubout"], cwd=tmp_path, check=True, capture_output=True
    ).stdout
    assert (
        subprocess.run(
            ["openssl", "x509", "-in", "host.crt", "-pubkey", "-noout"], cwd=tmp_path, check=True, capture_output=True
        ).stdout
        == of_key
    )


@pytest.mark.parametrize("kind", KEYS)
def test_each_run_of_a_period_makes_the_same_and_others_make_others(authority, kind):
    period = timedelta(days=335)
    present = certificates.certificates_of(GivenAuthority(*authority[kind], DAYS, NOW).certificate("gpu1", CONTENT)[0])[
        0
    ]
    # A certificate is valid from a day before its period. The authority was made in the present one.
    begin = certificates.begins(present) + timedelta(days=1) + period
    assert begin - period <= NOW < begin

    def certificate(host="gpu1", names=NAMES, days=DAYS, now=begin, of=authority[kind]):
        return GivenAuthority(*of, days, now).certificate(host, certificates.Content(names))

    first = certificate()
    assert certificate(now=begin + period - timedelta(seconds=1)) == first
    others = [
        certificate(now=begin + period),
        certificate(host="gpu2"),
        certificate(names=NAMES[:1]),
        certificate(days=Days(valid=90)),
        certificate(of=authority["rsa" if kind == "ecdsa" else "ecdsa"]),
    ]
    texts = [first, *others]
    assert len({text for text, _key in texts}) == len({key for _text, key in texts}) == len(texts)
    assert len({certificates.certificates_of(text)[0].serial_number for text, _key in texts}) == len(texts)


def test_a_certificate_has_days_to_come_and_ends_no_later_than_its_authority(authority, made):
    for kind, days, least, most in (("rsa", Days(), 30, 365), ("rsa", Days(valid=10, renew=9), 9, 10)):
        ends = certificates.ends(
            certificates.certificates_of(GivenAuthority(*authority[kind], days, NOW).certificate("gpu1", CONTENT)[0])[0]
        )
        assert timedelta(days=least) < ends - NOW <= timedelta(days=most)
    short = made(days=20)
    leaf = certificates.certificates_of(GivenAuthority(*short, DAYS, NOW).certificate("gpu1", CONTENT)[0])[0]
    assert certificates.ends(leaf) == certificates.ends(certificates.certificates_of(short[0])[0])


def test_intermediate_authorities_come_after_the_certificate(authority):
    root = certificates.new_authority(NOW, 3650)
    assert (
        len(certificates.certificates_of(GivenAuthority(*authority["rsa"], DAYS, NOW).certificate("gpu1", CONTENT)[0]))
        == 1
    )
    key = certificates.authority_key(authority["rsa"][1])
    name = certificates.x509.Name([certificates.x509.NameAttribute(certificates.NameOID.COMMON_NAME, "Intermediate")])
    builder = certificates._builder(name, root.certificate.subject, key, NOW, NOW + timedelta(days=90)).serial_number(7)
    builder = builder.add_extension(certificates.x509.BasicConstraints(ca=True, path_length=0), critical=True)
    intermediate = certificates.pem(builder.sign(root.key, certificates.hashes.SHA256())).decode()
    chain = intermediate + certificates.certificate_pem(root).decode()
    text, _key = GivenAuthority(chain, authority["rsa"][1], DAYS, NOW).certificate("gpu1", CONTENT)
    assert [certificates.pem(entry).decode() for entry in certificates.certificates_of(text)][1:] == [intermediate]


def test_an_authority_that_cannot_be_used_is_refused(authority, made):
    certificate, key = authority["rsa"]
    rare = subprocess.run(
        ["openssl", "ecparam", "-name", "secp112r1", "-genkey", "-noout"], check=True, capture_output=True, text=True
    ).stdout
    cases = {
        ("none", key): "tls_ca_certificate is not PEM text",
        (certificate, "none"): "the key is not PEM text",
        (certificate, rare): "cryptography does not support keys of this kind",
        (certificate, authority["ecdsa"][1]): "the key is not that of the certificate",
        made(extension="basicConstraints=critical,CA:FALSE"): "not that of an authority",
    }
    for given, problem in cases.items():
        with pytest.raises(ValueError, match=problem):
            GivenAuthority(*given, DAYS, NOW)
    with pytest.raises(ValueError, match="valid from .* to"):
        GivenAuthority(certificate, key, DAYS, NOW + timedelta(days=3651))
