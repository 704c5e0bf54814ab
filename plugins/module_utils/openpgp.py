# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import base64
import binascii
import hashlib
import re
import textwrap
from collections.abc import Iterator

_ARMOR = re.compile(r"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(.*?)\r?\n-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL)
PUBLIC_KEY = 6
# What belongs to a public key: signatures, subkeys, user ids and attributes. GnuPG would read further keys out of other
# packets, as compressed ones.
_PARTS = (2, PUBLIC_KEY, 13, 14, 17)


def fingerprint(text: str) -> str:
    """A fingerprint in upper-case digits without white space. Raises ValueError if it is not one."""
    digits = re.sub(r"\s", "", text).upper()
    if not re.fullmatch(r"[0-9A-F]{40}|[0-9A-F]{64}", digits):
        raise ValueError(f"'{text}' is not a fingerprint. Write the 40 or 64 digits that gpg --show-keys prints.")
    return digits


def keys(text: str) -> dict[str, str]:
    """The public keys in ASCII-armoured text, each armoured alone, by fingerprint in upper-case digits.

    The format is that of RFC 9580, sections 4.2, 5.5.4 and 6.

    Raises ValueError that says what is wrong with the text.
    """
    blocks = _ARMOR.findall(text)
    if not blocks:
        raise ValueError(
            "it has no -----BEGIN PGP PUBLIC KEY BLOCK-----;"
            " a binary key FILE becomes such text by gpg --no-default-keyring --keyring ./FILE --armor --export"
        )
    packets: dict[str, bytes] = {}
    try:
        for block in blocks:
            fingerprint = ""
            for tag, body, packet in packets_of(dearmored(block)):
                if tag == PUBLIC_KEY:
                    fingerprint = fingerprint_of(body)
                elif not fingerprint:
                    raise IndexError("it does not begin with a key")
                packets[fingerprint] = packets.get(fingerprint, b"") + packet
    except (IndexError, binascii.Error) as error:
        raise ValueError(f"it is cut off or damaged ({error})") from error
    return {fingerprint: _armored(data) for fingerprint, data in packets.items()}


def _armored(data: bytes) -> str:
    lines = "\n".join(textwrap.wrap(base64.b64encode(data).decode(), 64))
    checksum = base64.b64encode(_crc24(data).to_bytes(3, "big")).decode()
    return f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{lines}\n={checksum}\n-----END PGP PUBLIC KEY BLOCK-----\n"


def _crc24(data: bytes) -> int:
    """The checksum of armour (RFC 9580, section 6.1.1)."""
    crc = 0xB704CE
    for octet in data:
        crc ^= octet << 16
        for _bit in range(8):
            crc = crc << 1 ^ (0x1864CFB if crc & 0x800000 else 0)
    return crc


def dearmored(block: str) -> bytes:
    """The bytes of a block: after its headers, which end with a blank line, and before its checksum."""
    lines = block.splitlines()
    if any(": " in line for line in lines) or not lines[0].strip():
        lines = lines[next((number for number, line in enumerate(lines) if not line.strip()), 0) :]
    return base64.b64decode("".join(line.strip() for line in lines if not line.startswith("=")), validate=True)


def packets_of(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, body and whole of each packet. Raises IndexError if the data ends too early or is not of a public key."""
    position = 0
    while position < len(data):
        start, first, position = position, data[position], position + 1
        if not first & 0x80:
            raise IndexError("no OpenPGP packet")
        if first & 0x40:
            tag, size = first & 0x3F, data[position]
            position += 1
            if size == 255:
                size, position = int.from_bytes(data[position : position + 4], "big"), position + 4
            elif size >= 224:
                raise IndexError("a packet in parts, which keys never are")
            elif size >= 192:
                size, position = ((size - 192) << 8) + data[position] + 192, position + 1
        else:
            tag, octets = (first >> 2) & 0x0F, 1 << (first & 3)
            if octets == 8:
                raise IndexError("a packet without a length")
            size, position = int.from_bytes(data[position : position + octets], "big"), position + octets
        if position + size > len(data):
            raise IndexError("a packet longer than the data")
        if tag not in _PARTS:
            raise IndexError(f"a packet of type {tag}, which public keys do not have")
        body, position = data[position : position + size], position + size
        yield tag, body, data[start:position]


def fingerprint_of(body: bytes) -> str:
    """The fingerprint of a key from the body of its packet. Raises IndexError."""
    version = body[0]
    if version == 4:
        digest = hashlib.new("sha1", b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False)
    elif version == 6:
        digest = hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body)
    else:
        raise IndexError(f"a key of version {version}, of which 4 and 6 are known")
    return digest.hexdigest().upper()
