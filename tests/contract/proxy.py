"""A proxy before the server under test, for any client. It counts requests and connections, and injects faults."""

from __future__ import annotations

import http.client
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

PREFIX = "ct-"
OF_ONE_CONNECTION = ("connection", "keep-alive", "transfer-encoding", "content-length", "date", "server")


class Dropped(Exception):
    """The connection is closed without an answer."""


class Reset(Dropped):
    """The connection is reset without an answer."""


@dataclass
class Answer:
    """An answer of the server or of a test. With `sent`, the connection is closed after so many bytes of the body."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    sent: int | None = None


Send = Callable[..., Answer]
Rule = Callable[[str, str, Send], "Answer | None"]


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    """An answer that no server gave."""
    kind, content = ("text/html", body) if isinstance(body, str) else ("application/json", json.dumps(body or {}))
    named = [(key.replace("_", "-"), value) for key, value in headers.items()]
    return Answer(status, content.encode(), [("Content-Type", kind), *named])


def cut(complete_answer: Answer) -> Answer:
    """The answer, whose body breaks off in the middle."""
    return Answer(
        complete_answer.status, complete_answer.body, complete_answer.headers, sent=len(complete_answer.body) // 2
    )


def uids(body: Any) -> set[str]:
    """The uids of the tests in the body of a request."""
    named = [body.get("uid"), (body.get("dashboard") or {}).get("uid")] if isinstance(body, dict) else []
    return {uid for uid in named if isinstance(uid, str) and uid.startswith(PREFIX)}


class Wire:
    """Hands requests on to a server, and those that a test has a rule for to the rule.

    A rule gets the method, the URL as the client wrote it, and a function that forwards the request. The default is the
    same path. It returns an answer, or None for the server's own, or raises Dropped or Reset.
    A URL of `listen` is also one of an HTTP proxy, which sends every request to the server.
    """

    def __init__(self, server: str) -> None:
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.connections: set[tuple[str, int]] = set()
        self.named: set[str] = set()
        self.rule: Rule | None = None
        self._server = urlsplit(server)
        self._listeners: list[ThreadingHTTPServer] = []

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path in self.requests if method != "GET"]

    def clear(self) -> None:
        self.requests.clear()
        self.bodies.clear()
        self.connections.clear()

    def listen(self) -> str:
        """The URL of another free port at which the proxy answers."""
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def log_message(self, *_arguments: Any) -> None:
                return

            def _handle(self) -> None:
                try:
                    wire.handle(self)
                except Dropped as dropped:
                    self.close_connection = True
                    if isinstance(dropped, Reset):
                        at_once = struct.pack("ii", 1, 0)
                        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
                        self.connection.close()

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

        listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self._listeners.append(listener)
        return f"http://127.0.0.1:{listener.server_port}"

    def stop(self) -> None:
        """Listen no more."""
        for listener in self._listeners:
            listener.shutdown()
            listener.server_close()

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        is_absolute = handler.path.startswith("http://")
        url = handler.path if is_absolute else f"http://{handler.headers['Host']}{handler.path}"
        content = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        body = json.loads(content) if content else {}
        self.requests.append((handler.command, urlsplit(url).path))
        self.bodies.append(body)
        self.connections.add(handler.client_address)
        self.named |= uids(body)

        def send(target: str = url) -> Answer:
            return self._forward(handler, target, content)

        given = self.rule(handler.command, url, send) if self.rule else None
        _write(handler, given if given is not None else send())

    def _forward(self, handler: BaseHTTPRequestHandler, target: str, content: bytes) -> Answer:
        kind = http.client.HTTPSConnection if self._server.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._server.netloc, timeout=30)
        path = self._server.path + target.removeprefix(f"http://{urlsplit(target).netloc}")
        headers = dict(handler.headers.items())
        headers = {key: value for key, value in headers.items() if key.lower() not in ("host", *OF_ONE_CONNECTION)}
        try:
            connection.request(handler.command, path, content or None, headers)
            received = connection.getresponse()
            passed_on = [(key, value) for key, value in received.getheaders() if key.lower() not in OF_ONE_CONNECTION]
            return Answer(received.status, received.read(), passed_on)
        finally:
            connection.close()


def _write(handler: BaseHTTPRequestHandler, given: Answer) -> None:
    handler.send_response(given.status)
    for key, value in given.headers:
        handler.send_header(key, value)
    handler.send_header("Content-Length", str(len(given.body)))
    handler.end_headers()
    handler.wfile.write(given.body[: given.sent])
    handler.close_connection = handler.close_connection or given.sent is not None
