# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

_ARMOR = re.compile(r"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(.*?)\r?\n-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL)
_PUBLIC_KEY = 6


def fingerprints(text: str) -> list[str]:
    """Fingerprints, in upper-case hexadecimal digits, of the primary keys in ASCII-armoured text (RFC 9580, sections 4.2, 5.5.4 and 6.2).

    Raises ValueError that says what is wrong with the text.
    """
    blocks = _ARMOR.findall(text)
    if not blocks:
        raise ValueError("it has no -----BEGIN PGP PUBLIC KEY BLOCK-----; a binary key becomes such text by gpg --enarmor")
    try:
        return [_fingerprint(body) for block in blocks for tag, body in _packets(_dearmored(block)) if tag == _PUBLIC_KEY]
    except (IndexError, binascii.Error) as error:
        raise ValueError(f"it is cut off or damaged ({error})") from error


def _dearmored(block: str) -> bytes:
    """The bytes of a block: after its headers, which end with a blank line, and before its checksum."""
    lines = block.splitlines()
    if any(": " in line for line in lines) or not lines[0].strip():
        lines = lines[next((number for number, line in enumerate(lines) if not line.strip()), 0) :]
    return base64.b64decode("".join(line.strip() for line in lines if not line.startswith("=")), validate=True)


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and body of each packet. Raises IndexError where the data ends too early."""
    position = 0
    while position < len(data):
        first, position = data[position], position + 1
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
        yield tag, data[position : position + size]
        position += size


def _fingerprint(body: bytes) -> str:
    version = body[0]
    if version == 4:
        digest = hashlib.new("sha1", b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False)
    elif version == 6:
        digest = hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body)
    else:
        raise IndexError(f"a key of version {version}, of which 4 and 6 are known")
    return digest.hexdigest().upper()
