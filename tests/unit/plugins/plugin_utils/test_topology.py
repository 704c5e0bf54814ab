"""Which monitoring host scrapes which host, evaluated from an inventory, and what is refused."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import fleet, shards

from tests.unit.plugins.plugin_utils.inventory import host_variables

GPU_HOSTS = {f"gpu{number}": {"ansible_host": f"10.0.0.{number}"} for number in range(1, 9)}
SHARDS = {"gpu_monitoring_topology": "shards"}
ELSEWHERE = {
    "gpu_monitoring_query_url": "https://thanos.example.com",
    "prometheus_remote_write": [{"url": "https://thanos.example.com/api/v1/receive"}],
}


def monitoring(*settings):
    return {
        f"monitor{number}": {"ansible_host": f"10.0.1.{number}", **setting}
        for number, setting in enumerate(settings, 1)
    }


@pytest.fixture
def scraped_by(tmp_path):
    """The key of the evaluated fleet."""

    def evaluated(hosts, variables=None, **options):
        return fleet.evaluate(host_variables(tmp_path, GPU_HOSTS, hosts, variables, **options))["scraped_by"]

    return evaluated


def test_replicas_scrape_all_and_so_does_one_monitoring_host(scraped_by):
    assert scraped_by(monitoring({}, {})) == {}
    assert scraped_by(monitoring({}), SHARDS) == {}


@pytest.mark.parametrize(
    "hosts",
    [
        monitoring({"victoria_metrics_enabled": True}, {}),
        monitoring({}, {"victoria_metrics_enabled": "yes"}),
        monitoring(ELSEWHERE, ELSEWHERE),
    ],
    ids=["one VictoriaMetrics", "a text", "an engine of the site"],
)
def test_shards_divide_all_hosts(scraped_by, hosts):
    servers = {"other1": {"ansible_host": "10.0.2.1", "model_servers": [{"name": "llama", "port": 8000}]}}
    divided = scraped_by(hosts, SHARDS, others=servers)
    assert divided == shards.divide([*GPU_HOSTS, *hosts, "other1"], [*hosts])
    assert {*divided} == {*GPU_HOSTS, *hosts, "other1"} and {*divided.values()} == {*hosts}


@pytest.mark.parametrize(
    ("hosts", "error"),
    [
        (
            monitoring({}, {}),
            "gpu_monitoring_topology on monitor1: with shards each Prometheus has only its part of the fleet, and no"
            " datasource has the data of all. Set victoria_metrics_enabled to true for one of the monitoring hosts.",
        ),
        (monitoring({"victoria_metrics_enabled": False}, {}), "gpu_monitoring_topology on monitor1: with shards"),
        (monitoring(ELSEWHERE, {}), "gpu_monitoring_topology on monitor2: with shards each Prometheus has only"),
        (
            monitoring(ELSEWHERE, {**ELSEWHERE, "prometheus_remote_write": []}),
            "gpu_monitoring_topology on monitor2: with shards each Prometheus has only its part",
        ),
        (
            monitoring({"victoria_metrics_enabled": True}, {"gpu_monitoring_topology": "replicas"}),
            "gpu_monitoring_topology is not the same on all monitoring hosts (monitor1 shards, monitor2 replicas)."
            " Set it for the group monitoring.",
        ),
        (
            monitoring({"gpu_monitoring_topology": "shard"}, {}),
            "gpu_monitoring_topology on monitor1: 'shard' is not a topology. Set it to replicas or shards.",
        ),
        (
            monitoring({"gpu_monitoring_query_url": "https://me:secret@thanos.example.com"}, {}),
            "gpu_monitoring_query_url on monitor1: the value is not a URL without login and query. Write it like",
        ),
    ],
)
def test_what_cannot_work_is_refused(scraped_by, hosts, error):
    with pytest.raises(ValueError) as refused:
        scraped_by(hosts, SHARDS)
    assert str(refused.value).startswith(error)
