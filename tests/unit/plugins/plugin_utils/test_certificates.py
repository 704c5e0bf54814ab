"""Certificates as OpenSSL and a real TLS client see them, and when they are still good."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import subprocess
import threading
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import certificates
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

NOW = datetime.now(timezone.utc).replace(microsecond=0)
DAY = timedelta(days=1)
NAMES = [certificates.general_name(name) for name in ("gpu_1", "gpu1.example.org", "127.0.0.1", "::1")]
CONTENT = certificates.Content(NAMES)
CA = certificates.new_authority(NOW, 3650)
HOST = certificates.issued(CA, CONTENT, NOW, 365)


@pytest.mark.parametrize(
    "name",
    ["gpu1", "GPU1.Example.org", "gpu_1", "_a", "1gpu", "xn--bcher-kva.example", "a" * 63, ".".join(["abc"] * 63)],
)
def test_a_dns_name(name):
    assert certificates.general_name(name) == x509.DNSName(name.lower())


@pytest.mark.parametrize("name", ["192.0.2.11", "2001:db8::11", "2001:DB8:0::11"])
def test_an_ip_address(name):
    assert certificates.general_name(name) == x509.IPAddress(ipaddress.ip_address(name))


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "gpu 1",
        "a/b",
        "../a",
        "bücher",
        "*.example.org",
        "a..b",
        ".a",
        "a.",
        "-a",
        "a-",
        "a\n",
        "a" * 64,
        ".".join(["abc"] * 64),
    ]
    + ["10.0.0.256", "192.0.2.0/24", "host:9100", "[::1]", "fe80::1%eth0", "https://gpu1"],
)
def test_neither_nor(name):
    with pytest.raises(ValueError, match="neither an IP address nor a DNS name"):
        certificates.general_name(name)


def openssl_verify(folder, ca, host, *options):
    """The exit status of `openssl verify`, strict, for a server."""
    (folder / "ca.crt").write_bytes(certificates.certificate_pem(ca))
    (folder / "host.crt").write_bytes(certificates.certificate_pem(host))
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", *options, "-CAfile", "ca.crt", "host.crt"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    "name", [("-verify_hostname", "gpu1.example.org"), ("-verify_ip", "127.0.0.1"), ("-verify_ip", "::1")]
)
def test_openssl_accepts_the_chain(tmp_path, name):
    assert openssl_verify(tmp_path, CA, HOST, *name) == 0
    assert openssl_verify(tmp_path, certificates.new_authority(NOW, 3650), HOST, *name) != 0
    assert openssl_verify(tmp_path, CA, certificates.issued(CA, certificates.Content(NAMES[:1]), NOW, 365), *name) != 0


def test_a_host_cannot_sign(tmp_path):
    assert openssl_verify(tmp_path, HOST, certificates.issued(HOST, CONTENT, NOW, 365), "-partial_chain") != 0
    assert openssl_verify(tmp_path, CA, HOST, "-partial_chain") == 0


def extension(pair, kind):
    return pair.certificate.extensions.get_extension_for_class(kind)


def test_what_the_ca_may():
    constraints, usage = extension(CA, x509.BasicConstraints), extension(CA, x509.KeyUsage)
    assert constraints.critical and constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    assert usage.critical and usage.value.key_cert_sign and usage.value.crl_sign and not usage.value.digital_signature
    assert certificates.is_authority(CA) and not certificates.is_authority(HOST)


def test_what_the_host_may():
    usage, names = extension(HOST, x509.KeyUsage), extension(HOST, x509.SubjectAlternativeName).value
    assert usage.critical and usage.value.digital_signature and not usage.value.key_cert_sign
    assert list(names) == NAMES
    assert HOST.certificate.subject.rfc4514_string() == "CN=gpu_1"


def test_two_authorities_are_distinguished():
    assert certificates.new_authority(NOW, 3650).certificate.subject != CA.certificate.subject


def test_a_name_is_there_once_and_a_long_one_has_a_shorter_common_name():
    long = certificates.general_name(f"{'a' * 60}.{'b' * 60}")
    host = certificates.issued(CA, certificates.Content([long, NAMES[0], long]), NOW, 365)
    assert certificates.names_of(host.certificate) == [long, NAMES[0]]
    assert host.certificate.subject.rfc4514_string() == f"CN={long.value[:64]}"


@contextlib.contextmanager
def tls_server(folder):
    """The port of a TLS server with the host's certificate, which greets whoever accepts it."""
    chain = folder / "server.pem"
    chain.write_bytes(certificates.certificate_pem(HOST) + certificates.key_pem(HOST))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)

    def serve(listener):
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
                secured.sendall(b"hello")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def greeting(port, ca, name):
    context = ssl.create_default_context(cadata=certificates.certificate_pem(ca).decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with (
        socket.create_connection(("127.0.0.1", port)) as connection,
        context.wrap_socket(connection, server_hostname=name) as secured,
    ):
        return secured.recv(5)


def test_a_tls_client_that_trusts_the_ca_alone(tmp_path):
    with tls_server(tmp_path) as port:
        for name in ("gpu1.example.org", "gpu_1", "127.0.0.1", "::1"):
            assert greeting(port, CA, name) == b"hello"
        for ca, name in ((CA, "gpu2"), (CA, "127.0.0.2"), (certificates.new_authority(NOW, 3650), "127.0.0.1")):
            with pytest.raises(ssl.SSLCertVerificationError):
                greeting(port, ca, name)


def test_a_renewed_ca_and_the_old_one_accept_the_same_hosts(tmp_path):
    renewed = certificates.renewed_authority(CA, NOW, 2 * 3650)
    assert renewed.certificate.not_valid_after_utc == NOW + 2 * 3650 * DAY
    assert certificates.is_still_valid(HOST, renewed, CONTENT, NOW, 30)
    new_host = certificates.issued(renewed, CONTENT, NOW, 365)
    for ca, host in ((CA, new_host), (renewed, HOST), (renewed, new_host)):
        assert openssl_verify(tmp_path, ca, host, "-verify_ip", "127.0.0.1") == 0


def test_good_until_so_many_days_before_the_end():
    assert HOST.certificate.not_valid_before_utc == NOW - DAY
    assert HOST.certificate.not_valid_after_utc == NOW + 365 * DAY
    second = timedelta(seconds=1)
    for now, good in (
        (NOW - DAY - second, False),
        (NOW - DAY, True),
        (NOW + 335 * DAY - second, True),
        (NOW + 335 * DAY, False),
    ):
        assert certificates.is_still_valid(HOST, CA, CONTENT, now, 30) is good


def test_the_order_of_names_does_not_matter_and_each_of_them_does():
    assert certificates.is_still_valid(HOST, CA, certificates.Content(NAMES[::-1]), NOW, 30)
    assert not certificates.is_still_valid(HOST, CA, certificates.Content(NAMES[1:]), NOW, 30)
    assert not certificates.is_still_valid(
        HOST, CA, certificates.Content([*NAMES, certificates.general_name("192.0.2.1")]), NOW, 30
    )


def test_another_key_or_authority():
    other = certificates.issued(CA, CONTENT, NOW, 365)
    assert not certificates.is_still_valid(HOST._replace(key=other.key), CA, CONTENT, NOW, 30)
    assert not certificates.is_still_valid(HOST, certificates.new_authority(NOW, 3650), CONTENT, NOW, 30)
    impostor = certificates.renewed_authority(CA._replace(key=other.key), NOW, 3650)
    assert not certificates.is_still_valid(HOST, impostor, CONTENT, NOW, 30)


def test_from_pem_and_back():
    assert certificates.is_still_valid(
        certificates.loaded(certificates.certificate_pem(HOST), certificates.key_pem(HOST)), CA, CONTENT, NOW, 30
    )


def pkcs8(key, encryption):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        (b"", certificates.key_pem(HOST), "the certificate is damaged"),
        (certificates.certificate_pem(HOST)[:-60], certificates.key_pem(HOST), "the certificate is damaged"),
        (certificates.certificate_pem(HOST), certificates.key_pem(HOST)[:-60], "the key is damaged"),
        (
            certificates.certificate_pem(HOST),
            pkcs8(HOST.key, serialization.BestAvailableEncryption(b"word")),
            "the key has a passphrase",
        ),
        (
            certificates.certificate_pem(HOST),
            pkcs8(ed25519.Ed25519PrivateKey.generate(), serialization.NoEncryption()),
            "the key is not for ECDSA",
        ),
    ],
)
def test_pem_that_cannot_be_used(certificate, key, words):
    with pytest.raises(ValueError, match=words):
        certificates.loaded(certificate, key)
