# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError as error:
    MISSING: ImportError | None = error
else:
    MISSING = None

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_EARLIER = timedelta(days=1)


class Pair(NamedTuple):
    """A certificate and the key that should be its own."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def general_name(text: str) -> x509.GeneralName:
    """An IP address or a DNS name, in lower case, as a certificate has it. Raises ValueError for anything else.

    Underscores are let through, as inventories have them and as Go does (https://pkg.go.dev/crypto/x509#Certificate.VerifyHostname, validHostname).
    Where the last label is a number, programs take the whole for an IPv4 address (https://url.spec.whatwg.org/#ends-in-a-number-checker).
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
        raise ValueError("the key is none for ECDSA")
    return Pair(first, second)


def certificate_pem(pair: Pair) -> bytes:
    """The certificate as PEM."""
    return pair.certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(pair: Pair) -> bytes:
    """The key as PEM (PKCS #8), without a passphrase."""
    return pair.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def lasts(certificate: x509.Certificate, now: datetime, days: int) -> bool:
    """Whether a certificate is valid now and for more than so many days to come."""
    return begins(certificate) <= now and ends(certificate) > now + timedelta(days=days)


def begins(certificate: x509.Certificate) -> datetime:
    """When a certificate begins to be valid. cryptography before 42 tells it without a time zone, in UTC."""
    return certificate.not_valid_before_utc if hasattr(certificate, "not_valid_before_utc") else certificate.not_valid_before.replace(tzinfo=timezone.utc)


def ends(certificate: x509.Certificate) -> datetime:
    """When it ends."""
    return certificate.not_valid_after_utc if hasattr(certificate, "not_valid_after_utc") else certificate.not_valid_after.replace(tzinfo=timezone.utc)


def is_authority(pair: Pair) -> bool:
    """Whether a pair is a root: its key signed its certificate."""
    return _fits(pair) and _signed_by(pair.certificate, pair.certificate)


def still_good(pair: Pair, authority: Pair, names: Sequence[x509.GeneralName], now: datetime, days: int) -> bool:
    """Whether a host's certificate has its key, exactly these names, this authority and more than so many days to come."""
    return (
        _fits(pair)
        and _signed_by(pair.certificate, authority.certificate)
        and set(names_of(pair.certificate)) == set(names)
        and lasts(pair.certificate, now, days)
    )


def new_authority(now: datetime, days: int) -> Pair:
    """A CA with a name of its own, so that two of them are told apart."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"gpu_monitoring CA {secrets.token_hex(4)}")])
    return _self_signed(_new_key(), name, now, days)


def renewed_authority(authority: Pair, now: datetime, days: int) -> Pair:
    """The same CA, with name and key, for more days.

    Whoever trusts the old certificate accepts what was and will be signed, and so does whoever trusts the new one: a path is built by the
    issuer's name and checked by its key (https://www.rfc-editor.org/rfc/rfc5280#section-6.1).
    """
    return _self_signed(authority.key, authority.certificate.subject, now, days)


def issued(authority: Pair, names: Sequence[x509.GeneralName], now: datetime, days: int) -> Pair:
    """A certificate for a server with these names, and a new key. The authority has to last longer.

    The common name is for people: servers are known by their alternative names alone (https://www.rfc-editor.org/rfc/rfc9525#section-2).
    """
    key = _new_key()
    unique = list(dict.fromkeys(names))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(unique[0].value)[:64])])
    builder = (
        _builder(subject, authority.certificate.subject, key, now, days)
        .add_extension(x509.SubjectAlternativeName(unique), critical=False)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
    )
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def _new_key() -> ec.EllipticCurvePrivateKey:
    """P-256: one that every implementation of TLS 1.3 must take (https://www.rfc-editor.org/rfc/rfc8446#section-9.1), which Ed25519 is not."""
    return ec.generate_private_key(ec.SECP256R1())


def _self_signed(key: ec.EllipticCurvePrivateKey, name: x509.Name, now: datetime, days: int) -> Pair:
    builder = (
        _builder(name, name, key, now, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    )
    return Pair(builder.sign(key, hashes.SHA256()), key)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, days: int) -> x509.CertificateBuilder:
    """What all certificates have. They begin in the past, for hosts whose clocks are behind."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
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
