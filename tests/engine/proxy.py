"""A proxy before the Docker engine's socket: a test lets something happen at a request, or has the engine be gone."""

from __future__ import annotations

import http.client
import re
import socket
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ENGINE = "/var/run/docker.sock"
_CONTAINER = re.compile(r"/containers/([^/]+)(?:/(\w+))?$")


class Dropped(Exception):
    """The client gets no answer."""


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(ENGINE)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class EngineProxy:
    """Forwards requests; `before` and `after` are called with the words of each that changes something, and may raise
    Dropped.
    """

    def __init__(self, path: Path, service: str) -> None:
        self.url = f"unix://{path}"
        self.asked: list[str] = []
        self.before: Callable[[str], None] = lambda words: None
        self.after: Callable[[str], None] = lambda words: None
        self.gone = False
        self._service = service
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def address_string(self) -> str:
                return "unix"

            def log_message(self, *_arguments: Any) -> None:
                return

            def _forward(self) -> None:
                try:
                    proxy.forward(self)
                except Dropped:
                    self.close_connection = True

            do_GET = do_HEAD = do_POST = do_DELETE = _forward

        self._server = _Server(str(path), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def forward(self, handler: BaseHTTPRequestHandler) -> None:
        """Hand one request on and its answer back."""
        words = self._words(handler.command, handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        if words:
            self.asked.append(words)
            self.before(words)
        if self.gone:
            raise Dropped
        engine = _Connection("engine")
        engine.request(handler.command, handler.path, body, dict(handler.headers))
        answer = engine.getresponse()
        content = answer.read()
        engine.close()
        if words:
            self.after(words)
        handler.send_response(answer.status)
        handler.send_header("Content-Type", answer.getheader("Content-Type", "application/json"))
        if answer.status not in (204, 304):
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _words(self, method: str, path: str) -> str:
        """What a request changes, with `app` for the name of the service; empty if it only asks."""
        if method not in ("POST", "DELETE"):
            return ""
        url = urlsplit(path)
        named = parse_qs(url.query).get("name", [""])
        match = _CONTAINER.search(url.path)
        container, action = (match[1], match[2]) if match else ("", url.path)
        parts = ["create", *named] if container == "create" else [action or "remove", container, *named]
        return " ".join(parts).strip().replace(self._service, "app")
