# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The HTTP API of one registry (https://github.com/opencontainers/distribution-spec)."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from email.message import Message
from typing import NamedTuple, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry import advice, challenge, tokens
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.connections import Connections
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.request import Body, Request, send
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.waits import LONGEST_LIMIT_SECONDS, Waits
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.registry_login import Login

INDEX_TYPES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFEST_TYPES = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
KNOWN_TYPES = (*INDEX_TYPES, *MANIFEST_TYPES)
_ACCEPT = {"Accept": ", ".join(KNOWN_TYPES)}
_FAILURES = (500, 502, 503, 504)
PULL, PUSH = "pull", "pull,push"


class Manifest(NamedTuple):
    """A manifest or an index as the registry has it, byte by byte."""

    content: bytes
    media_type: str
    digest: str


class Registry:
    """One registry. Raises RegistryError. `tell` gets sentences for a person who waits.

    `longest_limit` is in seconds: how long a request waits in all if the registry limits requests.
    """

    def __init__(
        self,
        name: str,
        login: Login,
        connections: Connections,
        tell: Callable[[str], None] = lambda _text: None,
        longest_limit: float = LONGEST_LIMIT_SECONDS,
    ) -> None:
        self.name = name
        self._tell = tell
        self._longest_limit = longest_limit
        self._login = login
        self._connections = connections
        self._authorization: dict[str, str] = {}

    def manifest(self, repository: str, version: str, actions: str = PULL) -> Manifest:
        """The manifest or index of a tag or digest. What differs from the digest is refused."""
        content, headers = self.read(f"/v2/{repository}/manifests/{version}", repository, actions, _ACCEPT)
        media_type = headers.get_content_type()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if version.startswith("sha256:") and version != digest:
            raise RegistryError(f"{self.name}: the manifest {version} of {repository} arrived as {digest}. Try again.")
        return Manifest(content, media_type if media_type in KNOWN_TYPES else _own_type(content) or media_type, digest)

    def has(self, repository: str, kind: str, version: str) -> bool:
        """Whether the registry has a blob or a manifest; `kind` is blobs or manifests."""
        path = f"/v2/{repository}/{kind}/{version}"
        # A registry without HEAD answers 405, and gets what it may have.
        with self.ask("HEAD", path, repository, PUSH, headers=_ACCEPT, allowed=(200, 404, 405)) as answer:
            return answer.status == 200

    def put_manifest(self, repository: str, version: str, manifest: Manifest) -> None:
        """Store a manifest or index under a tag or its digest."""
        headers = {"Content-Type": manifest.media_type}
        path = f"/v2/{repository}/manifests/{version}"
        with self.ask("PUT", path, repository, PUSH, headers=headers, body=lambda: manifest.content, allowed=(201,)):
            pass

    def read(
        self, path: str, repository: str, actions: str = PULL, headers: Optional[Mapping[str, str]] = None
    ) -> tuple[bytes, Message]:
        """The whole content of a path or a URL, and the headers. A connection that breaks is made again."""
        waits = self.waits()
        while True:
            try:
                with self.ask("GET", path, repository, actions, headers=headers) as answer:
                    return answer.read(), answer.headers
            except http_client.HttpError as error:
                self.wait_after(error, waits)

    def waits(self) -> Waits:
        """The waits of one request to the registry."""
        return Waits(self.name, self._tell, self._longest_limit)

    def wait_after(self, error: http_client.HttpError, waits: Waits) -> None:
        """Wait after an answer that did not arrive whole. Raises RegistryError if another try is of no use."""
        if not isinstance(error, http_client.NotReachable) or not waits.after_failure(str(error)):
            raise RegistryError(advice.unreachable(self.name, str(error))) from error

    @contextmanager
    def ask(
        self,
        method: str,
        path: str,
        repository: str,
        actions: str = PULL,
        *,
        headers: Optional[Mapping[str, str]] = None,
        body: Callable[[], Body] = lambda: None,
        allowed: tuple[int, ...] = (200,),
        repeat: bool = True,
    ) -> Iterator[http_client.Stream]:
        """The answer to a request for a path or a URL, with a status that is allowed.

        It authenticates, follows redirects of what is read, and waits if the registry limits requests. Without
        `repeat`, a broken connection raises http_client.NotReachable.
        """
        waits = self.waits()
        scope, logins = f"repository:{repository}:{actions}", 0
        while True:
            with ExitStack() as stack:
                try:
                    login = {"Authorization": self._authorization[scope]} if scope in self._authorization else {}
                    request = Request(method, path, headers or {}, login, body())
                    answer = send(stack, self._connections, self.name, request)
                    if answer.status == 401 and logins < 2:
                        logins += 1
                        if self._log_in(answer, scope):
                            continue
                    refusal = None if answer.status in allowed else advice.answer_text(answer.status, answer.read())
                except http_client.HttpError as error:
                    if not repeat and isinstance(error, http_client.NotReachable):
                        raise
                    self.wait_after(error, waits)
                    continue
                if refusal is None:
                    yield answer
                    return
                if answer.status == 429 and waits.after_limit(answer.headers):
                    continue
                if repeat and answer.status in _FAILURES and waits.after_failure(refusal):
                    continue
                raise RegistryError(advice.refusal(self.name, repository, refusal, self._login), answer.status)

    def _log_in(self, answer: http_client.Stream, scope: str) -> bool:
        """Get what the registry asks for; False if there is nothing to send."""
        asked = challenge.of_headers(answer.headers.get_all("WWW-Authenticate") or [])
        if asked is None:
            return False
        try:
            header = tokens.authorization(self._connections, self.name, asked, scope, self._login.credentials)
        except RegistryError as error:
            repository = scope.split(":")[1]
            raise RegistryError(advice.refusal(self.name, repository, str(error), self._login), error.status) from error
        if header is None or self._authorization.get(scope) == header:
            return False
        self._authorization[scope] = header
        return True


def _own_type(content: bytes) -> str:
    """The media type that a manifest has in its content; empty without one."""
    try:
        return str(json.loads(content).get("mediaType", ""))
    except (ValueError, AttributeError):
        return ""
