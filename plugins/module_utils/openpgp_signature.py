# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Signatures by an RSA key, as NVIDIA signs repositories, checked without a program: RFC 9580, sections 5.2 and 7.

Package managers check the same signatures on each host. Here a file is found that was damaged on its way.
"""

import binascii
import hashlib
import re
from typing import NamedTuple

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import openpgp

_CLEAR = re.compile(
    rb"-----BEGIN PGP SIGNED MESSAGE-----\r?\n(?:[\w-]+: [^\n]*\n)*\r?\n(.*?)\r?\n"
    rb"(-----BEGIN PGP SIGNATURE-----.*-----END PGP SIGNATURE-----)\s*",
    re.DOTALL,
)
_ARMOR = re.compile(r"-----BEGIN PGP SIGNATURE-----\r?\n(.*?)\r?\n-----END PGP SIGNATURE-----", re.DOTALL)
_SIGNATURE, _SUBKEY = 2, 14
_RSA = (1, 3)
_BINARY, _TEXT = 0, 1
# Numbers of the hash in OpenPGP, and what PKCS #1 puts before each hash (RFC 8017, section 9.2).
_HASHES = {
    8: ("sha256", "3031300d060960864801650304020105000420"),
    9: ("sha384", "3041300d060960864801650304020205000430"),
    10: ("sha512", "3051300d060960864801650304020305000440"),
}


class Signed(NamedTuple):
    """What was signed, and its armoured signature."""

    content: bytes
    signature: str


class OtherKind(Exception):
    """A signature of a kind that is not checked here."""


def clear_signed(message: bytes) -> tuple[str, Signed]:
    """The text in a message with a clear signature, and what was signed. Raises ValueError."""
    match = _CLEAR.fullmatch(message)
    if not match:
        raise ValueError("it is not text with a clear signature")
    lines = [line[2:] if line.startswith(b"- ") else line for line in match[1].split(b"\n")]
    content = b"\r\n".join(line.rstrip(b" \t\r") for line in lines)
    return b"\n".join(lines).decode("utf-8", "replace"), Signed(content, match[2].decode("ascii", "replace"))


def check(signed: Signed, armored_key: str) -> None:
    """Raises ValueError if the primary key did not sign the content, and OtherKind if that is not known."""
    problems: list[str] = []
    for body in _signatures(signed.signature):
        try:
            _check(signed.content, body, _keys(armored_key))
            return
        except ValueError as error:
            problems.append(str(error))
        except IndexError:
            problems.append("its signature is cut off or damaged")
    raise ValueError("; ".join(problems) or "it has no signature")


def _signatures(armored: str) -> list[bytes]:
    bodies = []
    try:
        for block in _ARMOR.findall(armored):
            bodies += [body for tag, body, _packet in openpgp.packets_of(openpgp.dearmored(block)) if tag == _SIGNATURE]
    except (IndexError, binascii.Error) as error:
        raise ValueError(f"its signature is cut off or damaged ({error})") from error
    return bodies


def _keys(armored: str) -> list[bytes]:
    """The bodies of the primary key and of its subkeys."""
    block = armored.partition("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")[2].partition("\n-----END")[0]
    packets = openpgp.packets_of(openpgp.dearmored(block))
    return [body for tag, body, _packet in packets if tag in (openpgp.PUBLIC_KEY, _SUBKEY)]


def _check(content: bytes, signature: bytes, keys: list[bytes]) -> None:
    """Check one signature by a key with subkeys, each given as the body of its packet."""
    key = keys[0]
    if key[0] != 4 or key[5] not in _RSA:
        raise OtherKind(f"a signature by a key of version {key[0]} and algorithm {key[5]}")
    if signature[0] != 4 or signature[1] not in (_BINARY, _TEXT):
        raise ValueError(f"its signature has version {signature[0]} and type {signature[1]}")
    hashed_end = 6 + int.from_bytes(signature[4:6], "big")
    fingerprint, *subkeys = (openpgp.fingerprint_of(body) for body in keys)
    issuers = _issuers(signature, hashed_end)
    if issuers and not any(fingerprint.endswith(issuer) for issuer in issuers):
        if any(subkey.endswith(issuer) for subkey in subkeys for issuer in issuers):
            raise OtherKind(f"a signature by a subkey of {fingerprint}")
        raise ValueError(f"it is signed by the key {max(issuers, key=len)}, and not by {fingerprint}")
    if signature[2] not in _RSA or signature[3] not in _HASHES:
        raise ValueError(f"its signature has algorithm {signature[2]} and hash {signature[3]}, and the key is RSA")
    algorithm, prefix = _HASHES[signature[3]]
    trailer = signature[:hashed_end] + b"\x04\xff" + hashed_end.to_bytes(4, "big")
    if signature[1] == _TEXT:
        content = re.sub(b"\r?\n", b"\r\n", content)
    digest = hashlib.new(algorithm, content + trailer).digest()
    # After the subpackets that are not signed come two octets of the hash.
    numbers = signature[hashed_end + 4 + int.from_bytes(signature[hashed_end : hashed_end + 2], "big") :]
    (value,), (modulus, exponent) = _numbers(numbers, 1), _numbers(key[6:], 2)
    size = (modulus.bit_length() + 7) // 8
    information = bytes.fromhex(prefix) + digest
    encoded = b"\x00\x01" + b"\xff" * (size - len(information) - 3) + b"\x00" + information
    if len(encoded) != size or pow(value, exponent, modulus) != int.from_bytes(encoded, "big"):
        raise ValueError(f"its signature by the key {fingerprint} does not fit its content")


def _issuers(signature: bytes, hashed_end: int) -> set[str]:
    """Ids and fingerprints of the keys by which a signature says that it was made."""
    unhashed_end = hashed_end + 2 + int.from_bytes(signature[hashed_end : hashed_end + 2], "big")
    issuers: set[str] = set()
    for part in (signature[6:hashed_end], signature[hashed_end + 2 : unhashed_end]):
        position = 0
        while position < len(part):
            size, position = part[position], position + 1
            if size >= 192:
                size, position = ((size - 192) << 8) + part[position] + 192, position + 1
            kind, value = part[position] & 0x7F, part[position + 1 : position + size]
            if kind == 16:
                issuers.add(value.hex().upper())
            elif kind == 33:
                issuers.add(value[1:].hex().upper())
            position += size
    return issuers


def _numbers(data: bytes, count: int) -> list[int]:
    """Numbers, each after two octets with its length in bits."""
    numbers = []
    for _number in range(count):
        size = (int.from_bytes(data[:2], "big") + 7) // 8
        if not size or len(data) < 2 + size:
            raise ValueError("its signature or the key is cut off")
        numbers.append(int.from_bytes(data[2 : 2 + size], "big"))
        data = data[2 + size :]
    return numbers
