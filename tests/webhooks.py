"""A receiver of Alertmanager's webhooks that keeps what arrives."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass(frozen=True)
class Notification:
    """A message of Alertmanager, and when it arrived by time.monotonic()."""

    content: dict[str, Any]
    arrived: float = field(default_factory=time.monotonic)

    def names(self, status: str) -> set[str]:
        """Names of its alerts that are `firing`, or `resolved`."""
        return {alert["labels"]["alertname"] for alert in self.content["alerts"] if alert["status"] == status}


@contextlib.contextmanager
def webhook(
    status: int = 200, address: str = "127.0.0.1", unavailable: int = 0
) -> Iterator[tuple[str, list[Notification]]]:
    """The URL of a receiver on an address of this machine, and the notifications that it got.

    The receiver answers the first `unavailable` notifications with 503, after which Alertmanager sends again.
    """
    notifications: list[Notification] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            notifications.append(Notification(content))
            self.send_response(503 if len(notifications) <= unavailable else status)
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            return

    server = ThreadingHTTPServer((address, 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://{address}:{server.server_port}/", notifications
    finally:
        server.shutdown()
        server.server_close()
