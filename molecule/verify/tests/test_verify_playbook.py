"""The playbook verify is content with the stack, and says one sentence for each fault that is made."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from tests.lab import driver, hosts
from tests.stack import LAB_NAME, ROOT, run_playbook, unreachable, wait_until

MARK = "/etc/gpu_monitoring/prometheus.data_since"
SHIFTED = """
import http.server, ssl, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b"node_time_seconds %f\\n" % (time.time() - 120))
server = http.server.ThreadingHTTPServer(("0.0.0.0", PORT), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/etc/gpu_monitoring/node_exporter/tls.crt", "/etc/gpu_monitoring/node_exporter/tls.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def test_the_stack_is_whole(verify, tmp_path):
    run, report = verify(verify_wait="60s")
    assert run.code == 0, run.output
    assert sum(counts["changed"] for counts in run.recap.values()) == 0
    rows = {row["host"]: row for row in report["hosts"]}
    assert set(rows) == {"gpu1", "gpu2", "monitor1"}
    assert (rows["gpu1"]["gpus_seen"], rows["gpu1"]["gpus_there"], rows["gpu2"]["gpus_there"]) == (2, 2, 1)
    assert rows["gpu1"]["containers_seen"] == rows["gpu1"]["containers_there"] >= 3
    assert 0 <= rows["gpu1"]["sample_age"] < 60
    assert report["dashboards"]["ml-system-monitoring"] == 4
    assert "host " in run.output


def test_a_dry_run_checks_as_well(verify):
    run = run_playbook(ROOT / "playbooks" / "verify.yml", "--check", "--diff")
    assert run.code == 0, run.output
    assert sum(counts["changed"] for counts in run.recap.values()) == 0


@pytest.mark.parametrize("name", ["gpu1", pytest.param("gpu2", marks=pytest.mark.long)])
def test_an_exporter_that_stopped(told, host, name):
    host(name).check_output("docker stop dcgm-exporter")
    try:
        told(f"The DCGM exporter of {name} does not run: its container dcgm-exporter is exited. ")
    finally:
        host(name).check_output("docker start dcgm-exporter")


def test_an_exporter_that_is_frozen(told):
    gpus = driver.gpus("gpu2")
    hosts.set_state(LAB_NAME, "gpu2", driver.state(gpus, frozen=True))
    try:
        told("The DCGM exporter of gpu2 is frozen: ", verify_frozen_after="15s")
    finally:
        hosts.set_state(LAB_NAME, "gpu2", driver.state(gpus))


def test_a_gpu_that_is_not_seen(told):
    """The host gets a third GPU, which the exporter's container was not given."""
    gpus = driver.gpus("gpu1")
    new = driver.Gpu(2, "GPU-00000001-0000-4000-8000-000000000002", gpus[0].name, gpus[0].memory_mib)
    hosts.set_state(LAB_NAME, "gpu1", driver.state([*gpus, new]))
    try:
        told(f"gpu1 has 3 GPUs and Prometheus sees 2: {new.uuid} (index 2) is missing.")
    finally:
        hosts.set_state(LAB_NAME, "gpu1", driver.state(gpus))


def test_a_gpu_that_fell_off_the_bus_and_a_driver_that_waits_for_a_reboot(told, host, site):
    """The exporter still measures the others, and is not recreated."""
    first, second = driver.gpus("gpu1")
    started = host("gpu1").check_output("docker inspect --format '{{.State.StartedAt}}' dcgm-exporter")
    try:
        hosts.set_state(LAB_NAME, "gpu1", driver.state([first], lost=[second]))
        run = site("--limit=gpu1", "--tags=nvidia_container_toolkit,dcgm_exporter")
        assert run.code == 0, run.output
        assert "2 NVIDIA PCI devices, 1 GPU answers: 0000:02:00.0 does not." in run.output
        told("gpu1 has 2 NVIDIA PCI devices, 1 GPU answers: 0000:02:00.0 does not. ")
        hosts.set_state(LAB_NAME, "gpu1", driver.state([first, second], smi="mismatch"))
        run = site("--limit=gpu1", "--tags=nvidia_container_toolkit,dcgm_exporter")
        assert run.code == 0, run.output
        told(
            "GPUs of gpu1 were not compared: The host has NVIDIA hardware but its driver shows no GPU:"
            " Failed to initialize NVML: "
        )
        assert host("gpu1").check_output("docker inspect --format '{{.State.StartedAt}}' dcgm-exporter") == started
    finally:
        hosts.set_state(LAB_NAME, "gpu1", driver.state([first, second]))


def of_kind(kind, gpus):
    """The state of a host whose GPUs are of another kind. vGPUs give only memory and clocks, which stand still."""
    if kind == "no GPU":
        return driver.state([])
    if kind == "shared memory":
        return driver.state(
            [replace(gpu, name="NVIDIA GB10", memory_mib=0) for gpu in gpus], absent=driver.NOT_OF_SHARED_MEMORY
        )
    values = {
        "DCGM_FI_DEV_SM_CLOCK": 1590,
        "DCGM_FI_DEV_MEM_CLOCK": 5000,
        "DCGM_FI_DEV_FB_USED": 0,
        "DCGM_FI_DEV_FB_FREE": 15360,
    }
    made = [replace(gpu, name="GRID T4-16Q", memory_mib=16384) for gpu in gpus]
    return driver.state(made, {str(gpu.minor): values for gpu in gpus}, absent=driver.NOT_OF_VGPU)


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "gone"),
    [
        ("vgpu", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"),
        ("shared memory", "DCGM_FI_DEV_FB_USED"),
        ("no GPU", "DCGM_FI_DEV_SM_CLOCK"),
    ],
)
def test_a_fleet_of_other_gpus_is_whole(verify, site, prometheus, kind, gone):
    """No panel is missed that such GPUs cannot fill, and none of them counts as frozen."""
    try:
        for name in ("gpu1", "gpu2"):
            hosts.set_state(LAB_NAME, name, of_kind(kind, driver.gpus(name)))
        if kind == "no GPU":
            assert site().code == 0
        # Longer than values may stand still, so that what was measured before is out of the window.
        wait_until(
            lambda: not prometheus.query(f"count_over_time({gone}[40s])"), f"{gone} is still measured", seconds=120
        )
        run, report = verify(verify_wait="60s", verify_frozen_after="15s")
        assert run.code == 0, run.output
        assert [row["gpus_there"] for row in report["hosts"][:2]] == ([None, None] if kind == "no GPU" else [2, 1])
    finally:
        for name in ("gpu1", "gpu2"):
            hosts.set_state(LAB_NAME, name, driver.state(driver.gpus(name)))
        if kind == "no GPU":
            assert site().code == 0


@pytest.mark.long
def test_a_host_engine_beside_that_of_the_exporter_is_a_warning(host, site):
    """Something else of this name stands in for NVIDIA's."""
    host("gpu2").check_output(
        "cp /bin/sleep /usr/local/bin/nv-hostengine && systemd-run --unit=hostengine nv-hostengine 600"
    )
    try:
        run = site("--limit=gpu2", "--tags=dcgm_exporter")
        assert run.code == 0, run.output
        assert "[WARNING]: nv-hostengine runs on gpu2 (/usr/local/bin/nv-hostengine 600)" in run.output
    finally:
        host("gpu2").check_output("systemctl stop hostengine && rm /usr/local/bin/nv-hostengine")


# `tests/engine/test_verify.py` has the first sentence too.
@pytest.mark.long
@pytest.mark.parametrize(
    ("dropped", "sentence"),
    [
        pytest.param("--docker_only=true", "The containers of gpu2 have no name: ", id="as without the role"),
        pytest.param("", "cAdvisor of gpu2 says nothing of ", id="as by the role"),
    ],
)
def test_cadvisor_without_labels(told, host, site, dropped, sentence):
    """It is run without the directory of the engine's socket."""
    [cadvisor] = json.loads(host("gpu2").check_output("docker inspect cadvisor"))
    mounts = "--volume /:/rootfs:ro --volume /sys:/sys:ro --volume /var/lib/docker:/var/lib/docker:ro"
    host("gpu2").check_output("docker rm --force cadvisor")
    try:
        command = f"docker run --detach --name cadvisor --network monitoring {mounts} {cadvisor['Config']['Image']}"
        host("gpu2").check_output(f"{command} {' '.join(cadvisor['Config']['Cmd']).replace(dropped, '')}")
        told(sentence)
    finally:
        host("gpu2").check_output("docker rm --force cadvisor")
        assert site().code == 0


@pytest.mark.long
def test_a_host_that_is_not_reachable(told):
    with unreachable("gpu2"):
        told("gpu2 cannot be reached by Ansible, and Prometheus gets nothing from it either: ")


@pytest.mark.long
def test_a_clock_two_minutes_behind(told, host, prometheus):
    """Something else answers for the node exporter, whose clock is another."""
    [url] = [
        target["scrapeUrl"]
        for target in prometheus.get("targets")["activeTargets"]
        if (target["labels"]["job"], target["labels"].get("host")) == ("node", "gpu2")
    ]
    port = urlsplit(url).port
    exporter = host("gpu2").check_output("docker ps --quiet --filter publish=%s", str(port)).strip()
    host("gpu2").check_output("docker stop %s", exporter)
    try:
        host("gpu2").check_output("systemd-run --unit=shifted-clock python3 -c %s", SHIFTED.replace("PORT", str(port)))
        told("The clock of gpu2 is 120 s behind that of the monitoring host. ")
    finally:
        host("gpu2").run("systemctl stop shifted-clock")
        host("gpu2").check_output("docker start %s", exporter)


@pytest.mark.long
def test_a_dashboard_that_was_deleted(told, grafana, site):
    grafana.session.delete(f"{grafana.url}/api/dashboards/uid/ml-system-monitoring", timeout=10).raise_for_status()
    try:
        told("The dashboard ml-system-monitoring is not in Grafana. ")
    finally:
        assert site("--limit=monitor1").code == 0


@pytest.mark.long
def test_another_interval_in_the_running_configuration(told, host, prometheus, site):
    host("monitor1").check_output("sed -i s/5s/15s/ /etc/gpu_monitoring/prometheus/prometheus.yml")
    prometheus.session.post(f"{prometheus.url}/-/reload", timeout=10).raise_for_status()
    try:
        told("The running configuration of Prometheus scrapes every 15 s, and gpu_monitoring_scrape_interval is 5 s. ")
    finally:
        assert site("--limit=monitor1").code == 0


@pytest.mark.long
def test_a_prometheus_that_lost_its_data(told, host, site):
    host("monitor1").check_output("touch --date='1 day ago' %s", MARK)
    host("monitor1").check_output("docker rm --force prometheus && docker volume rm prometheus-data")
    assert site("--limit=monitor1").code == 0
    try:
        told("Prometheus lost its data: it should have data since ")
    finally:
        host("monitor1").check_output("rm %s", MARK)
        assert site("--limit=monitor1").code == 0
