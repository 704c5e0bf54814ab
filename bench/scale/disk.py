"""What samples take on disk: two hours of simulated hosts as a block of Prometheus, and in VictoriaMetrics."""

from __future__ import annotations

import json
from pathlib import Path

import requests

from bench.scale.history import make_blocks, put, samples
from bench.scale.servers import INTERVAL, Process
from tests.rules.servers import wait_until

# A block of Prometheus begins at a multiple of its length, and cAdvisor's samples are older than the others. Prometheus
# merges blocks later, which saves some of the index.
LENGTH = 2 * 3600
END = 1795996800
BEGIN = END - LENGTH + INTERVAL


def of_prometheus(hosts: int, folder: Path) -> float:
    """Bytes of a sample in a block, with its share of the index."""
    make_blocks(samples(hosts, BEGIN, END, lambda _name: True), folder)
    [described] = folder.glob("*/meta.json")
    size = sum(path.stat().st_size for path in described.parent.rglob("*") if path.is_file())
    return size / json.loads(described.read_text())["stats"]["numSamples"]


def of_victoria_metrics(hosts: int, server: Process) -> float:
    """Bytes of a sample, with its share of the index, after VictoriaMetrics merged its parts."""
    put(samples(hosts, BEGIN, END, lambda _name: True), server.url)
    for action in ("force_flush", "force_merge"):
        requests.get(f"{server.url}/internal/{action}", timeout=600).raise_for_status()
    wait_until(lambda: server.total("vm_active_force_merges") == 0, "VictoriaMetrics still merges", 600)
    size = server.total('vm_data_size_bytes{type="storage/') + server.total('vm_data_size_bytes{type="indexdb/')
    return size / server.total('vm_rows{type="storage/')
