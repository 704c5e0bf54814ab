"""Simulated exporters of GPU hosts: the series that the dashboards read, with a new value at each scrape."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.dashboards import series

JOBS = {
    "cadvisor": "prometheus_cadvisor_targets",
    "nvidia-gpu": "prometheus_gpu_targets",
    "node": "prometheus_node_targets",
}
GPUS, CONTAINERS, CORES = 8, 30, 64
# Labels that Prometheus adds to those of an exporter.
OF_TARGET = ("host", "job", "instance")


class Exporter:
    """What one exporter of a host answers."""

    def __init__(self, of_job: Sequence[series.Series]) -> None:
        self._series = [
            (series.Series(one.name, tuple(label for label in one.labels if label[0] not in OF_TARGET)).key(), one)
            for one in of_job
        ]

    def answer(self, now: float) -> str:
        """The text of /metrics."""
        return "".join(f"{key} {_value(one, now):.10g}\n" for key, one in self._series)


def _value(one: series.Series, now: float) -> float:
    return random.uniform(one.low, one.high) if one.rate is None else one.rate * (now % 10**7)


def _host(host: str) -> dict[str, Exporter]:
    """The exporters of a host by job. What Prometheus records itself is left out."""
    given = [(f"training-{gpu}", gpu) for gpu in range(GPUS)]
    all_series = [
        *series.gpu_host(host, GPUS),
        *series.containers(host, CONTAINERS),
        *series.gpu_containers(host, given, usage=True),
        *series.machine(host, CORES),
    ]
    by_job: dict[str, list[series.Series]] = {job: [] for job in JOBS}
    for one in all_series:
        job = dict(one.labels).get("job", "")
        if job in by_job and one.name != "up":
            by_job[job].append(one)
    return {job: Exporter(of_job) for job, of_job in by_job.items()}


@contextlib.contextmanager
def fleet(hosts: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Serves the exporters of all hosts on one port of loopback; yields the targets as variables of the role."""
    exporters = {f"/{job}/{host}": exporter for host in hosts for job, exporter in _host(host).items()}

    class Handler(BaseHTTPRequestHandler):
        # Prometheus keeps its connections.
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            content = exporters[self.path].answer(time.time()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_arguments: object) -> None:
            """Be silent: Prometheus gives up slow scrapes."""

    server = Server(("127.0.0.1", 0), Handler)
    address = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {
            variable: [
                {"targets": [address], "labels": {"host": host, "__metrics_path__": f"/{job}/{host}"}} for host in hosts
            ]
            for job, variable in JOBS.items()
        }
    finally:
        server.shutdown()
        server.server_close()
