"""A real Prometheus on blocks that promtool makes of series, in a container of this machine's engine."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import requests

from tests.lab import images
from tests.lab.shell import run


def image() -> str:
    """Name of the image with Prometheus and promtool, built if it does not exist."""
    return images.build("prometheus", images.bases())


def promtool(folder: Path, *arguments: str) -> str:
    """Output of promtool in a folder; LabError with what it said if it fails."""
    user = f"{os.getuid()}:{os.getgid()}"
    start = [
        "docker",
        "run",
        "--rm",
        "--network",
        "none",
        "--tmpfs",
        "/tmp",
        "--user",
        user,
        "--volume",
        f"{folder}:/data",
        "--workdir",
        "/data",
    ]
    return run(*start, "--entrypoint", "promtool", image(), *arguments)


class Prometheus:
    """Asks a server; every answer is the list of its result. `seconds` is how long the last one took, from the question
    to the last byte.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.seconds = 0.0
        self._session = requests.Session()
        self._session.trust_env = False

    def query(self, expr: str, at: int) -> list[dict[str, Any]]:
        """The value of each series at a moment."""
        return self._ask("query", {"query": expr, "time": at})

    def query_range(self, expr: str, start: int, end: int, step: int) -> list[dict[str, Any]]:
        """The values of each series."""
        return self._ask("query_range", {"query": expr, "start": start, "end": end, "step": step})

    def version(self) -> str:
        """The server's version."""
        return str(self._session.get(f"{self.url}/api/v1/status/buildinfo", timeout=10).json()["data"]["version"])

    def _ask(self, endpoint: str, parameters: Mapping[str, str | int]) -> list[dict[str, Any]]:
        begin = time.perf_counter()
        response = self._session.post(f"{self.url}/api/v1/{endpoint}", data=parameters, timeout=60)
        self.seconds = time.perf_counter() - begin
        answer = response.json()
        if answer["status"] != "success":
            raise ValueError(f"{answer['error']}: {parameters['query']}")
        return answer["data"]["result"]


@contextlib.contextmanager
def served(blocks: Path, configuration: str = "{}\n") -> Iterator[Prometheus]:
    """A Prometheus that serves these blocks on a free port of loopback, for as long as it is needed. By default it
    scrapes nothing.
    """
    blocks.joinpath("prometheus.yml").write_text(configuration)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    start = [
        "docker",
        "run",
        "--detach",
        "--network",
        "host",
        "--user",
        f"{os.getuid()}:{os.getgid()}",
        "--volume",
        f"{blocks}:/data",
    ]
    options = ["--config.file=/data/prometheus.yml", "--storage.tsdb.path=/data", "--storage.tsdb.retention.time=100y"]
    container = run(*start, image(), *options, f"--web.listen-address={address}")
    try:
        server = Prometheus(f"http://{address}")
        _wait(server, container)
        yield server
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", container], stdout=subprocess.DEVNULL, check=True)


def _wait(server: Prometheus, container: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(f"{server.url}/-/ready", timeout=5).ok:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"Prometheus does not answer: {run('docker', 'logs', '--tail', '5', container)}")
        time.sleep(0.2)
