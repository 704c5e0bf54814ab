"""What a run of the playbook site reports at its end."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.deployment_report import (
    Run,
    problems,
    text,
    warnings,
)

EXPORTERS = {"cadvisor": 8080, "dcgm_exporter": 9400, "node_exporter": 9100}
FLEET = {
    "gpu1": {"address": "10.0.0.1", "exporters": EXPORTERS},
    "gpu2": {"address": "10.0.0.2", "exporters": EXPORTERS},
    "monitor1": {"address": "10.0.0.9", "exporters": {"node_exporter": 9100}},
}
GROUPS = {"gpu_hosts": ["gpu1", "gpu2"], "monitoring": ["monitor1"]}
GPU = {"gpu": {"present": True, "hardware": True}, "engine": {"containers": []}}


def files(*hosts, **changed):
    """The files of Prometheus' targets on these hosts."""
    folder = "/etc/gpu_monitoring/prometheus/targets"
    targets = {
        name: [{"labels": {"host": host}, "targets": [f"10.0.0.{host[-1]}:{port}"]} for host in hosts]
        for name, port in (("cadvisor.json", 8080), ("nvidia-gpu.json", 9400), ("node.json", 9100))
    }
    return {"json_files": {f"{folder}/{name}": content for name, content in {**targets, **changed}.items()}}


def run(hosts, variables=None, reached=None, asked=None, deploys_prometheus=True):
    looked = {host: {"gpu_monitoring_host": GPU} for host in hosts}
    known = {host: {**looked.get(host, {}), **(variables or {}).get(host, {})} for host in FLEET}
    answers = {"monitor1": asked} if asked is not None else {}
    return Run(
        hosts, hosts if reached is None else reached, GROUPS, FLEET, known.__getitem__, deploys_prometheus, answers
    )


def test_a_whole_run_reports_nothing():
    complete_run = run([*FLEET], {"monitor1": {"gpu_monitoring_host": {**GPU, **files("gpu1")}}})
    assert problems(complete_run) == {}
    assert warnings(complete_run) == []


def test_a_host_that_stopped_answering_before_its_exporters_were_deployed_is_named():
    left = {"gpu_monitoring_exporters": {"unreachable": True, "msg": "no route to host"}}
    failed = {**left, "gpu_monitoring_failures": ["Install the toolkit: no"]}
    stopped = "The exporters were not deployed, because the host stopped answering: no route to host"
    assert problems(run([*FLEET], {"gpu1": left, "gpu2": failed})) == {
        "gpu1": [stopped],
        "gpu2": [stopped, "Install the toolkit: no"],
    }


def test_hosts_with_the_same_reason_share_a_line():
    unreachable = {"gpu_monitoring_host": {"unreachable": True, "msg": "no route\n to host"}}
    partial = run(
        [*FLEET],
        {"gpu1": unreachable, "gpu2": unreachable, "monitor1": {"gpu_monitoring_failures": ["Deploy Grafana: no"]}},
        ["monitor1"],
    )
    assert text(problems(partial)).splitlines()[1:] == [
        "gpu1, gpu2: Nothing was deployed: no route to host",
        "monitor1: Deploy Grafana: no",
    ]


@pytest.mark.parametrize(
    "known",
    [
        files("gpu2"),
        files("gpu1", **{"cadvisor.json": None}),
        files("gpu1", **{"node.json": [{"labels": {"host": "gpu1"}, "targets": ["10.0.0.5:9100"]}]}),
    ],
    ids=["a new host", "a missing file", "another address"],
)
def test_a_limited_run_names_the_hosts_that_prometheus_does_not_know(known):
    [warning] = warnings(run(["gpu1"], asked=known))
    assert warning.startswith("Prometheus on monitor1 does not know gpu1, or knows another address or port.")
    assert warning.endswith("Run the playbook site with --limit monitor1.")


def test_a_limited_run_reports_nothing_of_a_host_that_prometheus_knows():
    assert warnings(run(["gpu1"], asked=files("gpu1", "gpu2"))) == []


def test_a_host_without_a_gpu_needs_no_target_of_the_dcgm_exporter():
    without = {"gpu_monitoring_host": {"gpu": {"present": False, "hardware": False}, "engine": {"containers": []}}}
    known = files("gpu1", **{"nvidia-gpu.json": [{"labels": {"host": "gpu1"}, "targets": []}]})
    assert warnings(run(["gpu1"], {"gpu1": without}, asked=known)) == []
    assert warnings(run(["gpu1"], asked=known)) != []


def test_a_limited_run_names_a_monitoring_host_that_does_not_answer():
    answer = {"unreachable": True, "msg": "no route to host"}
    assert warnings(run(["gpu1"], asked=answer)) == [
        "monitor1 could not be asked whether its Prometheus knows gpu1: no route to host"
    ]


def test_a_run_whose_tags_leave_out_prometheus_compares_with_the_look():
    look = {"monitor1": {"gpu_monitoring_host": {**GPU, **files("gpu1")}}}
    [warning] = warnings(run([*FLEET], look, deploys_prometheus=False))
    assert warning.startswith("Prometheus on monitor1 does not know gpu2,")


def test_a_host_that_left_the_inventory_is_named_with_the_way_to_remove_its_services():
    [warning] = warnings(run([*FLEET], {"monitor1": {"gpu_monitoring_host": {**GPU, **files("gpu1", "gpu7")}}}))
    assert warning.startswith(
        "Prometheus on monitor1 had targets on gpu7, which the groups gpu_hosts and monitoring no longer have."
    )
    assert "Run the playbook remove with an inventory that still has gpu7." in warning


def test_targets_that_a_site_gives_itself_are_not_those_of_hosts_that_left():
    own = [{"labels": {"host": "storage1"}, "targets": ["10.0.0.7:9100"]}, {"targets": ["10.0.0.8:9100"]}]
    look = {"gpu_monitoring_host": {**GPU, **files("gpu1", **{"node.json": own})}}
    assert warnings(run([*FLEET], {"monitor1": {**look, "prometheus_node_targets": own}})) == []
    [warning] = warnings(run([*FLEET], {"monitor1": look}))
    assert warning.startswith("Prometheus on monitor1 had targets on storage1, which")
    limited = run(["gpu1"], {"monitor1": {"prometheus_node_targets": own}}, asked=files("gpu1", **{"node.json": own}))
    assert warnings(limited) == []


@pytest.mark.parametrize("content", [{"targets": []}, ["10.0.0.1:9100"], "text", [{"labels": None}]])
def test_a_file_of_targets_that_somebody_changed_is_no_reason_to_fail(content):
    damaged = files("gpu1", **{"node.json": content})
    assert warnings(run([*FLEET], {"monitor1": {"gpu_monitoring_host": {**GPU, **damaged}}})) == []
    [warning] = warnings(run(["gpu1"], asked=damaged))
    assert warning.startswith("Prometheus on monitor1 does not know gpu1,")


def test_services_of_a_group_that_the_host_has_left_are_named():
    containers = [
        {"name": f"site-{service}", "service": service}
        for service in ("alertmanager", "grafana", "node-exporter", "prometheus")
    ]
    containers += [{"name": "grafana", "service": ""}, {"name": "mine", "service": "thanos"}]
    [warning] = warnings(
        run([*FLEET], {"gpu1": {"gpu_monitoring_host": {**GPU, "engine": {"containers": containers}}}})
    )
    assert warning.startswith(
        "gpu1: Containers of an earlier deployment still run: site-alertmanager, site-grafana, site-prometheus. "
    )
    assert "docker rm --force site-alertmanager site-grafana site-prometheus" in warning


def test_with_shards_the_prometheus_that_scrapes_a_host_must_know_it():
    scraped_by = {"gpu1": "monitor1", "gpu2": "monitor2", "monitor1": "monitor2"}
    limited = dataclasses.replace(run(["gpu1", "gpu2"], asked=files()), scraped_by=scraped_by)
    [warning] = warnings(limited)
    assert warning.startswith("Prometheus on monitor1 does not know gpu1, or knows another address or port.")
    assert warnings(dataclasses.replace(limited, asked={"monitor1": files("gpu1")})) == []


def test_with_shards_a_prometheus_that_still_scrapes_a_host_of_another_one_is_named():
    scraped_by = {"gpu1": "monitor1", "gpu2": "monitor2", "monitor1": "monitor2"}
    limited = dataclasses.replace(run(["gpu1"], asked=files("gpu1", "gpu2")), scraped_by=scraped_by)
    assert warnings(limited) == [
        "Prometheus on monitor1 still has targets on gpu2, which another monitoring host scrapes now."
        " Run the playbook site with --limit monitor1."
    ]
