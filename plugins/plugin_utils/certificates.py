# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import NamedTuple, Union

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError as error:
    MISSING: ImportError | None = error
else:
    MISSING = None

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_EARLIER = timedelta(days=1)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_CONTEXT = "mlops.gpu_monitoring certificate"
# The order of the group of P-256 (https://csrc.nist.gov/pubs/sp/800/186/final).
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Pair(NamedTuple):
    """A certificate and the key that should be its own."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Content(NamedTuple):
    """The names of a host, and whether its programs show the certificate as clients too."""

    names: Sequence[x509.GeneralName]
    client: bool = False


class Authority(NamedTuple):
    """A CA of a site, whose key is one for ECDSA or RSA."""

    certificate: x509.Certificate
    key: Union[ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey]


def general_name(text: str) -> x509.GeneralName:
    """An IP address or a DNS name, in lower case, as a certificate has it. Raises ValueError for anything else.

    Underscores are let through, as inventories have them and as Go does
    (https://pkg.go.dev/crypto/x509#Certificate.VerifyHostname, validHostname). If the last label is a number,
    programs take the whole for an IPv4 address (https://url.spec.whatwg.org/#ends-in-a-number-checker).
    """
    try:
        if "%" not in text:
            return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    name = text.lower()
    if len(name) > 253 or not re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", name) or name.rpartition(".")[2].isdigit():
        raise ValueError(f"'{text}' is neither an IP address nor a DNS name")
    return x509.DNSName(name)


def names_of(certificate: x509.Certificate) -> list[x509.GeneralName]:
    """The names for which a certificate is."""
    try:
        return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def certificates_of(text: str) -> list[x509.Certificate]:
    """The certificates in a PEM text; none if one of them cannot be read. cryptography before 39 reads one alone."""
    try:
        return [x509.load_pem_x509_certificate(block) for block in _PEM.findall(text.encode())]
    except ValueError:
        return []


def authority_key(text: str) -> Union[ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey]:
    """The key of a CA of a site. Raises ValueError that says what it is instead."""
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except TypeError as error:
        raise ValueError("the key has a passphrase") from error
    except ValueError as error:
        raise ValueError("the key is not PEM text that can be read") from error
    except UnsupportedAlgorithm as error:
        raise ValueError("the controller's Python package cryptography does not support keys of this kind") from error
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise ValueError("the key is neither for RSA nor for ECDSA")
    return key


def loaded(certificate: bytes, key: bytes) -> Pair:
    """The pair of two PEM texts. Raises ValueError that says which of them is damaged or not of the kind made here."""
    try:
        first = x509.load_pem_x509_certificate(certificate)
    except ValueError as error:
        raise ValueError("the certificate is damaged") from error
    try:
        second = serialization.load_pem_private_key(key, password=None)
    except TypeError as error:
        raise ValueError("the key has a passphrase") from error
    except ValueError as error:
        raise ValueError("the key is damaged") from error
    if not isinstance(second, ec.EllipticCurvePrivateKey):
        raise ValueError("the key is not for ECDSA")
    return Pair(first, second)


def certificate_pem(pair: Pair) -> bytes:
    """The certificate as PEM."""
    return pem(pair.certificate)


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(pair: Pair) -> bytes:
    """The key as PEM (PKCS #8), without a passphrase."""
    return pair.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def lasts(certificate: x509.Certificate, now: datetime, days: int) -> bool:
    """Whether a certificate is valid now and for more than so many days left."""
    return begins(certificate) <= now and ends(certificate) > now + timedelta(days=days)


def begins(certificate: x509.Certificate) -> datetime:
    """When a certificate begins to be valid. cryptography before 42 tells it without a time zone, in UTC."""
    return (
        certificate.not_valid_before_utc
        if hasattr(certificate, "not_valid_before_utc")
        else certificate.not_valid_before.replace(tzinfo=timezone.utc)
    )


def ends(certificate: x509.Certificate) -> datetime:
    """When it ends."""
    return (
        certificate.not_valid_after_utc
        if hasattr(certificate, "not_valid_after_utc")
        else certificate.not_valid_after.replace(tzinfo=timezone.utc)
    )


def is_authority(pair: Pair) -> bool:
    """Whether a pair is a root: its key signed its certificate."""
    return _fits(pair) and _signed_by(pair.certificate, pair.certificate)


def authority_problem(authority: Authority, now: datetime) -> str:
    """Why a CA of a site cannot sign; empty if it can."""
    certificate = authority.certificate
    if certificate.public_key() != authority.key.public_key():
        return "the key is not that of the certificate, which must be the first of the text"
    if not lasts(certificate, now, 0):
        return f"the certificate is valid from {begins(certificate):%Y-%m-%d} to {ends(certificate):%Y-%m-%d}"
    try:
        is_ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_ca = False
    return "" if is_ca else "the certificate is not that of an authority (basicConstraints CA:TRUE)"


def is_for_clients(certificate: x509.Certificate) -> bool:
    """Whether a program may show a certificate as a client. One without extended key usages is for everything."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return not {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}.isdisjoint(usages)


def is_still_valid(pair: Pair, authority: Pair, content: Content, now: datetime, days: int) -> bool:
    """Whether a host's certificate has its key, exactly this content, this authority and more than so many days
    left.
    """
    return (
        _fits(pair)
        and _signed_by(pair.certificate, authority.certificate)
        and set(names_of(pair.certificate)) == set(content.names)
        and is_for_clients(pair.certificate) == content.client
        and lasts(pair.certificate, now, days)
    )


def new_authority(now: datetime, days: int) -> Pair:
    """A CA with a unique name, so that clients can distinguish two CAs."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"gpu_monitoring CA {secrets.token_hex(4)}")])
    return _self_signed(_new_key(), name, now, days)


def renewed_authority(authority: Pair, now: datetime, days: int) -> Pair:
    """The same CA, with name and key, for more days.

    Clients that trust the old or the new certificate accept all signed certificates. A path is built by the issuer's
    name and checked by its key (https://www.rfc-editor.org/rfc/rfc5280#section-6.1).
    """
    return _self_signed(authority.key, authority.certificate.subject, now, days)


def issued(authority: Pair, content: Content, now: datetime, days: int) -> Pair:
    """A certificate for a server, and a new key. The authority must last longer.

    The common name is for people: servers are known by their alternative names alone
    (https://www.rfc-editor.org/rfc/rfc9525#section-2).
    """
    key = _new_key()
    builder = _of_server(authority.certificate, content, key, now, now + timedelta(days=days))
    return Pair(builder.serial_number(x509.random_serial_number()).sign(authority.key, hashes.SHA256()), key)


def derived(authority: Authority, host: str, content: Content, begin: datetime, end: datetime) -> Pair:
    """A certificate for a server that is the same each time. Raises ValueError if the controller cannot sign the same
    way twice.

    Key and serial number are derived from the authority's key (https://www.rfc-editor.org/rfc/rfc5869). Whoever has
    that can make certificates anyway. RSA signs the same way each time
    (https://www.rfc-editor.org/rfc/rfc8017#section-8.2).
    """
    names = [str(name.value) for name in content.names]
    parts = [_CONTEXT, host, *names, begin.isoformat(), end.isoformat(), *(["client"] if content.client else [])]
    context = "\0".join(parts)
    numbers = authority.key.private_numbers()
    secret = numbers.d if isinstance(numbers, rsa.RSAPrivateNumbers) else numbers.private_value
    length = (secret.bit_length() + 7) // 8
    material = HKDF(hashes.SHA256(), 48 + 16, None, context.encode()).derive(secret.to_bytes(length, "big"))
    # 16 bytes more than the order has leave no bias (https://csrc.nist.gov/pubs/fips/186-5/final, A.2.1).
    key = ec.derive_private_key(int.from_bytes(material[:48], "big") % (_P256_ORDER - 1) + 1, ec.SECP256R1())
    serial = int.from_bytes(material[48:], "big") | 1
    builder = _of_server(authority.certificate, content, key, begin, end).serial_number(serial)
    return Pair(_signed_alike(builder, authority), key)


def _signed_alike(builder: x509.CertificateBuilder, authority: Authority) -> x509.Certificate:
    if isinstance(authority.key, rsa.RSAPrivateKey):
        return builder.sign(authority.key, hashes.SHA256())
    try:
        return builder.sign(authority.key, hashes.SHA256(), ecdsa_deterministic=True)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(
            "the key is for ECDSA, and the controller's Python package cryptography is too old to sign the"
            " same way twice with such a key"
        ) from error


def _of_server(
    issuer: x509.Certificate,
    content: Content,
    key: ec.EllipticCurvePrivateKey,
    begin: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    """The certificate of a server, without serial number."""
    unique = list(dict.fromkeys(content.names))
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, *([ExtendedKeyUsageOID.CLIENT_AUTH] if content.client else [])]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(unique[0].value)[:64])])
    return (
        _builder(subject, issuer.subject, key, begin, end)
        .add_extension(x509.SubjectAlternativeName(unique), critical=False)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(_authority_key_identifier(issuer), critical=False)
    )


def _authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The identifier that the issuer's certificate has, which is not always made of its key in the same way."""
    try:
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _new_key() -> ec.EllipticCurvePrivateKey:
    """P-256: one that every implementation of TLS 1.3 must take (https://www.rfc-editor.org/rfc/rfc8446#section-9.1),
    which Ed25519 is not.
    """
    return ec.generate_private_key(ec.SECP256R1())


def _self_signed(key: ec.EllipticCurvePrivateKey, name: x509.Name, now: datetime, days: int) -> Pair:
    builder = (
        _builder(name, name, key, now, now + timedelta(days=days))
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    )
    return Pair(builder.sign(key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    """What all certificates have. They are valid from a day before `begin`, for hosts whose clocks are behind."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .not_valid_before(begin - _EARLIER)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _fits(pair: Pair) -> bool:
    return pair.certificate.public_key() == pair.key.public_key()


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True
