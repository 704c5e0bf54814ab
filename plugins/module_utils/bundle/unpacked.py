# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The size of layers after decompression."""

import zlib

_CHUNK_BYTES = 1 << 20


def size_of(path: str, media_type: str) -> int:
    """Bytes of a layer after decompression; 0 if it is not gzip alone."""
    if not media_type.endswith("gzip"):
        return 0
    try:
        return _gzip_size(path)
    except zlib.error:
        return 0


def _gzip_size(path: str) -> int:
    unpacked = 0
    with open(path, "rb") as file:
        decompressor = zlib.decompressobj(zlib.MAX_WBITS | 16)
        for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""):
            while chunk:
                unpacked += len(decompressor.decompress(chunk))
                chunk = decompressor.unused_data
                if decompressor.eof:
                    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 16)
    return unpacked
