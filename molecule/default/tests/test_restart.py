"""Data and dashboards outlive the containers and the host."""

from __future__ import annotations

import pytest

from tests.stack import PANELS, SERVICES, TARGETS, container_state, on, reboot, wait_until

LATE_ADDRESS = "10.213.78.1"


def wait_for_recovery(prometheus, grafana) -> None:
    wait_until(
        lambda: prometheus.health() == dict.fromkeys(TARGETS, "up"),
        lambda: f"targets are {prometheus.health()}",
        seconds=120,
    )
    wait_until(
        lambda: grafana.session.get(f"{grafana.url}/api/health", timeout=5).status_code == 200, "Grafana is healthy"
    )
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


@pytest.mark.long
@pytest.mark.parametrize("name", SERVICES)
def test_restarted_services_come_back_with_their_data(host, prometheus, grafana, kept, name):
    host(name).check_output(f"docker restart {' '.join(SERVICES[name])}")
    wait_for_recovery(prometheus, grafana)


@pytest.fixture
def late_service(play):
    """A service of the collection on monitor1 that publishes an address that is missing after a boot."""
    image = on("monitor1", "docker inspect --format '{{.Config.Image}}' node-exporter").strip()
    late = {
        "name": "late",
        "image": image,
        "ports": [{"container_port": 9100, "host_port": 9101, "address": LATE_ADDRESS}],
    }

    def deploy(**service):
        task = {"mlops.gpu_monitoring.container_service": {"services": [{"name": "late", **service}]}}
        run = play({"hosts": "monitor1", "tasks": [task]})
        assert run.code == 0, run.output

    on("monitor1", f"ip address add {LATE_ADDRESS}/32 dev lo")
    deploy(**late)
    yield
    deploy(state="absent")
    on("monitor1", f"ip address del {LATE_ADDRESS}/32 dev lo")


def test_the_monitoring_host_comes_back_from_a_reboot(prometheus, grafana, kept, late_service):
    reboot("monitor1")
    wait_until(
        lambda: "cannot assign requested address" in container_state("monitor1", "late")["Error"],
        "the engine gave up on the service",
    )
    on("monitor1", f"ip address add {LATE_ADDRESS}/32 dev lo")
    wait_until(lambda: container_state("monitor1", "late")["Running"], "the service is started without Ansible")
    wait_for_recovery(prometheus, grafana)
