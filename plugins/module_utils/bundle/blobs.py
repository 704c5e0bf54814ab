# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Blobs between a registry and files. A blob of a file has the digest that its name says, or is not kept."""

import hashlib
import os
from collections.abc import Callable, Iterator
from urllib.parse import quote, urljoin

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import layout, sums
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.client import PUSH, Registry
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError

_CHUNK_BYTES = 1 << 20
# A blob whose bytes are wrong is fetched again.
_TRIES_OF_DIGEST = 2
Arrived = Callable[[int], None]


def is_complete(path: str, digest: str, size: int) -> bool:
    """Whether the file is the whole blob."""
    return os.path.exists(path) and os.path.getsize(path) == size and f"sha256:{sums.of_file(path)}" == digest


def download(registry: Registry, repository: str, digest: str, size: int, path: str, arrived: Arrived) -> bool:
    """Write a blob to a file, and return whether anything had to be asked for.

    What an earlier run left is continued. `arrived` gets the number of bytes of each piece.
    """
    if is_complete(path, digest, size):
        arrived(size)
        return False
    os.makedirs(os.path.dirname(path), exist_ok=True)
    partial = path + layout.PARTIAL
    for _attempt in range(_TRIES_OF_DIGEST):
        actual = _fetch(registry, repository, digest, size, partial, arrived)
        if actual == digest:
            os.replace(partial, path)
            return True
        arrived(-os.path.getsize(partial))
        os.remove(partial)
    raise RegistryError(
        f"{registry.name}/{repository}: the blob {digest} arrived as {actual}. A proxy may change it: run this"
        " again, or use another way to the registry."
    )


def _fetch(registry: Registry, repository: str, digest: str, size: int, partial: str, arrived: Arrived) -> str:
    """The digest of what was written to the partial file, at whose end the download continues."""
    waits = registry.waits()
    while True:
        with open(partial, "a+b") as file:
            file.seek(0)
            sha256 = hashlib.sha256()
            for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""):
                sha256.update(chunk)
            had = file.tell()
            arrived(had)
            if had >= size:
                return f"sha256:{sha256.hexdigest()}"
            headers = {"Range": f"bytes={had}-"} if had else {}
            try:
                with registry.ask(
                    "GET", f"/v2/{repository}/blobs/{digest}", repository, headers=headers, allowed=(200, 206)
                ) as answer:
                    if had and answer.status == 200:
                        arrived(-had)
                        file.truncate(0)
                        sha256, had = hashlib.sha256(), 0
                    for chunk in answer.chunks():
                        file.write(chunk)
                        sha256.update(chunk)
                        had += len(chunk)
                        arrived(len(chunk))
                        waits.progressed()
                        if had > size:
                            return f"sha256:{sha256.hexdigest()}"
                file.flush()
                os.fsync(file.fileno())
                return f"sha256:{sha256.hexdigest()}"
            except http_client.HttpError as error:
                arrived(-had)
                registry.wait_after(error, waits)


def upload(registry: Registry, repository: str, digest: str, path: str, arrived: Arrived) -> bool:
    """Send the blob of a file, and return False if the registry had it already."""
    if registry.has(repository, "blobs", digest):
        arrived(os.path.getsize(path))
        return False
    waits = registry.waits()
    while True:
        pieces = _Pieces(path, arrived)
        try:
            _send(registry, repository, digest, pieces)
            return True
        except http_client.NotReachable as error:
            # The registry may have a part of the blob. A new upload begins without this part.
            arrived(-pieces.sent)
            registry.wait_after(error, waits)


class _Pieces:
    """The content of a file, once. Raises BundleError, since an OSError counts as one of the connection."""

    def __init__(self, path: str, arrived: Arrived) -> None:
        self.size = os.path.getsize(path)
        self.sent = 0
        self._path = path
        self._arrived = arrived

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks():
            yield chunk
            self.sent += len(chunk)
            self._arrived(len(chunk))

    def _chunks(self) -> Iterator[bytes]:
        try:
            with open(self._path, "rb") as file:
                yield from iter(lambda: file.read(_CHUNK_BYTES), b"")
        except OSError as error:
            raise BundleError(f"path: {self._path}: {error.strerror}. Copy the bundle again.") from error


def _send(registry: Registry, repository: str, digest: str, pieces: _Pieces) -> None:
    with registry.ask("POST", f"/v2/{repository}/blobs/uploads/", repository, PUSH, allowed=(202,)) as answer:
        location = urljoin(answer.url, answer.headers.get("Location", ""))
    target = f"{location}{'&' if '?' in location else '?'}digest={quote(digest, safe='')}"
    headers = {"Content-Length": str(pieces.size), "Content-Type": "application/octet-stream"}
    with registry.ask(
        "PUT", target, repository, PUSH, headers=headers, body=lambda: pieces, allowed=(201,), repeat=False
    ):
        pass
