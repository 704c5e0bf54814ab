"""A fleet without hosts: small exporters of the tests on the loopback, scraped by a real Prometheus in a container,
drawn by the Grafana stand-in.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import docker
import requests
from werkzeug.serving import make_server

from tests.engine.image import PREFIX
from tests.lab import images

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab" / "images" / "grafana"))

from stand_in.app import create_app
from stand_in.store import Store

GPUS = {"gpu1": ["GPU-a0", "GPU-a1"], "gpu2": ["GPU-b0"]}
CONTAINERS = ["cadvisor", "training"]
PASSWORD = "pw-of-the-test"


class Exporter:
    """An HTTP server with the metrics that `text` makes at each scrape."""

    def __init__(self, text: Callable[[], str]) -> None:
        self.text = text
        self.port = 0
        self._http: ThreadingHTTPServer | None = None
        self.start()

    def start(self) -> None:
        """Listen, on the same port as before."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = outer.text().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_arguments: Any) -> None:
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._http.server_port
        Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Stop listening, so that connections are refused."""
        if self._http:
            self._http.shutdown()
            self._http.server_close()
            self._http = None


class Host:
    """What one host has, and exporters that tell it; a test takes things away or has them lie."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.exporters = {
            "cadvisor": Exporter(self._cadvisor),
            "nvidia-gpu": Exporter(self._dcgm),
            "node": Exporter(self._node),
        }
        self.reset()

    def reset(self) -> None:
        """Everything is well."""
        self.gpus, self.containers = list(GPUS[self.name]), list(CONTAINERS)
        self.mig: dict[str, int] = {}
        self.labelled, self.skew = True, 0.0
        self.collected_at: float | None = None
        self.gpus_of_containers: dict[str, str] = {}
        self.frozen: dict[str, float] = {}
        for exporter in self.exporters.values():
            exporter.stop()
            exporter.start()

    def freeze(self, job: str) -> None:
        """The exporter still answers, always with the values of this moment."""
        self.frozen[job] = time.time()

    def _now(self, job: str) -> float:
        return self.frozen.get(job) or time.time()

    def _dcgm(self) -> str:
        lines = []
        for number, uuid in enumerate(self.gpus):
            for instance in range(self.mig.get(uuid, 0)) or [None]:
                labels = f'gpu="{number}",UUID="{uuid}"' + ("" if instance is None else f',GPU_I_ID="{instance}"')
                lines += [f"DCGM_FI_DEV_GPU_UTIL{{{labels}}} 50"] if instance is None else []
                lines.append(f"DCGM_FI_DEV_SM_CLOCK{{{labels}}} 1410")
                lines.append(f"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{labels}}} {self._now('nvidia-gpu') * 1000:.0f}")
        return "\n".join(lines) + "\n"

    def _cadvisor(self) -> str:
        now = self._now("cadvisor")
        stamp = f"{(now + self.skew) * 1000:.0f}"
        # As the real one: without the engine's socket it knows the root alone.
        sets = ['id="/",name="",image=""']
        sets += (
            [f'id="/docker/{name}",name="{name}",image="image-of-{name}"' for name in self.containers]
            if self.labelled
            else []
        )
        values = {
            "container_last_seen": now,
            "container_cpu_usage_seconds_total": now,
            "container_memory_usage_bytes": 1e8,
        }
        return "".join(f"{metric}{{{labels}}} {value} {stamp}\n" for metric, value in values.items() for labels in sets)

    def _node(self) -> str:
        lines = [f"node_time_seconds {time.time() + self.skew}"]
        if self.collected_at:
            lines.append(f"container_gpu_collector_last_success_timestamp_seconds {self.collected_at + self.skew}")
        for container, uuid in self.gpus_of_containers.items():
            labels = f'id="/system.slice/docker-{container}.scope",UUID="{uuid}",GPU_I_ID="",via="cdi"'
            lines.append(f"container_gpu_info{{{labels}}} 1")
        return "\n".join(lines) + "\n"


class Prometheus:
    """A real one in a container, on a loopback port, with a volume of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._folder, self._port = folder, port
        self._name = f"{PREFIX}-prometheus"
        self._image = prometheus_image()
        self._api = docker.APIClient(version="auto")
        folder.chmod(0o755)

    def configure(self, targets: dict[str, dict[str, int]], interval: str = "1s") -> None:
        """Write the configuration: for each job the port of each host."""
        jobs = [
            {
                "job_name": job,
                "track_timestamps_staleness": job == "cadvisor",
                "static_configs": [
                    {"targets": [f"127.0.0.1:{port}"], "labels": {"host": host}} for host, port in ports.items()
                ],
            }
            for job, ports in targets.items()
        ]
        glob = {"scrape_interval": interval, "scrape_timeout": interval}
        (self._folder / "prometheus.yml").write_text(json.dumps({"global": glob, "scrape_configs": jobs}))

    def reload(self) -> None:
        """Take the configuration."""
        requests.post(f"{self.url}/-/reload", timeout=10).raise_for_status()

    def hosts(self) -> set[str]:
        """The hosts that are scraped."""
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": "up"}, timeout=10).json()
        return {sample["metric"]["host"] for sample in answer["data"]["result"]}

    def backfill(self, moment: float) -> None:
        """Put a sample of an earlier moment into the volume."""
        (self._folder / "old.txt").write_text(f"# TYPE old gauge\nold 1 {moment:.0f}\nold 1 {moment + 60:.0f}\n# EOF\n")
        self._docker("run", "--rm", "--network", "none", "--tmpfs", "/tmp", "--entrypoint", "/bin/promtool",
                     *self._mounts(), self._image, "tsdb", "create-blocks-from", "openmetrics",
                     "/etc/prometheus/old.txt", "/prometheus")  # fmt: skip

    def start(self) -> None:
        """Run it and wait until it is ready."""
        self._docker("run", "--detach", "--name", self._name, "--network", "host", *self._mounts(), self._image,
                     "--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus",
                     "--web.enable-lifecycle", f"--web.listen-address=127.0.0.1:{self._port}")  # fmt: skip
        wait_until(self._ready, "Prometheus is ready")

    def remove(self) -> None:
        """Remove it with its volume."""
        self._docker("rm", "--force", self._name)
        self._docker("volume", "rm", "--force", self._name)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def _mounts(self) -> list[str]:
        return ["--volume", f"{self._folder}:/etc/prometheus:ro", "--volume", f"{self._name}:/prometheus"]

    def _docker(self, *arguments: str) -> None:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


class Grafana:
    """The stand-in, which asks the real Prometheus what panels ask."""

    def __init__(self, prometheus_url: str) -> None:
        self._http = make_server("127.0.0.1", 0, create_app(Store(), "admin", PASSWORD), threaded=True)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        source = {
            "uid": "prometheus",
            "name": "Prometheus",
            "type": "prometheus",
            "access": "proxy",
            "url": prometheus_url,
            "isDefault": True,
        }
        self.api("POST", "/api/datasources", {**source, "jsonData": {"timeInterval": "1s"}})

    def api(self, method: str, path: str, body: Any = None) -> None:
        """One request as the administrator."""
        requests.request(method, self.url + path, json=body, auth=("admin", PASSWORD), timeout=10).raise_for_status()

    def save(self, uid: str, panels: dict[str, str | list[str]], all_hosts: bool = True) -> None:
        """A dashboard with a panel for each title and its queries, and a variable host: all at once, or one of them."""
        source = {"type": "prometheus", "uid": "prometheus"}
        built = []
        for number, (title, given) in enumerate(panels.items(), 1):
            targets = [
                {"refId": f"A{place}", "expr": query}
                for place, query in enumerate([given] if isinstance(given, str) else given)
            ]
            built.append({"id": number, "title": title, "type": "timeseries", "datasource": source, "targets": targets})
        host = {"name": "host", "type": "query", "query": "label_values(up, host)", "includeAll": all_hosts}
        model = {
            "uid": uid,
            "title": f"Title of {uid}",
            "panels": built,
            "templating": {"list": [host]},
            "time": {"from": "now-15m", "to": "now"},
        }
        self.api("POST", "/api/dashboards/db", {"dashboard": model, "overwrite": True})

    def stop(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()


def prometheus_image() -> str:
    """The lab's image of Prometheus, built if it does not exist."""
    return images.build("prometheus", images.bases())


def wait_until(condition: Callable[[], Any], problem: str | Callable[[], Any], seconds: float = 30) -> Any:
    """The first true answer of the condition."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, problem if isinstance(problem, str) else problem()
        time.sleep(0.2)
