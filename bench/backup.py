"""Measures what users of a monitoring host notice of a backup: requests to Grafana and Prometheus, and scrapes.

On the monitoring host of the demo (`make demo`) Grafana gets 300 dashboards and Prometheus a block of 5 GB. Then
playbooks/backup.yml makes a first backup. The peer is the backup that is written by hand: stop the containers, send the
volumes by tar, start the containers. Meanwhile Grafana and Prometheus are asked all the time. Exits with 1 if a bar
is missed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.lab import playbook
from tests.lab import hosts
from tests.lab.report import endpoints, session

WORK = ROOT / ".cache" / "bench"
HOST = "monitor1"
DASHBOARDS = 300
BAR_PAUSE_SECONDS = 1
POLL_SECONDS = 0.1
# How long a request may take before it counts as failed.
TIMEOUT_SECONDS = 10
SCRAPE_SECONDS = 5
BLOCKS = "/var/lib/docker/volumes/prometheus-data/_data"
# Keeps the name of the block.
MARK = "/tmp/bench-block"
# The block begins three days ago, so that Prometheus leaves it alone.
SAMPLES = f"""
import time
begin = int(time.time()) // 7200 * 7200 - 3 * 86400
with open("{BLOCKS}/bench.txt", "w") as file:
    print("# TYPE bench_backup gauge", file=file)
    for second in range(begin, begin + 3600, 60):
        print("bench_backup", 1, second, file=file)
    print("# EOF", file=file)
"""
PROMTOOL = "docker exec -e TMPDIR=/prometheus prometheus promtool tsdb create-blocks-from openmetrics"
# Segments begin with a magic number and a version; a reader goes by the index, which names the first segment alone.
SEGMENTS = f"""
import os, pathlib
block = pathlib.Path("{BLOCKS}", pathlib.Path("{MARK}").read_text().strip())
for number in range(2, 2 + SEGMENTS):
    path = block / "chunks" / f"{{number:06}}"
    with open(path, "wb") as file:
        file.write(bytes.fromhex("85bd40dd01000000"))
        for _mebibyte in range(512):
            file.write(os.urandom(1 << 20))
    os.chown(path, 65534, 65534)
"""


@dataclass
class Requests:
    """What one user saw: seconds of each answer, the longest time without any, and what failed."""

    seconds: list[float] = field(default_factory=list)
    pause: float = 0
    failures: list[str] = field(default_factory=list)


def ask(once: Callable[[], requests.Response], stop: threading.Event, seen: Requests) -> None:
    """Ask again and again until `stop` is set."""
    answered = time.monotonic()
    while not stop.is_set():
        begin = time.monotonic()
        try:
            once().raise_for_status()
        except requests.RequestException as error:
            seen.failures.append(type(error).__name__)
        else:
            seen.seconds.append(time.monotonic() - begin)
            seen.pause = max(seen.pause, time.monotonic() - answered - POLL_SECONDS)
            answered = time.monotonic()
        stop.wait(POLL_SECONDS)
    seen.pause = max(seen.pause, time.monotonic() - answered - POLL_SECONDS)


@contextmanager
def users(where: dict[str, Any]) -> Iterator[dict[str, Requests]]:
    """Users of Grafana and Prometheus who ask until the block ends."""
    grafana, prometheus = session(where, "grafana"), session(where, "prometheus")
    asked: dict[str, Callable[[], requests.Response]] = {
        "grafana": lambda: grafana.get(
            f"{where['grafana']}/api/dashboards/uid/bench-backup-0", timeout=TIMEOUT_SECONDS
        ),
        "prometheus": lambda: prometheus.get(
            f"{where['prometheus']}/api/v1/query", params={"query": "up"}, timeout=TIMEOUT_SECONDS
        ),
    }
    seen, stop = {name: Requests() for name in asked}, threading.Event()
    threads = [threading.Thread(target=ask, args=(once, stop, seen[name])) for name, once in asked.items()]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def scrapes(where: dict[str, Any], seconds: float) -> tuple[int, int, float]:
    """Scrapes of the last seconds, failed scrapes, and the longest time over the interval between two of a target."""
    prometheus = session(where, "prometheus")
    query = {"query": f"up[{int(seconds)}s]"}
    answer = prometheus.get(f"{where['prometheus']}/api/v1/query", params=query, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    series = [[(float(when), value) for when, value in target["values"]] for target in answer.json()["data"]["result"]]
    gaps = [
        later[0] - earlier[0] - SCRAPE_SECONDS for samples in series for earlier, later in zip(samples, samples[1:])
    ]
    values = [value for samples in series for _when, value in samples]
    return len(values), values.count("0"), max(gaps, default=0)


def on(lab: str, command: str, program: str = "") -> None:
    """Run a command on the monitoring host, with a program as its input."""
    done = subprocess.run([*hosts.ssh_command(lab, HOST), command], input=program, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"On {HOST} `{command}` ended with {done.returncode}.")


def fill(lab: str, where: dict[str, Any], gigabytes: float) -> None:
    """Dashboards for Grafana and a block for Prometheus."""
    grafana = session(where, "grafana")
    model = grafana.get(f"{where['grafana']}/api/dashboards/uid/ml-system-monitoring", timeout=TIMEOUT_SECONDS).json()
    for number in range(DASHBOARDS):
        dashboard = {**model["dashboard"], "id": None, "uid": f"bench-backup-{number}", "title": f"Bench {number}"}
        body = {"dashboard": dashboard, "overwrite": True}
        grafana.post(f"{where['grafana']}/api/dashboards/db", json=body, timeout=TIMEOUT_SECONDS).raise_for_status()
    on(lab, "python3 -", SAMPLES)
    on(lab, f"{PROMTOOL} /prometheus/bench.txt /prometheus")
    on(lab, f"cd {BLOCKS} && rm bench.txt && dirname $(grep -l bench_backup */index) >{MARK}")
    on(lab, "python3 -", SEGMENTS.replace("SEGMENTS", str(round(gigabytes * 2))))


def clean(lab: str, where: dict[str, Any]) -> None:
    """Take the dashboards and the block away."""
    grafana = session(where, "grafana")
    for number in range(DASHBOARDS):
        grafana.delete(f"{where['grafana']}/api/dashboards/uid/bench-backup-{number}", timeout=TIMEOUT_SECONDS)
    on(lab, f"rm -r {BLOCKS}/$(cat {MARK}) {MARK} && docker restart prometheus")


def by_hand(lab: str, archive: Path) -> None:
    """The backup of the peer."""
    volumes = "tar -C /var/lib/docker/volumes -cf - grafana-storage prometheus-data"
    command = f"docker stop grafana prometheus >&2 && {volumes}; docker start grafana prometheus >&2"
    with archive.open("wb") as file:
        subprocess.run([*hosts.ssh_command(lab, HOST), command], stdout=file, check=True)


@dataclass
class Backup:
    """A backup, what users saw of it, and what the scrapes were."""

    seconds: float
    requests: dict[str, Requests]
    scrapes: int
    failed_scrapes: int
    scrape_pause: float

    @property
    def pause(self) -> float:
        """The longest time without an answer or a scrape."""
        return max(self.scrape_pause, *(requests.pause for requests in self.requests.values()))

    @property
    def failures(self) -> int:
        """Requests and scrapes that failed."""
        return self.failed_scrapes + sum(len(requests.failures) for requests in self.requests.values())


def measure(where: dict[str, Any], backup: Callable[[], None]) -> Backup:
    """Make a backup under the eyes of users."""
    begin = time.monotonic()
    with users(where) as seen:
        backup()
        seconds = time.monotonic() - begin
        # A scrape that the backup delayed has come by then.
        time.sleep(2 * SCRAPE_SECONDS)
    return Backup(seconds, seen, *scrapes(where, time.monotonic() - begin))


def table(measured: dict[str, Backup]) -> str:
    """The figures as text."""
    lines = [f"{'':12}{'seconds':>9}{'requests':>10}{'scrapes':>9}{'failures':>10}{'longest pause s':>17}"]
    for name, backup in measured.items():
        answered = sum(len(requests.seconds) for requests in backup.requests.values())
        lines.append(
            f"{name:12}{backup.seconds:9.1f}{answered:10}{backup.scrapes:9}{backup.failures:10}{backup.pause:17.2f}"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lab", default="demo", help="name of the lab, which must be deployed")
    parser.add_argument("--gigabytes", type=float, default=5, help="size of the block of Prometheus")
    given = parser.parse_args()
    where, folder = endpoints(given.lab), WORK / "backup"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    variables = {"backup_dir": str(folder), "backup_vault_password": "bench"}
    runs: dict[str, Callable[[], None]] = {
        "first": lambda: playbook("backup", given.lab, variables),
        "next": lambda: playbook("backup", given.lab, variables),
        "by hand": lambda: by_hand(given.lab, folder / "by_hand.tar"),
    }
    fill(given.lab, where, given.gigabytes)
    try:
        measured = {name: measure(where, backup) for name, backup in runs.items()}
    finally:
        clean(given.lab, where)
        shutil.rmtree(folder)
    ours = [measured["first"], measured["next"]]
    met = all(backup.pause <= BAR_PAUSE_SECONDS and not backup.failures for backup in ours)
    print(table(measured))
    pause = max(backup.pause for backup in ours)
    print(f"the longest pause: {pause / measured['by hand'].pause:.3f} of that of the backup by hand")
    print(f"the bar: no failure, and no pause over {BAR_PAUSE_SECONDS} s: {'met' if met else 'MISSED'}")
    (WORK / "backup.json").write_text(
        json.dumps({name: asdict(backup) for name, backup in measured.items()}, indent=2) + "\n"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
