"""The deployed stack as the tests of all molecule scenarios see it: hosts, Prometheus, Grafana, and a way to run
playbooks.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.lab import hosts, shell

ROOT = Path(__file__).resolve().parents[1]
LAB_NAME = os.environ.get("LAB_NAME", "molecule")
LAB = ROOT / ".lab" / LAB_NAME
INVENTORY = LAB / "inventory.yml"
PASSWORD_FILE = LAB / "grafana_admin_password"
SECRETS = LAB / "secrets"

PANELS = {
    "Docker Container Memory Usage (MB)": 'sum(container_memory_usage_bytes{image!=""}) by (name) / 1024 / 1024',
    "GPU Utilization": "DCGM_FI_DEV_GPU_UTIL",
    "GPU Memory Usage (MB)": "DCGM_FI_DEV_FB_USED / 1024",
    "Docker Container CPU Usage (Cores)": 'sum(rate(container_cpu_usage_seconds_total{image!=""}[5m])) by (name)',
}
SERVICES = {
    "monitor1": ["alertmanager", "grafana", "node-exporter", "prometheus"],
    "gpu1": ["cadvisor", "cadvisor-proxy", "container-gpu-collector", "dcgm-exporter", "node-exporter"],
    "gpu2": ["cadvisor", "cadvisor-proxy", "container-gpu-collector", "dcgm-exporter", "node-exporter"],
}

# What Prometheus scrapes: jobs and hosts.
TARGETS = {
    *((job, name) for job in ("cadvisor", "nvidia-gpu", "node") for name in ("gpu1", "gpu2")),
    *((job, "monitor1") for job in ("alertmanager", "node", "prometheus")),
}


def wait_until(condition: Callable[[], Any], problem: str | Callable[[], str], seconds: float = 60) -> Any:
    """The first true answer of `condition`, or a failure with `problem`.

    Refused connections, refusals of a service that starts and failed commands count as not yet.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = condition()
        except (requests.ConnectionError, requests.HTTPError, requests.Timeout, shell.LabError):
            answer = None
        if answer:
            return answer
        assert time.monotonic() < deadline, f"after {seconds:.0f} s: {problem() if callable(problem) else problem}"
        time.sleep(0.5)


def on(name: str, command: str) -> str:
    """Output of a command on a host of the lab."""
    return shell.run("docker", "exec", hosts.container(LAB_NAME, name), "bash", "-c", command)


def image() -> str:
    """An image of the lab's registry that has a shell."""
    variables = yaml.safe_load(INVENTORY.read_text())["all"]["vars"]
    return f"{variables['gpu_monitoring_registry']}/grafana/grafana:{variables['grafana_version']}"


def reboot(name: str) -> None:
    """Boot a host of the lab again and wait until its engine answers."""
    container = hosts.container(LAB_NAME, name)
    shell.run("docker", "restart", "--time", "30", container)
    wait_until(lambda: shell.succeeds("docker", "exec", container, "docker", "info"), f"the engine of {name}")


@contextlib.contextmanager
def unreachable(name: str) -> Iterator[None]:
    """As if the cable of a host of the lab were out."""
    iptables = ["docker", "exec", hosts.container(LAB_NAME, name), "iptables", "--table", "raw"]
    cable = ["PREROUTING", "--in-interface", "eth0", "--jump", "DROP"]
    shell.run(*iptables, "--insert", *cable)
    try:
        yield
    finally:
        shell.run(*iptables, "--delete", *cable)


def container_state(name: str, container: str) -> dict[str, Any]:
    """The state of a container, from the engine of its host."""
    return json.loads(on(name, f"docker inspect --format '{{{{json .State}}}}' {container}"))


@dataclass
class Run:
    """A finished ansible-playbook."""

    code: int
    output: str

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """Counts of the closing recap: host, then ok, changed, failed and so on."""
        lines = re.findall(r"^(\S+)\s+: (ok=.*)$", self.output.partition("PLAY RECAP")[2], re.MULTILINE)
        return {host: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", counts)} for host, counts in lines}

    @property
    def error(self) -> str:
        """The text of what failed, white space folded."""
        return re.sub(
            r"\s+",
            " ",
            "\n".join(
                line for line in self.output.splitlines() if not line.startswith(("ok:", "changed:", "skipping:"))
            ),
        )


def run_playbook(
    playbook: Path,
    *arguments: str,
    inventory: Path = INVENTORY,
    python: str = sys.executable,
    variables: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
) -> Run:
    """Run a playbook as a user does."""
    given = json.dumps({"grafana_admin_password_file": str(PASSWORD_FILE), **(variables or {})})
    complete_environment = {
        **os.environ,
        **(environment or {}),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_INJECT_FACT_VARS": "false",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
    }
    command = [
        str(Path(python).parent / "ansible-playbook"),
        f"--inventory={inventory}",
        f"--extra-vars={given}",
        *arguments,
        str(playbook),
    ]
    done = subprocess.run(
        command,
        env=complete_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    return Run(done.returncode, done.stdout)


def trusting(username: str, password_file: Path) -> requests.Session:
    """A session that trusts the lab's private authority alone, with the password in the file."""
    session = requests.Session()
    session.trust_env = False
    session.verify = str(SECRETS / "ca" / "ca.crt")
    session.auth = (username, password_file.read_text().strip())
    return session


class Server:
    """A server that takes the password of Prometheus, over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = trusting("prometheus", SECRETS / "prometheus_password")

    def answer(self, path: str, **parameters: Any) -> requests.Response:
        answer = self.session.get(f"{self.url}/{path}", params=parameters, timeout=10)
        answer.raise_for_status()
        return answer


class Prometheus(Server):
    """The running Prometheus, over its HTTP API."""

    def get(self, path: str, **parameters: Any) -> Any:
        return self.answer(f"api/v1/{path}", **parameters).json()["data"]

    def query(self, expression: str, **parameters: Any) -> list[dict[str, Any]]:
        return self.get("query", query=expression, **parameters)["result"]

    def health(self) -> dict[tuple[str, str], str]:
        """Health of each target by job and host."""
        return {
            (target["labels"]["job"], target["labels"]["host"]): target["health"]
            for target in self.get("targets")["activeTargets"]
        }


class Alertmanager(Server):
    """The running Alertmanager, over its HTTP API."""

    def get(self, path: str, **parameters: Any) -> Any:
        return self.answer(f"api/v2/{path}", **parameters).json()

    def alerts(self, **labels: str) -> list[dict[str, Any]]:
        """The alerts with these labels, also those that are suppressed."""
        return self.get("alerts", filter=[f'{label}="{value}"' for label, value in labels.items()])

    def metrics(self) -> str:
        """Its own metrics as text."""
        return self.answer("metrics").text

    def silences(self) -> list[dict[str, Any]]:
        """The silences that have not ended."""
        return [silence for silence in self.get("silences") if silence["status"]["state"] != "expired"]


class Grafana:
    """The running Grafana stand-in, or a real one, over its HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = trusting("admin", PASSWORD_FILE)

    def get(self, path: str) -> Any:
        answer = self.session.get(f"{self.url}{path}", timeout=10)
        answer.raise_for_status()
        return answer.json()

    def dashboard(self) -> dict[str, Any]:
        return self.get("/api/dashboards/uid/ml-system-monitoring")

    def frames(self, expression: str) -> list[dict[str, Any]]:
        """The data frames that a panel with this query would draw."""
        query = {
            "refId": "A",
            "datasource": {"type": "prometheus", "uid": "prometheus"},
            "expr": expression,
            "instant": True,
            "range": False,
        }
        answer = self.session.post(
            f"{self.url}/api/ds/query", json={"queries": [query], "from": "now-5m", "to": "now"}, timeout=10
        )
        answer.raise_for_status()
        return [frame for frame in answer.json()["results"]["A"]["frames"] if frame["data"]["values"]]
