"""A healthy stack raises no alert but Watchdog, whatever else happens on its hosts."""

from __future__ import annotations

import contextlib
import time

import pytest
import requests
from load import jobs

from tests.stack import ROOT, SERVICES, on, reboot, run_playbook, wait_until

pytestmark = pytest.mark.long
# The hosts of the lab tell when this machine was booted, which is true.
TRUE_ALERTS = {"HostRebooted"}
JOBS = 'container_start_time_seconds{name=~"job-.+"}'


def wait_for_targets(prometheus):
    wait_until(lambda: set(prometheus.health().values()) == {"up"}, "every target is up", seconds=120)


@pytest.fixture(scope="module")
def fresh_stack(site, prometheus):
    """The stack without the data, and so the alerts, of earlier tests."""
    remove = ROOT / "playbooks" / "remove.yml"
    run = run_playbook(remove, "--skip-tags=nvidia_container_toolkit", variables={"gpu_monitoring_remove_data": True})
    assert run.code == 0, run.output
    run = site()
    assert run.code == 0, run.output
    wait_for_targets(prometheus)


@pytest.fixture
def stay_quiet(fired):
    """Asserts for so many minutes since the start of the test that nothing fires."""
    begin = time.monotonic()

    def stay(minutes):
        answered = is_over = False
        while not is_over:
            # Even a slow run looks once.
            is_over = time.monotonic() >= begin + 60 * minutes
            # Prometheus does not answer while it restarts.
            with contextlib.suppress(requests.RequestException):
                assert {name for name, _host in fired("1h")} <= TRUE_ALERTS
                answered = True
            time.sleep(1)
        assert answered, f"Prometheus answered no query until minute {minutes}"

    return stay


def test_nothing_fires_for_a_quarter_of_an_hour(fresh_stack, site, prometheus, stay_quiet):
    """Containers come and go, the site playbook runs again, and every service is restarted."""
    with jobs():
        stay_quiet(4)
        run = site()
        assert run.code == 0, run.output
        assert {name: counts["changed"] for name, counts in run.recap.items()} == dict.fromkeys(SERVICES, 0)
        stay_quiet(7)
        for name, services in SERVICES.items():
            for service in services:
                on(name, f"docker restart {service}")
        wait_for_targets(prometheus)
        stay_quiet(16)
        [seen] = prometheus.query(f"count(count by (host, name) (count_over_time({JOBS}[15m])))")
        [watchdog] = prometheus.query('count_over_time(ALERTS{alertname="Watchdog",alertstate="firing"}[15m])')
    # A sample comes each 5 s, but while Prometheus restarts.
    assert float(watchdog["value"][1]) > 160
    assert float(seen["value"][1]) > 100


def test_nothing_fires_after_a_reboot(fresh_stack, prometheus, stay_quiet):
    """Nor for longer than the alerts of an exporter that is down wait."""
    reboot("gpu2")
    wait_for_targets(prometheus)
    stay_quiet(4)
