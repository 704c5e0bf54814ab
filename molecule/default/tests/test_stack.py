"""What was deployed does what the mission says, seen from the far end."""

from __future__ import annotations

import json
import stat
from datetime import datetime

import pytest
import requests
import yaml

from tests.stack import PANELS, PASSWORD_FILE, SERVICES, TARGETS, wait_until

EVERY_SERVICE = [(name, service) for name, services in SERVICES.items() for service in services]


def inspect(host, name, service):
    return json.loads(host(name).check_output("docker inspect %s", service))[0]


@pytest.mark.parametrize(("name", "service"), EVERY_SERVICE)
def test_container_runs_and_never_restarted(host, name, service):
    container = inspect(host, name, service)
    assert container["State"]["Running"]
    assert container["RestartCount"] == 0
    assert container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert not container["HostConfig"]["Privileged"]
    assert container["HostConfig"]["CapDrop"] == ["ALL"]


def test_every_target_is_up(prometheus):
    assert wait_until(
        lambda: prometheus.health() == dict.fromkeys(TARGETS, "up"), lambda: f"targets are {prometheus.health()}"
    )


def test_scrape_interval_is_five_seconds_in_the_running_configuration(prometheus):
    running = yaml.safe_load(prometheus.get("status/config")["yaml"])
    assert running["global"]["scrape_interval"] == "5s"
    assert {target["scrapeInterval"] for target in prometheus.get("targets")["activeTargets"]} == {"5s"}


def test_the_interval_reaches_exporters_and_datasource(host, grafana):
    assert "DCGM_EXPORTER_INTERVAL=5000" in inspect(host, "gpu1", "dcgm-exporter")["Config"]["Env"]
    assert "--housekeeping_interval=5s" in inspect(host, "gpu1", "cadvisor")["Args"]
    assert grafana.get("/api/datasources/uid/prometheus")["jsonData"]["timeInterval"] == "5s"


def test_dashboard_has_the_four_panels_word_for_word(grafana):
    dashboard = grafana.dashboard()["dashboard"]
    assert dashboard["title"] == "ML system monitoring"
    assert {panel["title"]: panel["targets"][0]["expr"] for panel in dashboard["panels"]} == PANELS
    legends = {panel["title"]: panel["targets"][0]["legendFormat"] for panel in dashboard["panels"]}
    assert legends["GPU Utilization"] == "{{modelName}} - GPU {{gpu}}"
    assert legends["Docker Container Memory Usage (MB)"] == "{{name}}"


@pytest.mark.parametrize("expression", PANELS.values(), ids=PANELS)
def test_panel_shows_data_through_grafana(grafana, expression):
    assert wait_until(lambda: grafana.frames(expression), f"no data for {expression}")


@pytest.mark.parametrize("name", ["gpu1", "gpu2"])
def test_every_gpu_of_the_host_is_seen(host, prometheus, name):
    uuids = set(host(name).check_output("nvidia-smi --query-gpu=uuid --format=csv,noheader,nounits").split())
    seen = {sample["metric"]["UUID"] for sample in prometheus.query(f'DCGM_FI_DEV_GPU_UTIL{{host="{name}"}}')}
    assert seen == uuids
    assert not prometheus.query('{__name__=~"DCGM_.*",Hostname!=""}')


@pytest.mark.parametrize("name", ["gpu1", "gpu2"])
def test_every_container_of_the_host_is_seen_by_name(host, prometheus, name):
    running = set(host(name).check_output("docker ps --format '{{.Names}}'").split())
    query = f'container_memory_usage_bytes{{host="{name}",image!="",name!=""}}'
    wait_until(
        lambda: {sample["metric"]["name"] for sample in prometheus.query(query)} == running,
        f"Prometheus does not see {running}",
    )


def test_exporters_listen_on_the_address_of_the_inventory_only(host, addresses):
    for service, port in (("cadvisor-proxy", "8443/tcp"), ("dcgm-exporter", "9400/tcp"), ("node-exporter", "9100/tcp")):
        assert {binding["HostIp"] for binding in inspect(host, "gpu1", service)["NetworkSettings"]["Ports"][port]} == {
            addresses["gpu1"]
        }
    assert not any(inspect(host, "gpu1", "cadvisor")["NetworkSettings"]["Ports"].values())


def test_prometheus_sends_a_browser_to_the_query_page(prometheus):
    """The build of the lab has no pages: the Go module of Prometheus has none."""
    answer = prometheus.session.get(f"{prometheus.url}/", timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/query")


def test_grafana_asks_for_a_login(grafana):
    answers = {
        path: requests.get(f"{grafana.url}{path}", verify=grafana.session.verify, timeout=10).status_code
        for path in ("/login", "/api/datasources")
    }
    assert answers == {"/login": 200, "/api/datasources": 401}


def test_the_password_is_kept_and_nowhere_to_be_seen(host):
    password = PASSWORD_FILE.read_text().strip()
    assert len(password) == 32
    assert stat.S_IMODE(PASSWORD_FILE.stat().st_mode) == 0o600
    kept = host("monitor1").file("/etc/gpu_monitoring/grafana/admin_password")
    assert (kept.mode, kept.uid) == (0o400, 472)
    assert password not in host("monitor1").check_output(
        "docker inspect grafana; docker logs grafana 2>&1; ps -eo args"
    )


def test_the_engine_kept_its_configuration_and_got_the_runtime(host):
    daemon = json.loads(host("gpu1").file("/etc/docker/daemon.json").content_string)
    assert "registry.lab:5000" in daemon["insecure-registries"]
    assert daemon["runtimes"]["nvidia"]["path"] == "nvidia-container-runtime"
    shown = host("gpu1").check_output("docker inspect --format '{{.HostConfig.Runtime}}' dcgm-exporter").strip()
    assert shown == "nvidia"


def test_the_engine_that_reads_cdi_specifications_was_not_touched(host):
    assert "runtimes" not in json.loads(host("gpu2").file("/etc/docker/daemon.json").content_string)
    assert inspect(host, "gpu2", "dcgm-exporter")["HostConfig"]["DeviceRequests"][0]["DeviceIDs"] == [
        "nvidia.com/gpu=all"
    ]


@pytest.mark.parametrize("name", ["gpu1", "gpu2"])
def test_the_training_job_runs_since_before_the_toolkit_was_installed(host, name):
    """It was started before the first converge, which reloaded gpu1's engine, and its counter never stood still for a
    second.
    """
    job = inspect(host, name, "training-job")
    assert job["State"]["Running"]
    assert job["RestartCount"] == 0
    started = datetime.fromisoformat(job["State"]["StartedAt"][:26] + "+00:00").timestamp()
    assert started < host(name).file("/usr/share/keyrings/nvidia-container-toolkit-keyring.asc").mtime.timestamp()
    steps = [int(line) / 1e9 for line in host(name).check_output("docker exec training-job cat /tmp/steps").split()]
    assert max(later - earlier for earlier, later in zip(steps, steps[1:], strict=False)) <= 1


def test_the_toolkit_is_pinned(host):
    versions = host("gpu1").check_output(
        "dpkg-query -W -f '${Package} ${Version}\\n' 'nvidia-container-*' 'libnvidia-container*'"
    )
    assert len(versions.splitlines()) == 4
    assert len({line.split()[1] for line in versions.splitlines()}) == 1
    held = set(host("gpu1").check_output("apt-mark showhold").split())
    assert held == {line.split()[0] for line in versions.splitlines()}
