"""cAdvisor is asked for the metric families of everything that dashboards and rules use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[3] / "roles"
ENABLED = set(yaml.safe_load((ROLES / "cadvisor" / "defaults" / "main.yml").read_text())["cadvisor_metrics"])
# Beginnings of names by family, as in cAdvisor's docs/storage/prometheus.md. The longest that fits decides.
FAMILIES = {
    "container_cpu_": "cpu",
    "container_cpu_load": "cpuLoad",
    "container_tasks_state": "cpuLoad",
    "container_cpu_schedstat": "sched",
    "container_memory_": "memory",
    "container_memory_numa": "memory_numa",
    "container_memory_migrate": "cpuset",
    "container_network_": "network",
    "container_network_tcp": "tcp",
    "container_network_udp": "udp",
    "container_network_advance": "advtcp",
    "container_fs_": "diskIO",
    "container_fs_inodes": "disk",
    "container_fs_limit": "disk",
    "container_fs_usage": "disk",
    "container_blkio_": "diskIO",
    "container_oom_events": "oom_event",
    "container_pressure_": "pressure",
    "container_processes": "process",
    "container_file_descriptors": "process",
    "container_sockets": "process",
    "container_threads": "process",
    "container_ulimits": "process",
    "container_referenced_bytes": "referenced_memory",
    "container_hugetlb_": "hugetlb",
}


def family(name: str) -> str:
    """The family of a metric; empty for another word, and for metrics that are always there."""
    return (
        FAMILIES[max((start for start in FAMILIES if name.startswith(start)), key=len, default="")]
        if name.startswith(tuple(FAMILIES))
        else ""
    )


def used() -> dict[str, str]:
    """Metrics of cAdvisor that the roles of Prometheus and Grafana name, with their families."""
    files = [path for role in ("grafana", "prometheus") for path in sorted((ROLES / role).rglob("*")) if path.is_file()]
    names = {name for path in files for name in re.findall(r"\bcontainer_[a-z0-9_]+", path.read_text())}
    return {name: family(name) for name in sorted(names) if family(name)}


def test_the_four_panels_are_found() -> None:
    assert {"container_memory_usage_bytes", "container_cpu_usage_seconds_total"} <= set(used())


@pytest.mark.parametrize(("name", "needed"), used().items())
def test_the_family_is_enabled(name: str, needed: str) -> None:
    assert needed in ENABLED, f"{name} needs '{needed}' in cadvisor_metrics"
