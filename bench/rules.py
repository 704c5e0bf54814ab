"""Measures how long the role's rules take on a real Prometheus for 100 hosts of eight GPUs, measured every 5 s.

The series are those that the rules read, for as long as the rules look back. Exits with 1 if the median of all
groups together is over the bar.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TextIO

import requests

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / ".cache" / "collections")]

from tests.conftest import link_collection

link_collection()

from tests.dashboards import server
from tests.rules.alert_series import (
    ALERTMANAGER,
    CONTAINER,
    GPU,
    MACHINE,
    PROMETHEUS,
    Series,
    allocated,
    gpu_labels,
    series,
)
from tests.unit.roles.rendering import fleet, service

WORK = ROOT / ".cache" / "bench"
BAR = 0.5
INTERVAL = 5
GPUS, CONTAINERS = 8, 30
# How far rules look back: most for up to 15 minutes, those of these metrics for an hour.
LOOKED_BACK = 15 * 60
LONG = {"up", "node_filesystem_avail_bytes"}
HOUR = 3600
# Metrics whose value is a time, with its distance from the time of the sample.
TIMES = {
    "node_time_seconds": 0,
    "node_boot_time_seconds": -30 * 86400,
    "container_start_time_seconds": -30 * 86400,
    "container_gpu_collector_last_success_timestamp_seconds": -5,
    "gpu_monitoring_backup_last_success_timestamp_seconds": -86400,
    "gpu_monitoring_certificate_expiry_timestamp_seconds": 90 * 86400,
    "prometheus_remote_storage_queue_highest_sent_timestamp_seconds": 0,
}
# Prometheus evaluates at the present time and takes no block of the future, so samples end when the blocks are made. A
# sample counts for five minutes. Denser samples make up for those that are missing at the end.
SAMPLED = 4
LIFETIME = 300


@dataclass(frozen=True)
class Result:
    """Seconds that an evaluation of all groups took."""

    series: int
    median: float
    worst: float


def of_host(host: str) -> Iterator[Series]:
    """What the rules read of a host."""
    for job in ("cadvisor", "nvidia-gpu", "node"):
        yield series("up", {"job": job, "host": host, "instance": f"{host}:{job}"}, (1, 0, 1))
    for gpu in range(GPUS):
        labels = {**gpu_labels(gpu, host), "UUID": f"GPU-{host}-{gpu}"}
        yield from (series(key, labels, (start, step, 1)) for key, (start, step) in GPU.items())
        for container in (f"training-{gpu}", "dcgm-exporter"):
            given = allocated(container, gpu, 1, host)
            yield series(given.name, {**given.labels, "UUID": labels["UUID"]}, (1, 0, 1))
    for number in range(CONTAINERS):
        labels = {
            "job": "cadvisor",
            "host": host,
            "instance": f"{host}:8088",
            "name": f"training-{number}",
            "id": f"/docker/{host}{number}",
        }
        yield from (series(key, labels, (start, step, 1)) for key, (start, step) in CONTAINER.items())
    labels = {"job": "node", "host": host, "instance": f"{host}:9100"}
    yield from (series(key, labels, (start, step, 1)) for key, (start, step) in MACHINE.items())


def of_monitoring_host() -> Iterator[Series]:
    """What the rules read of Prometheus and Alertmanager."""
    for job, metrics in (("prometheus", PROMETHEUS), ("alertmanager", ALERTMANAGER)):
        labels = {"job": job, "host": "monitor1", "instance": f"monitor1:{job}"}
        yield series("up", labels, (1, 0, 1))
        yield from (series(key, labels, (start, step, 1)) for key, (start, step) in metrics.items())


def write(all_series: list[Series], now: int, text: TextIO) -> None:
    """The samples of the series, in the format that promtool makes blocks of."""
    for entry in all_series:
        key = entry.written()["series"]
        start, step, _count = entry.parts[0]
        begin = now - (HOUR if entry.name in LONG else LOOKED_BACK)
        moments = range(begin, now, SAMPLED)
        if entry.name in TIMES:
            # A boot and a start stay where they were, and a clock advances.
            fixed = step == 0
            text.writelines(f"{key} {(now if fixed else moment) + TIMES[entry.name]} {moment}\n" for moment in moments)
        else:
            text.writelines(f"{key} {start + step * number:g} {moment}\n" for number, moment in enumerate(moments))
    text.write("# EOF\n")


def rules(folder: Path) -> str:
    """The role's rules in a folder; returns the configuration that loads them."""
    inventory = fleet({"gpu1": {"ansible_host": "192.0.2.1"}}, {"monitor1": {"ansible_host": "192.0.2.9"}})
    (folder / "rules").mkdir()
    for file in service("prometheus", "prometheus", inventory, "monitor1", folder)["files"]:
        if "/rules/" in file["path"]:
            # The samples would be too old if a group is first evaluated after ten minutes.
            content = file["content"].replace("interval: 10m", "interval: 1m")
            (folder / "rules" / Path(file["path"]).name).write_text(content)
    return json.dumps({"global": {"evaluation_interval": f"{INTERVAL}s"}, "rule_files": ["rules/*.yml"]})


def measure(url: str, evaluations: int) -> list[float]:
    """Seconds of all groups together, once each interval after all groups were evaluated."""
    taken: list[float] = []
    slowest: list[tuple[float, str]] = []
    while len(taken) < evaluations:
        time.sleep(INTERVAL)
        groups = requests.get(f"{url}/api/v1/rules", timeout=30).json()["data"]["groups"]
        firing = sorted(
            {rule["name"] for group in groups for rule in group["rules"] if rule.get("alerts")} - {"Watchdog"}
        )
        if firing:
            raise ValueError(f"The fleet is not healthy: {', '.join(firing)}")
        failed = [rule["lastError"] for group in groups for rule in group["rules"] if rule.get("lastError")]
        if failed:
            raise ValueError(failed[0])
        slowest = sorted((rule["evaluationTime"], rule["name"]) for group in groups for rule in group["rules"])[:-9:-1]
        if all(group["evaluationTime"] for group in groups if group["rules"]):
            taken.append(sum(group["evaluationTime"] for group in groups))
    print("The slowest: " + ", ".join(f"{name} {1000 * seconds:.0f} ms" for seconds, name in slowest))
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=100, help="hosts of eight GPUs")
    parser.add_argument("--evaluations", type=int, default=12, help="how many evaluations to look at")
    given = parser.parse_args()
    folder = WORK / "rules"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    configuration = rules(folder)
    all_series = [
        *of_monitoring_host(),
        *(entry for number in range(given.hosts) for entry in of_host(f"gpu{number:03}")),
    ]
    print(f"Making samples of {len(all_series)} series", flush=True)
    end = int(time.time())
    with (folder / "samples.om").open("w") as text:
        write(all_series, end, text)
    server.promtool(folder, "tsdb", "create-blocks-from", "openmetrics", "samples.om", ".")
    (folder / "samples.om").unlink()
    with server.served(folder, configuration) as prometheus:
        taken = measure(prometheus.url, given.evaluations)
        version = prometheus.version()
    if time.time() - end > LIFETIME:
        raise TimeoutError(f"The samples were more than {LIFETIME} s old at the end. Take fewer hosts or evaluations")
    result = Result(len(all_series), median(taken), max(taken))
    met = result.median <= BAR
    print(f"Prometheus {version}, {given.hosts} hosts, {result.series} series, {len(taken)} evaluations of all rules")
    print(
        f"median {1000 * result.median:.0f} ms, worst {1000 * result.worst:.0f} ms; the bar is {1000 * BAR:.0f} ms:"
        f" {'met' if met else 'MISSED'}"
    )
    shutil.rmtree(folder)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
