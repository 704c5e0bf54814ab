"""Measures the time from a fault of a GPU to a webhook, for alerts of the severity `page` that need no duration.

On the hosts of the demo (`make demo`) emulated GPUs get faults, each at a random moment. Alertmanager has one receiver,
a webhook on this machine, and the routes and times that a site gets by default. A fault ends when its message
arrived, and the next one of the GPU comes after the message that the alert ended. Exits with 1 if the bar is missed.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.faults import Stream, World, follow, plan
from bench.lab import Emulator, deploy, gpus
from tests.lab.report import endpoints, session
from tests.lab.services import GATEWAY
from tests.webhooks import webhook

WORK = ROOT / ".cache" / "bench"
FAULTS = 20
BAR_SECONDS = 30
# Longer than the interval of the scrapes and than that of a group of pages: faults come at any moment of both.
PHASE_SECONDS = 20
# XIDs of an earlier run fire for up to ten minutes.
QUIET_SECONDS = 660
FIRING = 'ALERTS{severity="page",alertstate="firing"}'


def table(streams: Sequence[Stream]) -> str:
    """The delays as text, of each alert and of all."""
    rows: dict[str, list[float]] = {}
    for stream in streams:
        for fault, delay in zip(stream.faults, stream.delays):
            rows.setdefault(fault.kind.alert, []).append(delay)
    rows["all"] = delays(streams)
    lines = [f"{'':20}{'faults':>7}{'median s':>10}{'worst s':>9}"]
    lines += [f"{name:20}{len(taken):7}{median(taken):10.1f}{max(taken):9.1f}" for name, taken in rows.items()]
    return "\n".join(lines)


def delays(streams: Sequence[Stream]) -> list[float]:
    """Seconds from each fault to the webhook."""
    return [delay for stream in streams for delay in stream.delays]


def notify(lab: str, url: str) -> None:
    """Let Alertmanager of a lab send to a webhook; without a URL to nobody, as by default."""
    receivers = {
        "alertmanager_receivers": [{"name": "bench", "webhook": {"url_file": "secrets/webhook"}}],
        "alertmanager_secret_files": {"webhook": url},
    }
    deploy(lab, receivers if url else {}, "--limit=monitoring", "--tags=alertmanager")


def wait_for_quiet(where: dict[str, Any]) -> None:
    """Return once no alert pages."""
    prometheus, deadline = session(where, "prometheus"), time.monotonic() + QUIET_SECONDS
    while True:
        answer = prometheus.get(f"{where['prometheus']}/api/v1/query", params={"query": FIRING}, timeout=10)
        answer.raise_for_status()
        if not (firing := answer.json()["data"]["result"]):
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"Alerts fire already: {[sample['metric'] for sample in firing]}")
        time.sleep(1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lab", default="demo", help="name of the lab, which must be deployed")
    given = parser.parse_args()
    where = endpoints(given.lab)
    planned = plan(gpus(where["hosts"]), FAULTS)
    wait_for_quiet(where)
    with webhook(address=GATEWAY) as (url, notifications):
        try:
            notify(given.lab, url)
            emulator = Emulator(given.lab, sorted({faults[0].host for faults in planned}))
            world = World(
                change=lambda fault, value: emulator.set(fault.host, fault.gpu, fault.kind.field, value),
                notifications=lambda: list(notifications),
                now=time.monotonic,
                wait=time.sleep,
                phase=lambda: random.uniform(0, PHASE_SECONDS),
            )
            try:
                streams = follow(world, planned)
            finally:
                emulator.close()
        finally:
            notify(given.lab, "")
    met = max(delays(streams)) <= BAR_SECONDS
    print(table(streams))
    print(f"the bar: at most {BAR_SECONDS} s: {'met' if met else 'MISSED'}")
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "alerts.json").write_text(json.dumps([asdict(stream) for stream in streams], indent=2) + "\n")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
