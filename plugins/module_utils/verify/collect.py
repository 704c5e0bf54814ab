# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Collects what Prometheus reports about the fleet. Other files decide what is a fault."""

import re
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.duration import seconds
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.client import Client as Prometheus
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.errors import PrometheusError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.observed import Database, Measured, Target

# What of a GPU never stands still, by the names of all versions of the DCGM exporter. Clocks of an idle GPU do.
_RESTLESS = (
    '{job="nvidia-gpu",__name__=~"DCGM_FI_DEV_('
    'TOTAL_ENERGY_CONSUMPTION|GPU_ENERGY_JOULES_TOTAL|POWER_USAGE|BOARD_POWER_WATTS|(GPU|MEMORY)_TEMP(_CELSIUS)?)"}'
)
_CPU = 'container_cpu_usage_seconds_total{job="cadvisor"}'
_GPUS = 'count by (host, UUID, gpu_uuid, GPU_I_ID) ({job="nvidia-gpu",__name__=~"DCGM_FI_DEV_.+"})'
_CONTAINERS = 'count by (host, name, image) (container_last_seen{job="cadvisor"})'
# A container that ended after the host was asked was seen a short while ago.
_LATELY = 'count by (host, name) (last_over_time(container_last_seen{job="cadvisor",name!="",image!=""}[2m]))'
# By the clock of the host, of which both times are.
_COLLECTOR_AGE = (
    'max by (host) (node_time_seconds{job="node"})'
    " - max by (host) (container_gpu_collector_last_success_timestamp_seconds)"
)
_CONTAINER_GPUS = "count by (host, id, UUID) (container_gpu_info)"
_CONTAINER_GPUS_LATELY = "count by (host, id, UUID) (last_over_time(container_gpu_info[2m]))"
_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
_SKEW = 'node_time_seconds{job="node"} - timestamp(node_time_seconds{job="node"})'
_GLOBAL_INTERVAL = re.compile(r"^global:\n(?:  .*\n)*?  scrape_interval: (\S+)$", re.MULTILINE)
# An empty database says the greatest or the least number that it can.
_NO_SAMPLE = 1e12


def from_prometheus(client: Prometheus, window: float) -> Measured:
    """What Prometheus knows. `window` is how many seconds back a change is looked for, and the greatest age."""
    now = client.query("time()").series[0]["value"] or 0.0
    gpu_age: dict[str, dict[str, float]] = {}
    for labels, samples in client.samples(f"{_RESTLESS}[{window:.0f}s]"):
        # A vGPU may say 0 of what it does not measure.
        if not any(value for _moment, value in samples):
            continue
        of_host = gpu_age.setdefault(labels.get("host", ""), {})
        uuid = _uuid(labels)
        of_host[uuid] = min(of_host.get(uuid, window), now - last_change(samples))
    container_age: dict[str, float] = {}
    for labels, samples in client.samples(f"{_CPU}[{window:.0f}s]"):
        host = labels.get("host", "")
        container_age[host] = min(container_age.get(host, window), now - last_change(samples))
    gpus: dict[str, dict[str, list[str]]] = {}
    for series in client.query(_GPUS).series:
        labels = series["labels"]
        instances = gpus.setdefault(labels.get("host", ""), {}).setdefault(_uuid(labels), [])
        instances += [labels["GPU_I_ID"]] if labels.get("GPU_I_ID") else []
    container_series: dict[str, int] = {}
    containers: dict[str, list[str]] = {}
    for series in client.query(_CONTAINERS).series:
        labels = series["labels"]
        host = labels.get("host", "")
        container_series[host] = container_series.get(host, 0) + int(series["value"] or 0)
        if labels.get("name") and labels.get("image"):
            containers.setdefault(host, []).append(labels["name"])
    lately: dict[str, list[str]] = {}
    for series in client.query(_LATELY).series:
        lately.setdefault(series["labels"].get("host", ""), []).append(series["labels"]["name"])
    ages = {series["labels"].get("host", ""): series["value"] for series in client.query(_COLLECTOR_AGE).series}
    skews = {series["labels"].get("host", ""): series["value"] for series in client.query(_SKEW).series}
    return {
        "now": now,
        "targets": _targets(client),
        "scrape_interval": _scrape_interval(client),
        "gpu_age": gpu_age,
        "container_age": container_age,
        "gpus": gpus,
        "container_series": container_series,
        "containers": containers,
        "containers_lately": lately,
        "collector_age": {host: age for host, age in ages.items() if age is not None},
        "container_gpus": _container_gpus(client, _CONTAINER_GPUS),
        "container_gpus_lately": _container_gpus(client, _CONTAINER_GPUS_LATELY),
        "clock_skew": {host: skew for host, skew in skews.items() if skew is not None},
        "database": _database(client.text("/metrics")),
    }


def from_agent(client: Prometheus) -> Measured:
    """What a Prometheus in agent mode knows, which answers no queries."""
    return {"targets": _targets(client), "scrape_interval": _scrape_interval(client)}


def _targets(client: Prometheus) -> list[Target]:
    return [_target(target) for target in client.get("targets?state=active")["activeTargets"]]


def last_change(samples: list[tuple[float, float]]) -> float:
    """When the value of the samples, (time, value) in order, became what it is; the first sample's time if it was
    always so.
    """
    moment, value = samples[-1]
    for earlier, other in reversed(samples):
        if other != value:
            break
        moment = earlier
    return moment


def _container_gpus(client: Prometheus, query: str) -> dict[str, dict[str, list[str]]]:
    """For each host and id of a container the UUIDs of its GPUs."""
    gpus: dict[str, dict[str, list[str]]] = {}
    for series in client.query(query).series:
        labels = series["labels"]
        # The label is a path of a control group, at whose end is the container's own.
        ids = _CONTAINER_ID.findall(labels.get("id", ""))
        if ids:
            gpus.setdefault(labels.get("host", ""), {}).setdefault(ids[-1], []).append(labels.get("UUID", ""))
    return gpus


def _uuid(labels: dict[str, str]) -> str:
    return labels.get("UUID") or labels.get("gpu_uuid") or ""


def _target(given: Any) -> Target:
    labels, job = given["labels"], given["labels"].get("job", "")
    return {
        "job": job,
        "host": labels.get("host", ""),
        "server": labels.get("server", ""),
        "url": given["scrapeUrl"],
        "health": given["health"],
        "error": given["lastError"],
        "interval": seconds(given["scrapeInterval"]),
        "of_role": given["discoveredLabels"].get("__meta_filepath") == f"/etc/prometheus/targets/{job}.json",
    }


def _scrape_interval(client: Prometheus) -> float:
    """Prometheus writes its defaults out, so that the interval is always there."""
    interval = _GLOBAL_INTERVAL.search(client.get("status/config")["yaml"])
    if not interval:
        raise PrometheusError("The running configuration of Prometheus has no global scrape_interval.")
    return seconds(interval[1])


def _database(metrics: str) -> Database:
    own = dict(re.findall(r"^prometheus_tsdb_(\w+) (\S+)$", metrics, re.MULTILINE))
    try:
        oldest, newest = float(own["lowest_timestamp_seconds"]), float(own["head_max_time_seconds"])
        return {
            "oldest": oldest if oldest < _NO_SAMPLE else None,
            "newest": newest if abs(newest) < _NO_SAMPLE else None,
            "retention": float(own["retention_limit_seconds"]),
            "size_limit": float(own["retention_limit_bytes"]),
            "size": sum(
                float(own[f"{part}_bytes"])
                for part in ("storage_blocks", "wal_storage_size", "head_chunks_storage_size")
            ),
        }
    except KeyError as error:
        raise PrometheusError(
            f"url: the server has no metric prometheus_tsdb_{error.args[0]},"
            " so it is not a Prometheus with its own database. Set url to such a Prometheus."
        ) from error
