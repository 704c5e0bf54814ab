"""Numbers of every host, from machines, model servers and GPUs, and what changes them."""

from __future__ import annotations

import pytest
import yaml

from tests.stack import INVENTORY, SERVICES, wait_until

RELOADED = "prometheus_config_last_reload_success_timestamp_seconds"

pytestmark = pytest.mark.long


@pytest.fixture
def own(prometheus):
    """Reads one of Prometheus' own metrics."""

    def read(name):
        lines = prometheus.session.get(f"{prometheus.url}/metrics", timeout=10).text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))

    return read


@pytest.fixture
def inventory_with(tmp_path):
    """The lab's inventory with variables for a host, which is new if the group does not have it yet."""

    def write(host, **variables):
        inventory = yaml.safe_load(INVENTORY.read_text())
        hosts = inventory["all"]["children"]["gpu_hosts"]["hosts"]
        hosts[host] = {**(hosts.get(host) or {}), **variables}
        path = tmp_path / "inventory.yml"
        path.write_text(yaml.safe_dump(inventory))
        return path

    return write


@pytest.fixture
def taken_back(site):
    """Leaves the stack as converge made it."""
    yield
    assert site("--limit=monitor1").code == 0


def test_every_machine_is_measured_and_not_its_container(prometheus, host):
    wait_until(
        lambda: (
            {key[1] for key, state in prometheus.health().items() if key[0] == "node" and state == "up"}
            == set(SERVICES)
        ),
        "every machine",
    )

    def recent_systems():
        """A Prometheus that restarts ends no series: it answers the previous name of a host for five minutes."""
        series = [sample["metric"] for sample in prometheus.query("last_over_time(node_uname_info[15s])")]
        return series if len(series) == len(SERVICES) else None

    systems = {system["host"]: system for system in wait_until(recent_systems, "a host has more than one name")}
    for name in SERVICES:
        (memory,) = prometheus.query(f'node_memory_MemTotal_bytes{{host="{name}"}}')
        assert (
            int(memory["value"][1]) == int(host(name).check_output("awk '/MemTotal/ {print $2}' /proc/meminfo")) * 1024
        )
        assert (systems[name]["nodename"], systems[name]["release"]) == (name, host(name).check_output("uname -r"))
        received = prometheus.query(f'node_network_receive_bytes_total{{host="{name}",device="eth0"}}')
        assert int(received[0]["value"][1]) <= int(
            host(name).check_output("cat /sys/class/net/eth0/statistics/rx_bytes")
        )
        assert int(received[0]["value"][1]) > 1000000
        failed = {
            sample["metric"]["collector"]
            for sample in prometheus.query(f'node_scrape_collector_success{{host="{name}"}} == 0')
        }
        assert failed <= {"edac", "hwmon", "infiniband", "nvme", "timex"}, name


def test_the_rules_are_loaded_and_healthy(prometheus):
    groups = {group["name"]: group for group in prometheus.get("rules")["groups"]}
    assert groups["dcgm-legacy-units"]["interval"] == 5
    # Prometheus evaluates the groups of ten minutes up to ten minutes after its start.
    frequent = {name for name, group in groups.items() if group["interval"] <= 60}
    assert len(frequent) > 5

    def health():
        answered = {group["name"]: group["rules"] for group in prometheus.get("rules")["groups"]}
        assert not [rule for rules in answered.values() for rule in rules if rule["health"] == "err"]
        return {rule["health"] for name in frequent for rule in answered[name]}

    wait_until(lambda: health() == {"ok"}, "a rule is not healthy")


def test_every_gpu_series_says_where_it_is_from(prometheus):
    gpus = prometheus.query("DCGM_FI_DEV_GPU_UTIL")
    assert gpus
    for sample in gpus:
        assert {"host", "gpu", "UUID", "modelName", "device", "pci_bus_id"} <= set(sample["metric"])
    assert not prometheus.query('{__name__=~"DCGM_.*",host=""}')


@pytest.mark.usefixtures("taken_back")
def test_a_host_comes_and_goes_without_a_reload(site, prometheus, own, started, inventory_with):
    before, reloaded = started(), own(RELOADED)
    (oldest,) = prometheus.query('min_over_time(timestamp(node_load1{host="gpu1"})[10m:5s])')

    run = site("--limit=monitor1", inventory=inventory_with("gpu9", gpu_monitoring_address="192.0.2.9"))
    assert run.code == 0, run.output
    assert run.recap["monitor1"]["changed"] == 1
    expected = {(job, "gpu9") for job in ("cadvisor", "node", "nvidia-gpu")}
    wait_until(lambda: {key for key in prometheus.health() if key[1] == "gpu9"} == expected, "gpu9 is not a target")
    assert (own(RELOADED), started()) == (reloaded, before)

    run = site("--limit=monitor1")
    assert run.code == 0, run.output
    wait_until(lambda: "gpu9" not in {key[1] for key in prometheus.health()}, "gpu9 is still a target")
    assert (own(RELOADED), started()) == (reloaded, before)
    moment = float(oldest["value"][1])
    assert prometheus.query('node_load1{host="gpu1"}', time=moment)


@pytest.fixture
def model_server(host):
    """The name of a server on port 8500 of gpu1. Its metrics have no content type that Prometheus knows."""
    host("gpu1").check_output("mkdir -p /tmp/llama && echo 'llama_requests_total 3' >/tmp/llama/metrics")
    host("gpu1").check_output("systemd-run --unit=llama python3 -m http.server 8500 --directory /tmp/llama")
    yield "llama"
    host("gpu1").check_output("systemctl stop llama")


@pytest.mark.usefixtures("taken_back")
def test_a_model_server_is_found_by_its_name(site, prometheus, own, inventory_with, model_server):
    reloaded = own(RELOADED)
    run = site(
        "--limit=monitor1", inventory=inventory_with("gpu1", model_servers=[{"name": model_server, "port": 8500}])
    )
    assert run.code == 0, run.output
    up = 'up{job="model-server",host="gpu1",server="llama"} == 1'
    wait_until(lambda: prometheus.query(up), "the model server is not up")
    assert prometheus.query('llama_requests_total{job="model-server",host="gpu1",server="llama"}')
    assert own(RELOADED) == reloaded


@pytest.mark.parametrize(
    "server", [{"name": "llama", "port": "http"}, {"name": "llama", "port": 8000, "path": "metrics"}]
)
def test_a_model_server_that_is_not_valid_is_refused_before_anything_changes(site, started, inventory_with, server):
    before = started()
    run = site(inventory=inventory_with("gpu2", model_servers=[server]))
    assert run.code != 0
    assert "model_servers on gpu2" in run.error and "'llama'" in run.error, run.output
    assert sum(counts["changed"] for counts in run.recap.values()) == 0
    assert started() == before


def test_rules_of_the_site_are_taken_with_a_reload(site, prometheus, own, started):
    before, reloaded = started(), own(RELOADED)
    rules = [{"name": "site", "rules": [{"record": "gpu:busy", "expr": "DCGM_FI_DEV_GPU_UTIL > 0"}]}]
    try:
        run = site("--limit=monitor1", variables={"prometheus_rules_extra": rules})
        assert run.code == 0, run.output
        wait_until(lambda: prometheus.query("gpu:busy"), "the rule has no result")
        assert own(RELOADED) > reloaded
        broken = [{"name": "site", "rules": [{"record": "gpu:busy", "expr": "sum("}]}]
        run = site("--limit=monitor1", variables={"prometheus_rules_extra": broken})
        assert run.code != 0
        assert "extra.yml" in run.error and "promtool" in run.error
        assert "site" in {group["name"] for group in prometheus.get("rules")["groups"]}
    finally:
        assert site("--limit=monitor1").code == 0
    assert "site" not in {group["name"] for group in prometheus.get("rules")["groups"]}
    assert started() == before


def test_a_removed_container_is_missing_at_once(prometheus, host):
    """Within a few scrapes, and not after the five minutes for which Prometheus draws a series that says nothing."""
    gpu1 = host("gpu1")
    image = gpu1.check_output("docker inspect --format '{{.Image}}' training-job").strip()
    query = 'container_memory_usage_bytes{host="gpu1",name="short-lived"}'
    gpu1.check_output("docker run --detach --name short-lived --entrypoint /bin/sh %s -c 'sleep 600'", image)
    try:
        wait_until(lambda: prometheus.query(query), "the container is not seen")
    finally:
        gpu1.check_output("docker rm --force short-lived")
    wait_until(lambda: not prometheus.query(query), "the container is still drawn", seconds=30)
