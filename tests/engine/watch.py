"""A client of the service under test: how long it got no answer, and what it gets now."""

from __future__ import annotations

import http.client
import socket
import threading
import time

from tests.engine.fleet import wait_until

POLL_SECONDS = 0.02


def free_port() -> int:
    """A port of the loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Watch:
    """Asks for a page again and again."""

    def __init__(self, port: int, path: str = "/loaded") -> None:
        self._port, self._path = port, path
        self._longest, self._since = 0.0, None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def answer(self) -> str | None:
        """The page as it is now; None if there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", self._path)
            answer = connection.getresponse()
            return answer.read().decode() if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def healthy(self, seconds: float = 20) -> str:
        """Wait for an answer and return it."""
        return wait_until(self.answer, "the service answers", seconds)

    def begin(self) -> None:
        """Forget what was measured."""
        self._longest, self._since = 0.0, None

    def longest(self) -> float:
        """Seconds of the longest time without an answer since begin(), for a service that answers now."""
        self.healthy()
        wait_until(lambda: self._since is None, "the client sees that the service answers")
        return self._longest

    def stop(self) -> None:
        """Ask no more."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            asked = time.monotonic()
            if self.answer() is None:
                self._since = self._since or asked
            elif self._since:
                self._longest, self._since = max(self._longest, time.monotonic() - self._since), None
