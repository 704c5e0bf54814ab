"""Real servers as processes of this machine, on loopback."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from tests.rules.servers import wait_until


class Server:
    """A server with its data and its log in a folder, which can be stopped and started again."""

    def __init__(self, folder: Path, name: str, url: str, ready: str, command: list[str]) -> None:
        self.url = url
        self._log = folder / f"{name}.log"
        self._ready = url + ready
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._kept_port: socket.socket | None = None

    def start(self) -> None:
        """Start the program, and wait until it is ready."""
        if self._kept_port:
            self._kept_port.close()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(self._is_ready, f"{' '.join(self._command[:2])} is not ready", 120)

    def stop(self) -> None:
        """End the program as an administrator does, and keep its port for a later start."""
        assert self._process
        self._process.terminate()
        self._process.wait(timeout=120)
        # Nobody answers at a port that is bound alone. Another test would take a port that is free.
        host, port = self.url.removeprefix("http://").split(":")
        self._kept_port = socket.socket()
        self._kept_port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._kept_port.bind((host, int(port)))

    def kill(self) -> None:
        """End the program at once, as a loss of its machine does."""
        assert self._process
        self._process.kill()
        self._process.wait(timeout=120)

    def answers(self) -> bool:
        """Whether the server is there."""
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(self._ready, timeout=10).ok
        return False

    def query(self, expression: str, at: float, **request: Any) -> list[tuple[dict[str, str], float]]:
        """The labels and the value of each series at a moment."""
        answer = self._ask("query", {"query": expression, "time": f"{at:.3f}"}, request)
        return [(sample["metric"], float(sample["value"][1])) for sample in answer]

    def query_range(
        self, expression: str, start: float, end: float, step: int, **request: Any
    ) -> list[tuple[dict[str, str], dict[float, float]]]:
        """The labels and the values of each series by time."""
        asked = {"query": expression, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": str(step)}
        answer = self._ask("query_range", asked, request)
        return [(series["metric"], {time: float(value) for time, value in series["values"]}) for series in answer]

    def names(self, **request: Any) -> list[str]:
        """The names of all metrics."""
        return list(requests.get(f"{self.url}/api/v1/label/__name__/values", timeout=60, **request).json()["data"])

    def own(self, name: str) -> list[float]:
        """The values of one of its own metrics."""
        lines = requests.get(f"{self.url}/metrics", timeout=60).text.splitlines()
        values = [float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name}{{", f"{name} "))]
        assert values, f"{self.url} has no metric {name}"
        return values

    def _ask(self, endpoint: str, asked: dict[str, str], request: dict[str, Any]) -> Any:
        response = requests.post(f"{self.url}/api/v1/{endpoint}", data=asked, timeout=600, **request)
        assert response.ok, response.text
        return response.json()["data"]["result"]

    def _is_ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self._log.read_text()[-3000:]
        return self.answers()


@contextlib.contextmanager
def running(*servers: Server) -> Iterator[None]:
    """Starts the servers, and ends them after the test."""
    with contextlib.ExitStack() as stack:
        for server in servers:
            stack.callback(_end, server)
            server.start()
        yield


def _end(server: Server) -> None:
    if server._process:
        server.kill()
