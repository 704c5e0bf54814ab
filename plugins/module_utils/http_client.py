# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The one HTTP client: TCP or a Unix socket, TLS, keep-alive and retries, with nothing but the standard library.

It reads no .netrc, and no proxy of the environment unless `use_proxy` says so.
"""

import base64
import copy
import http.client
import json
import os
import random
import re
import select
import socket
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any, Callable, Optional, TypedDict, Union
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

CHUNK_BYTES = 65536
_IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
_REDIRECTS = (301, 302, 303, 307, 308)
# As many redirects of one request are followed.
MOST_REDIRECTS = 5
# What a path may have as it is. All else is percent-encoded, so no path can end a request line.
_SAFE_IN_PATH = "%/:=&?~+!$,;'@()*[]-._"


class HttpError(Exception):
    """No answer. The text is the reason alone, so that the caller can name the server and the option."""


class BadUrl(HttpError):
    """The URL cannot be one of a server."""


class BadToken(HttpError):
    """The token cannot be one of a server."""


class BadBody(HttpError):
    """The value cannot be sent as JSON."""


class BadFile(HttpError):
    """A certificate's or key's file cannot be read."""

    def __init__(self, option: str, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.option = option


class NotReachable(HttpError):
    """Nothing answers: refused, no address, no answer in time, or the connection broke.

    `sent` tells that the request may have arrived.
    """

    def __init__(self, reason: str, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class TimedOut(NotReachable):
    """No answer in time."""


class TlsRefused(HttpError):
    """One of the two sides does not trust the other."""


class ProtocolError(HttpError):
    """What answers does not speak HTTP as it should."""


class RedirectRefused(HttpError):
    """The answer is a redirect that is not followed: to another host or path, from HTTPS to HTTP, or in a circle."""

    def __init__(self, target: str, circle: bool = False) -> None:
        super().__init__("redirects in a circle" if circle else f"redirects to {target}")
        self.target = target
        self.circle = circle


@dataclass
class Response:
    """A whole answer."""

    status: int
    headers: Message
    body: bytes
    url: str
    # An earlier try of the request may have arrived, and be what the server answers about.
    may_be_duplicate: bool = False

    @property
    def text(self) -> str:
        """The body as text."""
        try:
            return self.body.decode(self.headers.get_content_charset() or "utf-8", "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; ValueError if it is not."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Retries:
    """When a request is repeated. A repeated write may meet its own first try, so only some callers want this.

    `also` are answers of a server that has done nothing. `connect_tries` count instead of `tries` if no connection
    comes about, as while the server restarts.
    """

    tries: int = 1
    pause_seconds: float = 0.2
    longest_pause_seconds: float = 30.0
    statuses: tuple[int, ...] = (429, 502, 503, 504)
    also: Optional[Callable[[Response], bool]] = None
    connect_tries: int = 1

    def again(self, answer: Response) -> bool:
        """Whether another try may do after this answer."""
        return answer.status in self.statuses or bool(self.also and self.also(answer))

    def pause(self, attempt: int, answer: Optional[Response]) -> float:
        """Seconds to wait after a try, numbered from 1: longer each time, or as long as the server asks for."""
        growing = self.pause_seconds * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.5)
        return min(max(growing, retry_after(answer.headers) if answer else 0.0), self.longest_pause_seconds)


@dataclass(frozen=True)
class _Request:
    """A request as it is sent; each redirect and retry sends it again."""

    method: str
    path: str
    body: Union[bytes, Iterable[bytes], None]
    headers: dict[str, str]
    timeout: float


class Stream:
    """An answer that is read piece by piece, each within the time-out."""

    def __init__(self, answer: http.client.HTTPResponse, url: str) -> None:
        self.status = answer.status
        self.headers: Message = answer.headers
        self.url = url
        self._answer = answer

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes."""
        while True:
            try:
                chunk = self._answer.read1(CHUNK_BYTES)
                if not chunk and self._answer.length:
                    raise http.client.IncompleteRead(b"", self._answer.length)
            except (OSError, http.client.HTTPException) as error:
                raise _translated(error, sent=True) from error
            if not chunk:
                return
            yield chunk

    def read(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks())

    def lines(self) -> Iterator[Any]:
        """The body as JSON, a document on each line."""
        rest = b""
        for chunk in self.chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (_json_line(line) for line in lines if line.strip())
        if rest.strip():
            yield _json_line(rest)


class Options(TypedDict):
    """The options that all modules with a server have."""

    url: str
    token: Optional[str]
    validate_certs: bool
    ca_path: Optional[str]
    client_cert: Optional[str]
    client_key: Optional[str]
    timeout: int
    use_proxy: bool


class Client:
    """One server, at a base URL to which paths are added. It keeps one connection open, and is for one thread.

    `timeout` is the longest silence in seconds. `redirects` is how many redirects of a request it follows: on the
    same host, never from HTTPS to HTTP, with the same method, body and path. `url` moves to where the server is.
    `count` is the number of requests sent. With `trusts_system`, the system's authorities count beside `ca_path`.
    """

    def __init__(
        self,
        url: str,
        *,
        unix_socket: str = "",
        timeout: float = 10.0,
        connect_timeout: Optional[float] = None,
        ca_path: Optional[str] = None,
        trusts_system: bool = False,
        validate_certs: bool = True,
        client_cert: Optional[str] = None,
        client_key: Optional[str] = None,
        username: Optional[str] = None,
        password: Optional[str] = None,
        token: Optional[str] = None,
        headers: Optional[Mapping[str, str]] = None,
        use_proxy: bool = False,
        redirects: int = 0,
        retries: Retries = Retries(),
    ) -> None:
        split = _split(url)
        self.url = _without_login(split)
        self.count = 0
        self._unix_socket = unix_socket
        self._timeout = timeout
        self._connect_timeout = timeout if connect_timeout is None else connect_timeout
        self._tls = _TlsOptions(ca_path, trusts_system, validate_certs, client_cert, client_key)
        self._context: Optional[ssl.SSLContext] = None
        self._headers = {"Accept-Encoding": "gzip, deflate", **(headers or {})}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {_token(token)}"
        elif username is not None:
            self._headers["Authorization"] = _basic(username, password or "")
        elif split.username is not None:
            self._headers["Authorization"] = _basic(unquote(split.username), unquote(split.password or ""))
        self._use_proxy = use_proxy and not unix_socket
        self._redirects = redirects
        self._retries = retries
        self._kept: Optional[_Connection] = None
        self._sent_twice = False

    @classmethod
    def of_module(
        cls,
        options: Options,
        username: Optional[str],
        password: Optional[str],
        headers: Mapping[str, str],
        redirects: int = 0,
    ) -> Client:
        """The client that a module's options ask for. Raises BadUrl or BadToken."""
        return cls(
            options["url"],
            timeout=options["timeout"],
            ca_path=options["ca_path"],
            validate_certs=options["validate_certs"],
            client_cert=options["client_cert"],
            client_key=options["client_key"],
            username=username,
            password=password,
            token=options["token"],
            headers=headers,
            use_proxy=options["use_proxy"],
            redirects=redirects,
        )

    @property
    def proxy(self) -> str:
        """Address of the proxy through which requests go, without its credentials. Empty without a proxy."""
        if not self._use_proxy:
            return ""
        split = _split(self.url)
        proxy = _proxy(split, *_host_and_port(split))
        return _without_login(proxy) if proxy else ""

    def beside(self) -> Client:
        """A client of the same server for another thread, with a connection of its own."""
        other = copy.copy(self)
        other.count, other._kept = 0, None
        return other

    def close(self) -> None:
        """Close the connection that is kept."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def request(
        self,
        method: str,
        path: str,
        body: Optional[bytes] = None,
        headers: Optional[Mapping[str, str]] = None,
        *,
        json_body: Any = None,
        timeout: Optional[float] = None,
        retries: Optional[Retries] = None,
    ) -> Response:
        """The whole answer to a request, whatever its status. Raises HttpError if no answer comes."""
        request = self._request(method, path, body, headers, json_body, timeout)
        policy = retries or self._retries
        attempt, may_have_arrived = 1, False
        self._sent_twice = False
        while True:
            answer = None
            try:
                answer = self._redirected(request)
                if attempt >= policy.tries or not policy.again(answer):
                    answer.may_be_duplicate = may_have_arrived or self._sent_twice
                    return answer
                may_have_arrived = may_have_arrived or not (policy.also and policy.also(answer))
            except NotReachable as error:
                if attempt >= (policy.tries if error.sent else max(policy.tries, policy.connect_tries)):
                    raise
                may_have_arrived = may_have_arrived or error.sent
            time.sleep(policy.pause(attempt, answer))
            attempt += 1

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        body: Union[bytes, Iterable[bytes], None] = None,
        headers: Optional[Mapping[str, str]] = None,
        *,
        json_body: Any = None,
        timeout: Optional[float] = None,
    ) -> Iterator[Stream]:
        """The answer to a request piece by piece, neither repeated nor redirected.

        Other requests may be made meanwhile. A body of pieces is sent as they come, in chunks if the headers name no
        Content-Length.
        """
        request = self._request(
            method, path, body, {**(headers or {}), "Accept-Encoding": "identity"}, json_body, timeout
        )
        connection, answer = self._exchange(request)
        try:
            yield Stream(answer, self.url + request.path)
        finally:
            if not answer.isclosed():
                connection.close()
            answer.close()
            self._keep(connection)

    def _request(
        self,
        method: str,
        path: str,
        body: Union[bytes, Iterable[bytes], None],
        headers: Optional[Mapping[str, str]],
        json_body: Any,
        timeout: Optional[float],
    ) -> _Request:
        sent = {**self._headers, **(headers or {})}
        if json_body is not None:
            body = _json_body(json_body)
            sent.setdefault("Content-Type", "application/json")
        path = quote(path, safe=_SAFE_IN_PATH)
        return _Request(method, path, body, sent, self._timeout if timeout is None else timeout)

    def _redirected(self, request: _Request) -> Response:
        for _redirect in range(self._redirects + 1):
            answer = self._answer(request)
            if answer.status not in _REDIRECTS or not self._redirects:
                return answer
            target = urljoin(answer.url, answer.headers.get("Location", ""))
            if answer.status == 303 and request.method not in ("GET", "HEAD"):
                raise RedirectRefused(target)
            self._move(target, request.path)
        raise RedirectRefused(self.url + request.path, circle=True)

    def _move(self, target: str, path: str) -> None:
        """Take the base of a redirect's target as the new base."""
        old = urlsplit(self.url)
        try:
            new = _split(target[: len(target) - len(path)])
        except BadUrl as error:
            raise RedirectRefused(target) from error
        is_downgrade = old.scheme == "https" and new.scheme == "http"
        if new.hostname != old.hostname or is_downgrade or not target.endswith(path):
            raise RedirectRefused(target)
        self.url = _without_login(new)

    def _answer(self, request: _Request) -> Response:
        connection, answer = self._exchange(request)
        try:
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise _translated(error, sent=True) from error
        self._keep(connection)
        content = _decoded(content, answer.headers.get("Content-Encoding", ""))
        return Response(answer.status, answer.headers, content, self.url + request.path)

    def _exchange(self, request: _Request) -> tuple[_Connection, http.client.HTTPResponse]:
        split = _split(self.url)
        target = quote(split.path, safe=_SAFE_IN_PATH) + request.path
        host = split.netloc if split.netloc.isascii() else split.netloc.encode("idna").decode()
        headers = {"Host": host, **request.headers}
        in_one_piece = request.body is None or isinstance(request.body, bytes)
        while True:
            connection, was_kept = self._connected(split, request.timeout)
            self.count += 1
            through_proxy = connection.proxy_login is not None
            try:
                with _answer_before_end(in_one_piece):
                    connection.request(
                        request.method,
                        f"{split.scheme}://{host}{target}" if through_proxy else target,
                        body=request.body,
                        headers={**headers, **(connection.proxy_login or {})},
                    )
                return connection, connection.getresponse()
            except (OSError, http.client.HTTPException, ValueError) as error:
                connection.close()
                # A server may close a kept connection at any moment. What changes nothing twice is sent again.
                idempotent = in_one_piece and request.method in _IDEMPOTENT
                if was_kept and idempotent and isinstance(error, (ConnectionError, ssl.SSLEOFError)):
                    self._sent_twice = True
                    continue
                raise _translated(error, sent=True) from error

    def _connected(self, split: SplitResult, timeout: float) -> tuple[_Connection, bool]:
        """A connection to the server, and whether it was used before."""
        kept, self._kept = self._kept, None
        origin = (split.scheme, split.netloc)
        if kept is not None:
            if kept.origin == origin and kept.sock is not None and not _readable(kept.sock):
                kept.sock.settimeout(timeout)
                return kept, True
            kept.close()
        fresh = _Connection(split.hostname or "", origin)
        try:
            self._open(fresh, split)
        except HttpError:
            fresh.close()
            raise
        except (OSError, http.client.HTTPException) as error:
            fresh.close()
            raise _translated(error, sent=False) from error
        fresh.sock.settimeout(timeout)
        return fresh, False

    def _open(self, connection: _Connection, split: SplitResult) -> None:
        host, port = _host_and_port(split)
        proxy = _proxy(split, host, port) if self._use_proxy else None
        if self._unix_socket:
            connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.sock.settimeout(self._connect_timeout)
            connection.sock.connect(self._unix_socket)
        else:
            address = (proxy.hostname or "", proxy.port or 80) if proxy else (host, port)
            connection.sock = socket.create_connection(address, self._connect_timeout)
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        login = {}
        if proxy and proxy.username is not None:
            login = {"Proxy-Authorization": _basic(unquote(proxy.username), unquote(proxy.password or ""))}
        if proxy and split.scheme == "http":
            connection.proxy_login = login
        if split.scheme == "https":
            if proxy:
                _tunnel(connection.sock, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", login)
            if self._context is None:
                self._context = self._tls.context()
            connection.sock = self._context.wrap_socket(connection.sock, server_hostname=host)

    def _keep(self, connection: _Connection) -> None:
        if connection.sock is not None:
            self.close()
            self._kept = connection


class _Connection(http.client.HTTPConnection):
    """A connection that its client opens. `proxy_login` is not None if a proxy takes whole URLs."""

    def __init__(self, host: str, origin: tuple[str, str]) -> None:
        super().__init__(host, 80)
        self.auto_open = 0
        self.origin = origin
        self.proxy_login: Optional[dict[str, str]] = None


@dataclass(frozen=True)
class _TlsOptions:
    ca_path: Optional[str]
    trusts_system: bool
    validate_certs: bool
    client_cert: Optional[str]
    client_key: Optional[str]

    def context(self) -> ssl.SSLContext:
        """How to speak TLS; raises BadFile."""
        trusts_system = self.validate_certs and (self.trusts_system or self.ca_path is None)
        context = ssl.create_default_context() if trusts_system else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Python 3.13 alone would refuse the authorities of many sites, for extensions that nothing else asks for.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not self.validate_certs:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        elif self.ca_path is not None:
            with _naming("ca_path", self.ca_path):
                if os.path.isdir(self.ca_path):
                    context.load_verify_locations(capath=self.ca_path)
                else:
                    context.load_verify_locations(self.ca_path)
        if self.client_cert:
            if self.client_key:
                # Python names no file in the error of load_cert_chain.
                with _naming("client_key", self.client_key):
                    os.stat(self.client_key)
            with _naming("client_cert", self.client_cert):
                # An empty password, as OpenSSL would ask the terminal for that of an encrypted key.
                context.load_cert_chain(self.client_cert, self.client_key, password="")
        return context


@contextmanager
def _naming(option: str, path: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        raise BadFile(option, path, f"not a PEM file that OpenSSL can use ({error.reason or error})") from error
    except OSError as error:
        raise BadFile(option, path, error.strerror or str(error)) from error


@contextmanager
def _answer_before_end(in_one_piece: bool) -> Iterator[None]:
    """A server that refuses a body of pieces closes the connection while they are sent: its answer tells why."""
    try:
        yield
    except (BrokenPipeError, ConnectionResetError):
        if in_one_piece:
            raise


def _split(url: str) -> SplitResult:
    """The parts of a base URL, without the slash at its end."""
    try:
        split = urlsplit(url)
        port_is_valid = split.port is None or split.port > 0
    except ValueError as error:
        # The text of this error has a part of the URL, which may be of a password.
        raise BadUrl("the host or port is missing or wrong") from error
    if split.scheme not in ("http", "https"):
        raise BadUrl("the scheme is neither http nor https")
    if not split.hostname or not port_is_valid or any(letter.isspace() or not letter.isprintable() for letter in url):
        raise BadUrl("the host or port is missing or wrong")
    if split.query or split.fragment:
        raise BadUrl("it has a query or a fragment")
    try:
        split.hostname.encode("idna")
    except UnicodeError as error:
        raise BadUrl("the host is not a valid name") from error
    return split._replace(path=split.path.rstrip("/"))


def redirect(url: str, answer: Stream) -> str:
    """The URL to which a server redirects a client without login; empty for another answer.

    Raises RedirectRefused if the redirect leaves TLS.
    """
    if answer.status not in _REDIRECTS:
        return ""
    target = urljoin(url, answer.headers.get("Location", ""))
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
        raise RedirectRefused(shown_url(target))
    return target


def shown_url(url: str) -> str:
    """What a person may see of a URL, which may be malformed: no login and no query, since either may be a secret."""
    login, at_sign, host = url.rpartition("@")
    if re.search("[?#]", login):
        # A password may have these letters, and the query of a URL an at sign: where the secret ends is not known.
        return "***"
    scheme = login[: login.find("//") + 2] if "//" in login else ""
    return re.split("[?#]", f"{scheme}***@{host}" if at_sign else host)[0]


def _host_and_port(split: SplitResult) -> tuple[str, int]:
    return split.hostname or "", split.port or (443 if split.scheme == "https" else 80)


def _without_login(split: SplitResult) -> str:
    return split._replace(netloc=split.netloc.rpartition("@")[2]).geturl()


def _json_body(value: Any) -> bytes:
    """The value as JSON, which has neither NaN nor infinity."""
    try:
        return json.dumps(value, allow_nan=False).encode()
    except ValueError as error:
        raise BadBody("a number is NaN or infinite, which JSON does not have") from error


def _token(given: str) -> str:
    """The token, without the end of line that files have."""
    token = given.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise BadToken("empty, or with characters that no token has")
    return token


def _basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _proxy(split: SplitResult, host: str, port: int) -> Optional[SplitResult]:
    """The environment's proxy for a server; None if there is no proxy, or no_proxy names the server."""
    # On macOS, getproxies() would ask the system's settings too, and proxy_bypass() takes the host alone.
    from urllib.request import getproxies_environment, proxy_bypass

    proxies = getproxies_environment()
    given = proxies.get(split.scheme) or proxies.get("all") or ""
    if not given or proxy_bypass(f"{host}:{port}"):
        return None
    proxy = _split(given if "://" in given else f"http://{given}")
    if proxy.scheme != "http":
        raise BadUrl("the proxy of the environment is not an http:// one")
    return proxy


def _tunnel(sock: socket.socket, server: str, login: Mapping[str, str]) -> None:
    lines = [f"CONNECT {server} HTTP/1.1", f"Host: {server}", *(f"{name}: {value}" for name, value in login.items())]
    sock.sendall("\r\n".join([*lines, "", ""]).encode())
    answer = http.client.HTTPResponse(sock, method="CONNECT")
    try:
        answer.begin()
        if answer.status != 200:
            raise OSError(f"the proxy answers {answer.status} {answer.reason}")
    finally:
        answer.close()


def _readable(sock: socket.socket) -> bool:
    """Whether a connection that waits for no answer has something to read, which is its end."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _translated(error: Exception, sent: bool) -> HttpError:
    """The error of the standard library as one of ours."""
    if isinstance(error, ConnectionRefusedError):
        return NotReachable("connection refused", False)
    if isinstance(error, socket.timeout):
        return TimedOut("no answer in time", sent)
    if isinstance(
        error, (http.client.RemoteDisconnected, http.client.IncompleteRead, ssl.SSLEOFError, ssl.SSLZeroReturnError)
    ):
        return NotReachable("the connection was closed before the end of the answer", sent)
    if isinstance(error, ssl.SSLError):
        return TlsRefused(str(error))
    if isinstance(error, OSError):
        return NotReachable(error.strerror or str(error), sent)
    if isinstance(error, http.client.HTTPException):
        return ProtocolError(f"no HTTP answer ({type(error).__name__})")
    # The text of this error has the header, which may be a secret.
    return ProtocolError("a header of the request has characters that HTTP does not allow")


def _decoded(content: bytes, encoding: str) -> bytes:
    """The content as it was before it was compressed."""
    if encoding.lower() not in ("gzip", "x-gzip", "deflate") or not content:
        return content
    try:
        unpacked = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            text = unpacked.decompress(content)
        except zlib.error:
            unpacked = zlib.decompressobj(-zlib.MAX_WBITS)
            text = unpacked.decompress(content)
    except zlib.error as error:
        raise ProtocolError(f"the answer is not {encoding} as it says") from error
    if not unpacked.eof:
        raise NotReachable(f"the answer's {encoding} ends too early", sent=True)
    return text


def retry_after(headers: Message) -> float:
    """Seconds that the server asks to wait, which it may say as a date; 0 if it asks for none."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked)
    try:
        return parsedate_to_datetime(asked).timestamp() - time.time()
    except (TypeError, ValueError, IndexError):
        return 0.0


def _json_line(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ProtocolError("a line of the answer is not JSON") from error
