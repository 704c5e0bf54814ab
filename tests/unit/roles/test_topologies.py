"""What several monitoring hosts get, with replicas and with shards."""

from __future__ import annotations

import re

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import shards

from tests.unit.roles.rendering import arguments, fleet, service

SERVER = {"model_servers": [{"name": "llama", "port": 8000}]}
GPU_HOSTS = {f"gpu{number}.rack": {"ansible_host": f"10.0.0.{number}", **SERVER} for number in range(1, 9)}
MONITORING = {f"monitor{number}": {"ansible_host": f"10.0.1.{number}"} for number in (1, 2, 3)}
SHARDS = {
    "gpu_monitoring_topology": "shards",
    "gpu_monitoring_query_url": "https://thanos.example.com",
    "prometheus_remote_write": [{"url": "https://thanos.example.com/api/v1/receive"}],
    "prometheus_gpu_counts": dict.fromkeys(GPU_HOSTS, 8),
}
DIVIDED = shards.divide([*GPU_HOSTS, *MONITORING], [*MONITORING])
JOBS = ("cadvisor", "nvidia-gpu", "node", "model-server")


def files_of(host, variables, folder):
    """The files of Prometheus on a monitoring host, parsed."""
    options = service("prometheus", "prometheus", fleet(GPU_HOSTS, MONITORING, variables), host, folder)
    prefix = "/etc/gpu_monitoring/prometheus/"
    return {file["path"].removeprefix(prefix): yaml.safe_load(file["content"]) for file in options["files"]}


@pytest.fixture(scope="module")
def divided(tmp_path_factory):
    """The files of each monitoring host, with shards."""
    return {host: files_of(host, SHARDS, tmp_path_factory.mktemp(host)) for host in MONITORING}


def targets(files, job):
    return {group["labels"]["host"]: group["targets"] for group in files[f"targets/{job}.json"]}


def own_hosts(host):
    return [gpu_host for gpu_host in GPU_HOSTS if DIVIDED[gpu_host] == host]


def test_a_replica_scrapes_all_hosts(tmp_path):
    files = files_of("monitor2", {}, tmp_path)
    assert [*targets(files, "node")] == [*GPU_HOSTS, *MONITORING]
    assert [*targets(files, "model-server")] == [*GPU_HOSTS]
    assert files["prometheus.yml"]["global"]["external_labels"] == {"prometheus_replica": "monitor2"}
    assert "rules/elsewhere.yml" not in files


def test_rules_name_the_monitoring_hosts_in_one_order(tmp_path):
    monitoring = {f"monitor{number}": {"ansible_host": f"10.0.1.{number}"} for number in range(8, 0, -1)}
    inventory = fleet(GPU_HOSTS, monitoring, {"grafana_root_url": "https://grafana.example.com"})
    files = service("prometheus", "prometheus", inventory, "monitor1", tmp_path)["files"]
    [alerts] = [yaml.safe_load(file["content"]) for file in files if file["path"].endswith("alerts-gpu.yml")]
    rules = [rule for group in alerts["groups"] for rule in group["rules"] if "alert" in rule]
    links = {rule["annotations"]["dashboard_url"] for rule in rules}
    assert links and all(f"^(?:{'|'.join(sorted(monitoring))})$" in link for link in links)


def test_labels_of_the_site_win(tmp_path):
    labels = {"site": "berlin", "prometheus_replica": "a"}
    files = files_of("monitor1", {"prometheus_external_labels": labels}, tmp_path)
    assert files["prometheus.yml"]["global"]["external_labels"] == labels


def test_each_host_is_in_one_shard_with_all_its_targets(divided):
    for host, files in divided.items():
        own = own_hosts(host)
        [watched] = [other for other in MONITORING if DIVIDED[other] == host]
        assert [[*targets(files, job)] for job in JOBS] == [own, own, [*own, watched], own]
        assert watched != host
        assert targets(files, "node")[watched] == [f"{MONITORING[watched]['ansible_host']}:9100"]
        assert files["prometheus.yml"]["global"]["external_labels"] == {"prometheus_shard": host}


def test_alerts_of_shared_file_systems_are_the_same_from_each_shard(divided):
    for files in divided.values():
        dropped = files["prometheus.yml"]["alerting"]["alert_relabel_configs"][-1]
        assert dropped == {
            "source_labels": ["alertname"],
            "regex": "SharedDisk.+|VictoriaMetrics.+",
            "target_label": "prometheus_shard",
            "replacement": "",
        }


def test_gpu_counts_are_those_of_the_shard(divided):
    for host, files in divided.items():
        groups = files.get("rules/gpu_counts.yml", {"groups": []})["groups"]
        assert [rule["labels"]["host"] for group in groups for rule in group["rules"]] == own_hosts(host)


def test_hosts_of_other_shards_raise_no_alert_for_lost_targets(divided):
    for host, files in divided.items():
        assert "rules/elsewhere.yml" in files["prometheus.yml"]["rule_files"]
        [rule] = files["rules/elsewhere.yml"]["groups"][0]["rules"]
        pattern = "|".join(name.replace(".", "\\\\.") for name, owner in DIVIDED.items() if owner != host)
        assert rule["expr"] == f'group by (host) (last_over_time(up{{host=~"{pattern}"}}[1h]))'


def test_the_memory_is_that_for_the_hosts_of_the_shard(tmp_path):
    small = {"gpu_monitoring_host": {"capacity": {"memory": 1024**3, "engine_disk": 0}}}
    inventory = fleet(GPU_HOSTS, MONITORING, SHARDS)
    [told] = arguments("prometheus", "Deploy Prometheus", inventory, "monitor1", tmp_path, small)["warnings"]
    assert int(re.search(r"for (\d+) hosts", told)[1]) == len(own_hosts("monitor1")) + 1


def test_verify_compares_a_shard_with_its_prometheus(tmp_path, divided):
    host, facts = DIVIDED["gpu1.rack"], {"tls_prometheus_password": "a password"}
    compare, inventory = "Compare the hosts with Prometheus and Grafana", fleet(GPU_HOSTS, MONITORING, SHARDS)
    options = arguments("verify", compare, inventory, host, tmp_path, facts)
    own = [*own_hosts(host), *(other for other in MONITORING if DIVIDED[other] == host)]
    assert (options["monitoring_host"], options["hosts"]) == (host, own)
    assert {*options["hosts_elsewhere"]} == {*GPU_HOSTS, *MONITORING} - {*own}
    assert {*options["host_info"]} == {*own, *MONITORING}
    compared = {job: {group["labels"]["host"] for group in groups} for job, groups in options["targets"].items()}
    assert compared == {job: {*targets(divided[host], job)} for job in JOBS}
    assert (options["query_datasource"], {*options["query_hosts"]}) == ("query", {*GPU_HOSTS, *MONITORING})
    assert options["alertmanager_members"] == {
        other: f"{facts['ansible_host']}:9094" for other, facts in MONITORING.items() if other != host
    }
