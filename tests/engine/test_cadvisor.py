"""cAdvisor, run as the role asks for it, against a real Docker engine."""

from __future__ import annotations

import os
import re
import statistics
import time
import urllib.request
from urllib.error import URLError

import docker
import pytest

from tests.lab import images
from tests.tools import role_service

PREFIX = f"gpu-monitoring-test-{os.getpid()}-cadvisor"
SERIES = re.compile(r"^(\w+)\{(.*)\} (\S+)(?: (\d+))?$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')
EXCEED = "head -c 100m /dev/zero | tail -c 90m >/dev/null"


class Watched:
    """A cAdvisor's metrics."""

    def __init__(self, address):
        self._url = f"http://{address}:8080/metrics"

    def series(self):
        """Name, labels, value and time in seconds of every series."""
        with urllib.request.urlopen(self._url, timeout=5) as answer:
            samples = SERIES.findall(answer.read().decode())
        return [
            (name, dict(LABEL.findall(labels)), float(value), int(moment or 0) / 1000)
            for name, labels, value, moment in samples
        ]

    def wait(self):
        """Return once it answers; fails after 30 s."""
        deadline = time.monotonic() + 30
        while True:
            try:
                self.series()
                return
            except URLError:
                assert time.monotonic() < deadline, f"{self._url} does not answer"
            time.sleep(0.2)

    def of(self, name, container):
        """Value and time of one series of a container; None if it does not exist."""
        return next(
            (sample[2:] for sample in self.series() if sample[0] == name and sample[1].get("name") == container), None
        )

    def wait_for(self, name, container, condition):
        """Value of a series once the condition holds; fails after 30 s."""
        deadline = time.monotonic() + 30
        while not ((sample := self.of(name, container)) and condition(sample[0])):
            assert time.monotonic() < deadline, f"{name} of {container} is {sample}"
            time.sleep(0.2)
        return sample[0]


@pytest.fixture(scope="module")
def watched():
    """cAdvisor with an interval of one second, an idle container, and one that has exceeded its memory."""
    client, on = docker.from_env(), images.bases()
    variables = {"gpu_monitoring_scrape_interval": "1s", "cadvisor_docker_root": client.info()["DockerRootDir"]}
    options = role_service.rendered("cadvisor", "cadvisor", variables)
    started = []
    try:
        cadvisor = role_service.start(client, options, PREFIX, images.service("cadvisor", on), "bridge")
        started.append(cadvisor)
        metrics = Watched(role_service.address(cadvisor, "bridge"))
        metrics.wait()
        for name, limit in (("idle", None), ("greedy", "20m")):
            light = {
                "name": f"{PREFIX}-{name}",
                "detach": True,
                "init": True,
                "mem_limit": limit,
                "labels": {"team": "vision"},
            }
            started.append(client.containers.run(on["LAB_BASE"], ["sleep", "600"], **light))
            metrics.wait_for("container_last_seen", f"{PREFIX}-{name}", bool)
        started[-1].exec_run(["sh", "-c", EXCEED])
        yield metrics
    finally:
        for container in started:
            container.remove(force=True, v=True)
        client.close()


def test_a_container_that_does_nothing_is_measured_at_the_interval(watched):
    times = []
    while len(times) < 7:
        _value, moment = watched.of("container_memory_usage_bytes", f"{PREFIX}-idle")
        if moment not in times:
            times.append(moment)
        time.sleep(0.1)
    # The first wait is spread by up to an interval.
    gaps = [later - earlier for earlier, later in zip(times[1:], times[2:])]
    # Other tests may delay a measurement. Without the flags of the role, each gap would be twice that before it.
    assert min(gaps) >= 1 and statistics.median(gaps) < 1.5, gaps


def test_only_containers_are_reported_and_none_of_their_labels(watched):
    samples = [
        sample
        for sample in watched.series()
        if sample[0].startswith("container_") and sample[0] != "container_scrape_error"
    ]
    assert {labels.get("name") for _name, labels, _value, _moment in samples} >= {
        PREFIX,
        f"{PREFIX}-idle",
        f"{PREFIX}-greedy",
    }
    assert all(labels.get("name") and labels.get("image") for _name, labels, _value, _moment in samples)
    assert not {
        label for _name, labels, _value, _moment in samples for label in labels if label.startswith("container_label")
    }


@pytest.mark.parametrize(
    "name",
    [
        "container_cpu_usage_seconds_total",
        "container_memory_usage_bytes",
        "container_memory_working_set_bytes",
        "container_network_receive_bytes_total",
        "container_network_transmit_bytes_total",
        "container_last_seen",
        "container_start_time_seconds",
        "container_spec_memory_limit_bytes",
    ],
)
def test_metrics_of_dashboards_exist(watched, name):
    assert watched.of(name, f"{PREFIX}-greedy") is not None


def test_cpu_time_is_one_series(watched):
    cpus = [
        labels["cpu"]
        for name, labels, _value, _moment in watched.series()
        if name == "container_cpu_usage_seconds_total" and labels["name"] == PREFIX
    ]
    assert cpus == ["total"]


def test_a_process_that_the_kernel_killed_for_want_of_memory_is_counted(watched):
    watched.wait_for("container_oom_events_total", f"{PREFIX}-greedy", lambda value: value >= 1)
    assert watched.of("container_oom_events_total", f"{PREFIX}-idle")[0] == 0
