"""A run for a part of the roles or of the hosts does all that this part needs, and leaves the rest as it was."""

from __future__ import annotations

import json

import pytest

from tests.lab import hosts, shell
from tests.stack import LAB_NAME, SERVICES, wait_until

TARGETS = "/etc/gpu_monitoring/prometheus/targets/nvidia-gpu.json"
# The roles that deploy a container, and where the test removes it. A run is for the roles of one set.
CONTAINERS = [
    pytest.param(
        {
            "grafana": ("monitor1", "grafana"),
            "node_exporter": ("gpu1", "node-exporter"),
            "cadvisor": ("gpu1", "cadvisor-proxy"),
            "dcgm_exporter": ("gpu2", "dcgm-exporter"),
        },
        id="first",
    ),
    pytest.param(
        {
            "alertmanager": ("monitor1", "alertmanager"),
            "prometheus": ("monitor1", "prometheus"),
            "container_gpu_collector": ("gpu1", "container-gpu-collector"),
        },
        id="second",
        marks=pytest.mark.long,
    ),
]


@pytest.mark.parametrize("containers", CONTAINERS)
def test_the_names_of_roles_as_tags_deploy_them_alone(site, host, started, containers):
    before = started()
    for name, container in containers.values():
        host(name).check_output(f"docker rm --force {container}")
    run = site(f"--tags={','.join(containers)}")
    assert run.code == 0, run.output
    after = started()
    assert {key for key in before if before[key] != after.get(key)} == {*containers.values()}
    assert {(name, service) for name, services in SERVICES.items() for service in services} == {*after}


def test_roles_without_a_container_change_nothing(site, started):
    before = started()
    run = site("--tags=common,docker_engine,tls,nvidia_container_toolkit")
    assert run.code == 0, run.output
    assert {counts["changed"] for counts in run.recap.values()} == {0}
    assert started() == before


@pytest.mark.long
def test_a_host_without_a_gpu_stays_out_of_the_targets_when_a_run_leaves_it_out(site, host, prometheus):
    """An earlier run found no GPU in gpu2: it wrote a group without targets."""
    monitor = host("monitor1")
    complete = monitor.file(TARGETS).content_string
    without = [
        group if group["labels"]["host"] != "gpu2" else {**group, "targets": []} for group in json.loads(complete)
    ]
    monitor.check_output(f"cat >{TARGETS} <<'END'\n{json.dumps(without, indent=4, sort_keys=True)}\nEND")
    run = site("--limit=monitor1")
    assert (run.code, run.recap["monitor1"]["changed"]) == (0, 0), run.output
    assert json.loads(monitor.file(TARGETS).content_string) == without
    wait_until(lambda: ("nvidia-gpu", "gpu2") not in prometheus.health(), "Prometheus leaves gpu2 out")
    run = site()
    assert run.code == 0, run.output
    assert monitor.file(TARGETS).content_string == complete
    wait_until(lambda: prometheus.health().get(("nvidia-gpu", "gpu2")) == "up", "Prometheus scrapes gpu2 again")


def test_a_limited_run_names_the_host_that_prometheus_does_not_know(site, host):
    """The monitoring host was deployed before gpu2 came into the inventory."""
    monitor = host("monitor1")
    complete = monitor.file(TARGETS).content_string
    without = [group for group in json.loads(complete) if group["labels"]["host"] != "gpu2"]
    monitor.check_output(f"cat >{TARGETS} <<'END'\n{json.dumps(without)}\nEND")
    try:
        run = site("--limit=gpu2")
        assert (run.code, run.recap["gpu2"]["changed"]) == (0, 0), run.output
        assert "Prometheus on monitor1 does not know gpu2, or knows another address or port." in run.output
        assert "--limit monitor1" in run.output
    finally:
        monitor.check_output(f"cat >{TARGETS} <<'END'\n{complete}\nEND")


@pytest.mark.long
def test_a_host_that_is_down_is_named_and_the_others_are_deployed(site, host):
    host("monitor1").check_output("docker rm --force node-exporter")
    shell.run("docker", "pause", hosts.container(LAB_NAME, "gpu2"))
    try:
        run = site()
        assert run.code == 4, run.output
        assert run.recap["gpu2"]["unreachable"] == 1
        assert "gpu2: Nothing was deployed: " in run.output
        assert run.output.count("UNREACHABLE!") == 1
        host("monitor1").check_output("docker inspect node-exporter")
    finally:
        shell.run("docker", "unpause", hosts.container(LAB_NAME, "gpu2"))
