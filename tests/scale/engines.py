"""Prometheus of the role, and the engines that its samples go to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.rules.servers import free_address
from tests.scale import programs
from tests.scale.servers import Server
from tests.unit.roles.rendering import fleet, prometheus_folder

MONITORING_HOST = {"monitor1": {"ansible_host": "127.0.0.1"}}


def prometheus(folder: Path, variables: dict[str, Any]) -> Server:
    """Prometheus with the configuration that the role renders of a site's variables."""
    address = free_address()
    # VictoriaMetrics stores no sample that is not a number, as quantiles of nothing are.
    own = {
        "job_name": "prometheus",
        "static_configs": [{"targets": [address], "labels": {"host": "monitor1"}}],
        "metric_relabel_configs": [{"action": "drop", "source_labels": ["quantile"], "regex": ".+"}],
    }
    off = {"gpu_monitoring_tls": False, "alertmanager_enabled": False, "prometheus_scrape_configs": [own]}
    config = prometheus_folder(
        fleet({}, MONITORING_HOST, {**off, **variables}), "monitor1", _made(folder / "prometheus")
    )
    command = [
        str(programs.prometheus()),
        f"--config.file={config}/prometheus.yml",
        f"--storage.tsdb.path={folder}/prometheus-data",
        f"--web.listen-address={address}",
    ]
    return Server(folder, "prometheus", f"http://{address}", "/-/ready", command)


def victoria_metrics(folder: Path) -> Server:
    """A single node of VictoriaMetrics."""
    address = free_address()
    command = [
        str(programs.victoria_metrics()),
        f"-storageDataPath={folder}/victoria-metrics-data",
        f"-httpListenAddr={address}",
    ]
    return Server(folder, "victoria-metrics", f"http://{address}", "/health", command)


class Receiver:
    """A receiver of Thanos that keeps samples: `grpc` is its address for the router and the querier, `write` that for
    Prometheus.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.grpc, self.write, http = free_address(), free_address(), free_address()
        command = [
            *(str(programs.thanos()), "receive", f"--tsdb.path={folder}/{name}-data"),
            *(f"--grpc-address={self.grpc}", f"--http-address={http}", f"--remote-write.address={self.write}"),
            *(f'--label=receive_replica="{name}"', f"--receive.capnproto-address={free_address()}"),
        ]
        self.server = Server(folder, name, f"http://{http}", "/-/ready", command)


def router(folder: Path, receivers: list[Receiver], *flags: str) -> tuple[Server, str]:
    """A receiver of Thanos that keeps nothing, and hands each sample to receivers of a hash ring; and its address for
    Prometheus.
    """
    ring = folder / "hashrings.json"
    ring.write_text(json.dumps([{"endpoints": [receiver.grpc for receiver in receivers]}]))
    write, http = free_address(), free_address()
    command = [
        *(str(programs.thanos()), "receive", f"--receive.hashrings-file={ring}", '--label=receive="router"'),
        *(f"--grpc-address={free_address()}", f"--http-address={http}", f"--remote-write.address={write}"),
        f"--receive.capnproto-address={free_address()}",
        *flags,
    ]
    return Server(folder, "router", f"http://{http}", "/-/ready", command), write


def querier(folder: Path, receivers: list[Receiver], *flags: str) -> Server:
    """The querier of Thanos over receivers."""
    http = free_address()
    command = [
        *(str(programs.thanos()), "query", f"--grpc-address={free_address()}", f"--http-address={http}"),
        *(f"--endpoint={receiver.grpc}" for receiver in receivers),
        *flags,
    ]
    return Server(folder, "querier", f"http://{http}", "/-/ready", command)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
