"""The processes of the benchmark of a fleet: the real Prometheus with the role's files, VictoriaMetrics, and the
simulated hosts.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import trustme

from bench.simulated import addresses, served
from tests.lab import images
from tests.lab.shell import run
from tests.rules.servers import free_address, wait_until
from tests.unit.roles.rendering import fleet, service

ROOT = Path(__file__).resolve().parents[2]
MONITORING = "monitor1"
# Seconds between two scrapes, the default of the roles.
INTERVAL = 5
TICKS = os.sysconf("SC_CLK_TCK")
# Name of the lab's image, and the path of the program in it.
PROGRAMS = {
    "prometheus": ("prometheus", "/bin/prometheus"),
    "promtool": ("prometheus", "/bin/promtool"),
    "victoria_metrics": ("victoria_metrics", "/victoria-metrics-prod"),
}


def program(name: str) -> str:
    """Path of a program: that of the variable of this name in capitals, otherwise a copy from the lab's image."""
    if given := os.environ.get(name.upper()):
        return given
    folder, path = PROGRAMS[name]
    image = images.build(folder, images.bases())
    copy = ROOT / ".cache" / "bench" / "programs" / image.rpartition(":")[2] / name
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        container = run("docker", "create", image)
        run("docker", "cp", "--follow-link", f"{container}:{path}", str(copy))
        run("docker", "rm", container)
    return str(copy)


class Process:
    """A process that is running, and its data."""

    def __init__(self, pid: int, url: str, folder: Path) -> None:
        self.pid, self.url, self.folder = pid, url, folder

    def cpu(self) -> float:
        """Seconds of CPU time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> int:
        """Bytes of resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    def total(self, beginning: str) -> float:
        """The sum of its own series whose text begins so."""
        lines = requests.get(f"{self.url}/metrics", timeout=30).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(beginning))


@contextlib.contextmanager
def _running(
    command: list[str], folder: Path, url: str, ready: str, authority: str = "", **environment: str
) -> Iterator[Process]:
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    with (
        log.open("w") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **environment}) as started,
    ):
        try:

            def answers() -> bool:
                if started.poll() is not None:
                    raise RuntimeError(f"{command[0]} ended: {log.read_text()[-2000:]}")
                return requests.get(f"{url}{ready}", timeout=5, verify=authority or True).ok

            wait_until(answers, f"{command[0]} does not answer", 60)
            yield Process(started.pid, url, folder)
        finally:
            started.terminate()
            started.wait(60)


@dataclass(frozen=True)
class Site:
    """What the role puts on a monitoring host for a number of hosts."""

    hosts: int
    files: dict[str, str]
    command: list[str]
    memory: str
    # Of all simulated hosts.
    certificate: trustme.LeafCert

    @property
    def ports(self) -> dict[str, int]:
        """The port of each job's targets."""
        jobs = ("cadvisor", "nvidia-gpu", "node")
        targets = {job: json.loads(self.files[f"targets/{job}.json"])[0]["targets"][0] for job in jobs}
        return {job: int(target.rpartition(":")[2]) for job, target in targets.items()}


def site(hosts: int, write_to: str, folder: Path) -> Site:
    """The role's files for a fleet. The targets are the simulated hosts, without the monitoring host itself."""
    # Prometheus itself is asked without TLS, which the job of the role does not allow.
    own_job = {
        "job_name": "prometheus",
        "static_configs": [{"targets": ["127.0.0.1:9090"], "labels": {"host": MONITORING}}],
    }
    variables: dict[str, Any] = {"alertmanager_enabled": False, "prometheus_scrape_configs": [own_job]}
    if write_to:
        variables["prometheus_remote_write"] = [{"url": f"{write_to}/api/v1/write"}]
    gpu_hosts = {name: {"ansible_host": address} for name, address in addresses(hosts).items()}
    inventory = fleet(gpu_hosts, {MONITORING: {"ansible_host": "192.0.2.9"}}, variables)
    rendered = service("prometheus", "prometheus", inventory, MONITORING, folder)
    authority = trustme.CA()
    certificate = authority.issue_cert(*map(served, addresses(hosts).values()))
    files = {}
    for file in rendered["files"]:
        path, content = file["path"].rpartition("prometheus/")[2], file["content"]
        if path.startswith("targets/"):
            targets = [entry for entry in json.loads(content) if entry["labels"]["host"] != MONITORING]
            for entry in targets:
                entry["targets"] = [served(target) for target in entry["targets"]]
            content = json.dumps(targets)
        files[path] = content
    files["web/ca.crt"] = authority.cert_pem.bytes().decode()
    files["web/exporter_password"] = "a password of the benchmark"
    command = [option for option in rendered["command"] if not option.startswith("--web.config.file=")]
    return Site(hosts, files, command, rendered["memory"], certificate)


@contextlib.contextmanager
def simulator(given: Site, folder: Path) -> Iterator[Process]:
    """The simulated hosts."""
    place = folder / "simulator"
    place.mkdir(parents=True)
    certificate, authority = place / "certificate.pem", place / "ca.crt"
    given.certificate.private_key_and_cert_chain_pem.write_to_path(str(certificate))
    authority.write_text(given.files["web/ca.crt"])
    ports = [f"{job}={port}" for job, port in given.ports.items()]
    command = [sys.executable, "-m", "bench.simulated", "--hosts", str(given.hosts), "--ports", *ports]
    command += ["--certificate", str(certificate)]
    first = served(list(addresses(1).values())[0])
    url = f"https://{first}:{given.ports['node']}"
    with _running(command, place, url, "/metrics", str(authority), PYTHONPATH=str(ROOT)) as process:
        yield process


@contextlib.contextmanager
def prometheus(given: Site, folder: Path) -> Iterator[Process]:
    """The real Prometheus with the role's files and options."""
    config, data, address = folder / "config", folder / "prometheus", free_address()
    for path, content in given.files.items():
        place = config / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content.replace("127.0.0.1:9090", address))
    paths = {"--config.file": str(config / "prometheus.yml"), "--storage.tsdb.path": str(data)}
    options = [option.partition("=") for option in given.command]
    command = [f"{name}={paths.get(name, value)}" if equals else name for name, equals, value in options]
    # Only the benchmark asks for a snapshot, which says how much the samples take as a block.
    command += [f"--web.listen-address={address}", "--web.enable-admin-api"]
    with _running([program("prometheus"), *command], data, f"http://{address}", "/-/ready") as process:
        yield process


@contextlib.contextmanager
def victoria_metrics(folder: Path) -> Iterator[Process]:
    """The real VictoriaMetrics. Its cache of answers is off, so that each question costs what the first one does."""
    data, address = folder / "victoria_metrics", free_address()
    options = [f"-storageDataPath={data}", f"-httpListenAddr={address}", "-search.disableCache", "-retentionPeriod=1y"]
    with _running([program("victoria_metrics"), *options], data, f"http://{address}", "/health") as process:
        yield process
