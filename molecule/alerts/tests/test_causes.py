"""Receivers are notified of the cause alone, and when the cause has ended."""

from __future__ import annotations

import pytest

from tests.lab import hosts, shell
from tests.stack import LAB_NAME, on, wait_until

pytestmark = pytest.mark.long


@pytest.fixture
def told(notifications, prometheus, fired):
    """Waits for what the webhook gets until an alert ended, which is that alert alone."""
    wait_until(lambda: set(prometheus.health().values()) == {"up"}, "every target is up", seconds=120)
    before = len(notifications)

    def names(status):
        return set().union(*(notification.names(status) for notification in notifications[before:]))

    def wait(alert, status, seconds):
        wait_until(lambda: alert in names(status), lambda: f"{status} are {names(status)} of {fired('5m')}", seconds)
        assert names(status) == {alert}

    return wait


def test_a_dcgm_exporter_that_is_stopped(told):
    on("gpu1", "docker stop dcgm-exporter")
    try:
        told("GpuExporterDown", "firing", 200)
    finally:
        on("gpu1", "docker start dcgm-exporter")
    told("GpuExporterDown", "resolved", 60)


def test_a_host_that_is_missing(told):
    container = hosts.container(LAB_NAME, "gpu2")
    shell.run("docker", "stop", "--time", "30", container)
    try:
        told("HostDown", "firing", 500)
    finally:
        shell.run("docker", "start", container)
    told("HostDown", "resolved", 120)
