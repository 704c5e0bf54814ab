"""Names and ports that something else has, before a run changes anything."""

from __future__ import annotations

import os
import socket
from dataclasses import replace

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import conflicts, listeners
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.conflicts import (
    ExistingContainer,
    PlannedService,
)

PROMETHEUS = PlannedService("prometheus", "prometheus", address="10.0.0.9", port=9090)
NODE = PlannedService("node_exporter", "node-exporter", address="10.0.0.9", port=9100)


def conflicts_with(*existing, planned=(PROMETHEUS, NODE), programs=()):
    return conflicts.find(
        "monitor1",
        planned,
        existing,
        lambda address, port: "the program cockpit-tls (process 7)" if port in programs else "",
    )


def test_a_free_host_and_containers_of_the_collection_are_no_conflict():
    own = ExistingContainer("prometheus", "prometheus", "prom", (("10.0.0.9", 9090),))
    moved = ExistingContainer("grafana", "grafana", "graf", (("0.0.0.0", 9100),))
    assert conflicts_with() == []
    assert conflicts_with(own, moved, programs=(9090, 9100)) == []


def test_a_foreign_container_of_the_name_names_the_prefix():
    [problem] = conflicts_with(ExistingContainer("prometheus", "", "prom/prometheus:v2"))
    assert problem == (
        "gpu_monitoring_container_prefix on monitor1: a container named prometheus exists, and the collection did not"
        " make it (image prom/prometheus:v2). Rename or remove the container, or set a prefix such as gpu-."
    )


def test_a_site_can_keep_an_alertmanager_of_its_own_that_has_the_name():
    [problem] = conflicts_with(
        ExistingContainer("alertmanager", "", "am"), planned=(PlannedService("alertmanager", "alertmanager"),)
    )
    assert problem.endswith(
        "Rename or remove the container, or set a prefix such as gpu-, or set alertmanager_enabled: false"
        " and put the target of that program into prometheus_alertmanagers."
    )


@pytest.mark.parametrize(
    ("address", "taken"), [("10.0.0.9", True), ("0.0.0.0", True), ("127.0.0.1", False), ("::", False)]
)
def test_a_port_of_a_foreign_container(address, taken):
    problems = conflicts_with(ExistingContainer("other", "", "app", ((address, 9100),)))
    assert problems == (
        [
            "node_exporter_port on monitor1: the container other has port 9100 of 10.0.0.9, which the role"
            " node_exporter needs. Stop it, or choose another node_exporter_port, or set node_exporter_enabled:"
            " false and put the target of that program into prometheus_node_targets."
        ]
        if taken
        else []
    )


def test_a_further_port_of_a_service_names_its_variable():
    alertmanager = PlannedService("alertmanager", "alertmanager", "alertmanager", "monitoring", "10.0.0.9", 9093)
    cluster = PlannedService(
        "alertmanager", "alertmanager", address="10.0.0.9", port=9094, port_variable="alertmanager_cluster_port"
    )
    planned = (alertmanager, cluster)
    assert conflicts_with(planned=planned) == []
    assert conflicts_with(planned=planned, programs=(9094,)) == [
        "alertmanager_cluster_port on monitor1: the program cockpit-tls (process 7) has port 9094 of 10.0.0.9, which"
        " the role alertmanager needs. Stop it, or choose another alertmanager_cluster_port."
    ]
    foreign = ExistingContainer("alertmanager", "", "am", networks=("monitoring",), aliases=("alertmanager", ""))
    assert [problem.partition(" on ")[0] for problem in conflicts_with(foreign, planned=planned)] == [
        "gpu_monitoring_container_prefix",
        "alertmanager_network",
    ]
    assert conflicts_with(planned=(replace(alertmanager, port=9094), cluster)) == [
        "alertmanager_cluster_port on monitor1: alertmanager_port is 9094 too. Choose another port for one of them."
    ]


def test_every_conflict_is_named():
    problems = conflicts_with(ExistingContainer("node-exporter", "", "node"), programs=(9090, 9100))
    assert [problem.partition(" on monitor1: ")[0] for problem in problems] == [
        "gpu_monitoring_container_prefix",
        "prometheus_port",
        "node_exporter_port",
    ]
    assert "the program cockpit-tls (process 7) has port 9090" in problems[1]


@pytest.mark.parametrize(
    ("network", "aliases", "shared"),
    [
        ("monitoring", ("stack-prometheus-1", "prometheus"), True),
        ("stack_default", ("prometheus",), False),
        ("monitoring", ("web",), False),
    ],
)
def test_a_foreign_container_with_the_name_of_a_service_on_its_network(network, aliases, shared):
    planned = PlannedService("prometheus", "gpu-prometheus", "prometheus", "monitoring")
    foreign = ExistingContainer("stack-prometheus-1", "", "prom", networks=(network,), aliases=aliases)
    problems = conflicts_with(foreign, planned=[planned])
    assert ["prometheus_network on monitor1: the container stack-prometheus-1" in problem for problem in problems] == [
        True
    ] * shared


def test_two_services_with_one_port():
    grafana = PlannedService("grafana", "grafana", address="0.0.0.0", port=9090)
    assert conflicts_with(planned=(PROMETHEUS, grafana)) == [
        "grafana_port on monitor1: prometheus_port is 9090 too. Choose another port for one of them."
    ]
    assert (
        conflicts_with(planned=(PROMETHEUS, PlannedService("grafana", "grafana", address="127.0.0.1", port=9090))) == []
    )
    assert conflicts_with(planned=(PROMETHEUS, PlannedService("cadvisor", "cadvisor"))) == []


@pytest.mark.parametrize("address", ["127.0.0.1", "::"])
def test_the_program_at_a_port_of_this_host(address):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as listening:
        listening.bind((address, 0))
        port = listening.getsockname()[1]
        assert conflicts.other_program("127.0.0.1", port) == "a program that is not visible here"
        listening.listen()
        assert conflicts.other_program("127.0.0.1", port).endswith(f"(process {os.getpid()})")
    assert conflicts.other_program("127.0.0.1", port) == ""


def test_a_socket_unit_is_distinguished_from_its_service(tmp_path):
    (tmp_path / "net").mkdir()
    row = (
        "   0: 00000000:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0"
        " {inode} 1 0000 100 0 0 10 0"
    )
    rows = [row.format(port=9090, state="0A", inode=42), row.format(port=9100, state="01", inode=43)]
    (tmp_path / "net" / "tcp").write_text("  sl  local_address\n" + "\n".join(rows) + "\n")
    descriptors = tmp_path / "1" / "fd"
    descriptors.mkdir(parents=True)
    (descriptors / "3").symlink_to("socket:[42]")
    (tmp_path / "1" / "comm").write_text("systemd\n")
    assert "socket unit" in listeners.program_at(9090, str(tmp_path))
    assert listeners.program_at(9100, str(tmp_path)) == "a program that is not visible here"
    (tmp_path / "1" / "comm").unlink()
    assert listeners.program_at(9090, str(tmp_path)) == "a program that just ended"


def test_a_host_without_an_engine_has_no_containers(tmp_path):
    assert conflicts.existing_containers(f"unix://{tmp_path}/docker.sock") == []


def test_a_volume_of_another_owner_names_both_ways_out():
    grafana = PlannedService("grafana", "grafana", own_volume="grafana-storage")
    [problem] = conflicts.find("monitor1", [grafana, PROMETHEUS], [], lambda address, port: "", ["grafana-storage"])
    assert problem == (
        "grafana_volume on monitor1: the volume grafana-storage exists, and the role grafana did not make it."
        " Choose another grafana_volume, or set grafana_adopt_volume: true to take its data over."
    )


@pytest.mark.parametrize(
    ("labels", "remembered", "foreign"),
    [
        ({}, [], True),
        ({"mlops.gpu_monitoring.service": "another"}, [], True),
        ({"mlops.gpu_monitoring.service": "victoria_metrics"}, [], True),
        ({"mlops.gpu_monitoring.service": "victoria-metrics"}, [], False),
        ({}, ["data"], False),
    ],
)
def test_whose_volume_it_is(monkeypatch, labels, remembered, foreign):
    class Api:
        def __init__(self, docker_host):
            assert docker_host == "unix:///x"

        def get(self, path):
            assert path == "/volumes/data"
            return {"Name": "data", "Labels": labels}

    # Labels and files on the host have the name of the service, which is not that of the role.
    manifests = {"victoria-metrics": conflicts.manifest.Manifest(volumes=remembered)}
    monkeypatch.setattr(conflicts.docker_socket, "Api", Api)
    monkeypatch.setattr(conflicts.manifest, "read", lambda name: manifests[name])
    planned = [PlannedService("victoria_metrics", "gpu-vm", "victoria-metrics", own_volume="data"), PROMETHEUS]
    assert conflicts.foreign_volumes("unix:///x", planned) == (["data"] if foreign else [])
