"""The role node_exporter's container with a real node exporter on this machine's engine."""

from __future__ import annotations

import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from container_gpu_collector import exposition, families, textfile
from container_gpu_collector.allocation import Given
from container_gpu_collector.inventory import Device

from tests.engine.image import PREFIX
from tests.lab import images
from tests.unit.roles.collector.recorded import GPUS, container
from tests.unit.roles.rendering import GPU, fleet, service


@pytest.fixture(scope="session")
def exporter_image():
    base = images.build("base", {})
    return images.build(
        "node_exporter", {"LAB_BASE": base, "LAB_PYTHON_BASE": images.build("python", {"LAB_BASE": base})}
    )


@pytest.fixture
def deployed(request, run, name, exporter_image, tmp_path):
    """The role's options for this machine, with the variables of the parameter, and what a first run of them made."""
    pressure = {"gpu_monitoring_host": {"kernel": {"pressure": Path("/proc/pressure").exists()}, "gpu": GPU}}
    shared = {
        "node_exporter_image": exporter_image,
        "gpu_monitoring_nofile": 1024,
        "gpu_monitoring_config_dir": str(tmp_path),
    }
    variables = {**pressure, **shared, **getattr(request, "param", {})}
    inventory = fleet({"this-host": {"ansible_host": "127.0.0.1"}}, {"this-host": {}}, variables)
    options = service("node_exporter", "node-exporter", inventory, "this-host", tmp_path)
    options.update(name=name, container_name=name, networks=[PREFIX], ports=[])
    return options, run(**options)


def metrics(result):
    """Values by series."""
    text = requests.get(f"http://{result['container']['ip']}:9100/metrics", timeout=10).text
    return {series: float(value) for series, value in re.findall(r"^([^#\s]\S*) (\S+)$", text, re.MULTILINE)}


def test_it_sees_the_machine_and_not_its_container(deployed):
    seen = metrics(deployed[1])
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) * 1024
    assert seen["node_memory_MemTotal_bytes"] == memory
    assert any(series.startswith("node_filesystem_size_bytes{") and 'mountpoint="/"' in series for series in seen)
    interfaces = {
        interface
        for _index, interface in socket.if_nameindex()
        if not re.match(r"lo$|veth|docker|br-|virbr|cali|cni|flannel", interface)
    }
    assert {
        re.search('device="([^"]+)"', series)[1]
        for series in seen
        if series.startswith("node_network_receive_bytes_total{")
    } == interfaces
    nameless = {"hwmon", "infiniband", "nvme", "edac", "timex"}  # A machine need not have what these read.
    failed = {
        re.search('collector="([^"]+)"', series)[1]
        for series, value in seen.items()
        if series.startswith("node_scrape_collector_success") and not value
    }
    assert failed <= nameless


EXTRA = [
    "arp",
    "cpufreq",
    "entropy",
    "interrupts",
    "netstat",
    "sockstat",
    "softirqs",
    "softnet",
    "thermal_zone",
    "udp_queues",
]


@pytest.mark.parametrize("deployed", [{"node_exporter_collectors_extra": EXTRA}], indirect=True)
def test_further_collectors_see_the_machine_too(deployed):
    seen = metrics(deployed[1])
    assert {name: seen[f'node_scrape_collector_success{{collector="{name}"}}'] for name in EXTRA} == dict.fromkeys(
        EXTRA, 1
    )
    assert "node_entropy_available_bits" in seen
    used = int(re.search(r"sockets: used (\d+)", Path("/proc/net/sockstat").read_text())[1])
    assert abs(seen["node_sockstat_sockets_used"] - used) < max(100, used / 2)


def test_it_has_the_ends_of_the_certificates(deployed):
    seen = metrics(deployed[1])
    assert seen['gpu_monitoring_certificate_expiry_timestamp_seconds{kind="server",subject="CN=gpu1"}'] == 1800000000
    assert seen["node_textfile_scrape_error"] == 0


def test_another_run_changes_nothing(deployed, run):
    options, first = deployed
    assert first["changed"]
    again = run(**options)
    assert not again["changed"], again


def test_it_has_what_the_container_gpu_collector_writes(deployed, tmp_path):
    """Containers with and without labels of their own, and with odd values."""
    odd = replace(container("26.1", "cdi-0"), labels=(("team", 'a"b\\c\nd'),))
    given = [Given(entry, Device(GPUS["26.1"][0]), "cdi") for entry in (odd, container("26.1", "dcgm-exporter"))]
    families_of_all = [families.allocation(given, "systemd"), *families.state({"device": 0}, 1800000000)]
    textfile.write(str(tmp_path / "textfile" / "container_gpu.prom"), exposition.render(families_of_all))
    text = requests.get(f"http://{deployed[1]['container']['ip']}:9100/metrics", timeout=10).text
    lines = [line for line in text.splitlines() if line.startswith("container_gpu_info{")]
    assert len(lines) == 2
    assert [line for line in lines if 'container_label_team="a\\"b\\\\c\\nd"' in line and 'name="t-cdi-0"' in line]
    seen = metrics(deployed[1])
    assert seen["container_gpu_collector_last_success_timestamp_seconds"] == 1800000000
    assert seen["node_textfile_scrape_error"] == 0
