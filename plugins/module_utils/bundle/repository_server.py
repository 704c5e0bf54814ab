# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Files of a package repository from its server, with resume, redirects and pauses."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable, Optional
from urllib.parse import urlsplit

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import layout
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.listed import ListedFile, Missing

# Longest silence of a server.
TIMEOUT_SECONDS = 30
# An index is far smaller, and a page without end must not fill the memory.
_INDEX_BYTES = 64 << 20
_RETRIES = http_client.Retries(tries=6, pause_seconds=1.0, longest_pause_seconds=120.0)


class RepositoryServer:
    """The server of a repository. The proxies are those of the environment.

    `option` is the option with the URL, for messages.
    """

    def __init__(
        self, option: str, url: str, ca_path: Optional[str], pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._option = option
        self._url = url.rstrip("/") + "/"
        self._ca_path = ca_path
        self._pause = pause
        self._clients: dict[str, http_client.Client] = {}

    def read(self, path: str) -> bytes:
        """The content of a small file. Raises Missing or BundleError."""
        content = bytearray()
        for offset, chunk in self._chunks(path, 0):
            content[offset:] = chunk
            if len(content) > _INDEX_BYTES:
                raise BundleError(
                    f"{self._option}: {self.shown(path)} is not an index: it is larger than {_INDEX_BYTES} bytes."
                )
        return bytes(content)

    def save(self, file: ListedFile, target: str) -> None:
        """Write a file of the repository, from where an earlier try ended. Raises Missing or BundleError."""
        partial = target + layout.PARTIAL
        os.makedirs(os.path.dirname(target), exist_ok=True)
        resumed = os.path.exists(partial)
        with open(partial, "ab") as output:
            if output.tell() > file.size:
                output.truncate(0)
                output.seek(0)
            if output.tell() != file.size:
                for offset, chunk in self._chunks(file.path, output.tell()):
                    if output.tell() != offset:
                        output.truncate(offset)
                        output.seek(offset)
                    output.write(chunk)
        problem = file.digest_problem(digest_of(partial, file.algorithm))
        if problem:
            os.remove(partial)
            if resumed:
                self.save(file, target)
                return
            raise BundleError(
                f"{self._option}: {self.shown(file.path)}: {problem}. Run again; if it stays so, use another mirror."
            )
        os.replace(partial, target)

    def shown(self, path: str) -> str:
        """The URL of a file as a person may see it."""
        return http_client.shown_url(self._url + path)

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def _chunks(self, path: str, offset: int) -> Iterator[tuple[int, bytes]]:
        """The content from an offset on, each piece with its own offset, which is 0 if the server starts over."""
        attempt = 1
        while True:
            answer, reason = None, ""
            try:
                # A reader that ends early drops the generator, and Python closes the stream then.
                # pylint: disable-next=contextmanager-generator-missing-cleanup
                with self._answer(path, offset) as stream:
                    if stream.status in (200, 206):
                        offset = offset if stream.status == 206 else 0
                        for chunk in stream.chunks():
                            yield offset, chunk
                            offset, attempt = offset + len(chunk), 1
                        return
                    if stream.status in (404, 410):
                        raise Missing(path)
                    answer = http_client.Response(stream.status, stream.headers, b"", stream.url)
                    reason = f"the server answers {stream.status}"
            except http_client.NotReachable as error:
                reason = str(error)
            except http_client.HttpError as error:
                raise self._failed(path, str(error)) from error
            if attempt >= _RETRIES.tries or (answer and not _RETRIES.again(answer)):
                raise self._failed(path, reason)
            self._pause(_RETRIES.pause(attempt, answer))
            attempt += 1

    @contextmanager
    def _answer(self, path: str, offset: int) -> Iterator[http_client.Stream]:
        """The answer to a request, after redirects."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        url = self._url + path
        for _step in range(http_client.MOST_REDIRECTS + 1):
            with self._request(url, headers) as stream:
                redirected = http_client.redirect(url, stream)
                if not redirected:
                    yield stream
                    return
            url = redirected
        raise http_client.RedirectRefused(http_client.shown_url(url), circle=True)

    @contextmanager
    def _request(self, url: str, headers: dict[str, str]) -> Iterator[http_client.Stream]:
        split = urlsplit(url)
        origin = f"{split.scheme}://{split.netloc}"
        if origin not in self._clients:
            self._clients[origin] = http_client.Client(
                origin, timeout=TIMEOUT_SECONDS, ca_path=self._ca_path, use_proxy=True
            )
        target = split.path + (f"?{split.query}" if split.query else "")
        with self._clients[origin].stream("GET", target, headers=headers) as stream:
            yield stream

    def _failed(self, path: str, reason: str) -> BundleError:
        return BundleError(
            f"{self._option}: {self.shown(path)} cannot be fetched: {reason}. Check the URL, that this machine reaches"
            " the server, and its proxy (https_proxy). What was fetched is kept,"
            " and a further run continues from there."
        )


def digest_of(path: str, algorithm: str) -> str:
    """The hash of a file in hexadecimal digits."""
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()
