"""Data and dashboards outlive the containers and the host."""

from __future__ import annotations

import subprocess

import pytest

from tests.lab import hosts
from tests.stack import LAB_NAME, PANELS, SERVICES, wait_until


def everything_is_back(prometheus, grafana) -> None:
    expected = {(job, name) for job in ("cadvisor", "nvidia-gpu") for name in ("gpu1", "gpu2")} | {("node", name) for name in SERVICES}
    wait_until(lambda: {key for key, state in prometheus.health().items() if state == "up"} == expected, "every target is up", seconds=120)
    wait_until(lambda: grafana.session.get(f"{grafana.url}/api/health", timeout=5).status_code == 200, "Grafana is healthy")
    for expression in PANELS.values():
        wait_until(lambda expression=expression: grafana.frames(expression), f"{expression} has data")


@pytest.fixture
def kept(prometheus, grafana):
    """Asserts, after the test, that an old sample and the dashboard are still there."""
    query = 'DCGM_FI_DEV_GPU_UTIL{host="gpu1"}'
    newest = wait_until(lambda: prometheus.query(f"timestamp({query})"), "gpu1 has GPU samples")
    moment = min(float(sample["value"][1]) for sample in newest)
    samples = {sample["metric"]["UUID"]: sample["value"][1] for sample in prometheus.query(query, time=moment)}
    assert samples
    version = grafana.dashboard()["dashboard"]["version"]
    yield
    assert {sample["metric"]["UUID"]: sample["value"][1] for sample in prometheus.query(query, time=moment)} == samples
    assert grafana.dashboard()["dashboard"]["version"] == version


@pytest.mark.parametrize("name", SERVICES)
def test_restarted_services_come_back_with_their_data(host, prometheus, grafana, kept, name):
    host(name).check_output(f"docker restart {' '.join(SERVICES[name])}")
    everything_is_back(prometheus, grafana)


def test_the_monitoring_host_comes_back_from_a_reboot(prometheus, grafana, kept):
    subprocess.run(["docker", "restart", "--time", "30", hosts.container(LAB_NAME, "monitor1")], check=True, capture_output=True)
    everything_is_back(prometheus, grafana)
