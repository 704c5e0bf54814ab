from __future__ import annotations

import socket

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.gpu_monitoring.plugins.filter.duration_seconds import duration_seconds
from ansible_collections.mlops.gpu_monitoring.plugins.filter.ip_address import ip_address
from ansible_collections.mlops.gpu_monitoring.plugins.filter.only_loopback import only_loopback
from ansible_collections.mlops.gpu_monitoring.plugins.filter.prometheus_model_servers import prometheus_model_servers
from ansible_collections.mlops.gpu_monitoring.plugins.filter.prometheus_targets import prometheus_targets


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5), ("1m", 60), ("1m30s", 90), ("500ms", 0.5), ("15d", 1296000)])
def test_duration(text, seconds):
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["5 sec", "5", "", "s", "-5s", "5s ", "5S", None, 5])
def test_what_is_no_duration_is_refused_by_name(text):
    with pytest.raises(AnsibleFilterError, match=r"my_interval: '.*' is not a duration\. Write it like 5s"):
        duration_seconds(text, "my_interval")


@pytest.mark.parametrize("text", ["999ms", "61s", "2m"])
def test_a_duration_out_of_range_is_refused(text):
    with pytest.raises(AnsibleFilterError, match=f"my_interval: {text} is out of range. .* from 1s to 60s"):
        duration_seconds(text, "my_interval", 1, 60)


@pytest.mark.parametrize("text", ["1s", "60s", "1m"])
def test_the_ends_of_the_range_are_in(text):
    assert duration_seconds(text, "my_interval", 1, 60) in (1, 60)


@pytest.mark.parametrize(("text", "address"), [("10.0.0.5", "10.0.0.5"), ("2001:DB8::1", "2001:db8::1"), ("localhost", "127.0.0.1")])
def test_ip_address(text, address):
    assert ip_address(text) == address


def test_a_name_with_several_addresses_is_always_the_same_one(monkeypatch):
    found = [(socket.AF_INET6, 0, 0, "", ("2001:db8::1", 0, 0, 0)), (socket.AF_INET, 0, 0, "", ("10.0.0.2", 0)), (socket.AF_INET, 0, 0, "", ("10.0.0.1", 0))]
    for order in (found, found[::-1]):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, order=order, **_more: order)
        assert ip_address("gpu1.example.com") == "10.0.0.1"


@pytest.mark.parametrize(("addresses", "only"), [(["127.0.0.1"], True), (["::1", "127.0.1.1"], True), (["127.0.0.1", "10.0.0.1"], False)])
def test_only_loopback(addresses, only):
    hostvars = {f"host{number}": {"ansible_host": address} for number, address in enumerate(addresses)}
    assert only_loopback(list(hostvars), hostvars) is only


def test_a_name_that_does_not_resolve_is_refused():
    with pytest.raises(
        AnsibleFilterError, match="my_address: 'no-such-host.invalid' is no IP address and does not resolve .* Set gpu_monitoring_address"
    ):
        ip_address("no-such-host.invalid", "my_address")


EXPORTER = {"port": 9400, "container": "dcgm-exporter", "container_port": 9400}


def test_targets_by_address_and_by_container_name():
    hostvars = {
        "gpu1": {"ansible_host": "10.0.0.1"},
        "gpu2": {"ansible_host": "10.0.0.2", "gpu_monitoring_address": "2001:db8::2"},
        "both": {"ansible_host": "10.0.0.3"},
        "10.0.0.4": {},
    }
    found = prometheus_targets(list(hostvars), hostvars, "both", **EXPORTER)
    assert {group["labels"]["host"]: group["targets"] for group in found} == {
        "gpu1": ["10.0.0.1:9400"],
        "gpu2": ["[2001:db8::2]:9400"],
        "both": ["dcgm-exporter:9400"],
        "10.0.0.4": ["10.0.0.4:9400"],
    }


def test_a_host_may_have_another_port_or_no_exporter():
    hostvars = {"gpu1": {"ansible_host": "10.0.0.1", "my_port": 9500}, "gpu2": {"ansible_host": "10.0.0.2", "my_enabled": False}}
    found = prometheus_targets(["gpu1", "gpu2"], hostvars, "watcher", port_variable="my_port", enabled_variable="my_enabled", **EXPORTER)
    assert found == [{"targets": ["10.0.0.1:9500"], "labels": {"host": "gpu1"}}]


def test_two_hosts_with_one_address_are_refused():
    hostvars = {"gpu1": {"ansible_host": "10.0.0.1"}, "gpu2": {"gpu_monitoring_address": "10.0.0.1"}}
    with pytest.raises(AnsibleFilterError, match=r"gpu1 and gpu2 have the same address, 10\.0\.0\.1"):
        prometheus_targets(["gpu1", "gpu2"], hostvars, "watcher", **EXPORTER)


def test_a_watcher_with_the_address_of_another_host_is_refused():
    hostvars = {"gpu1": {"ansible_host": "10.0.0.1"}, "monitor1": {"ansible_host": "10.0.0.1"}}
    with pytest.raises(AnsibleFilterError, match=r"gpu1 and monitor1 have the same address, 10\.0\.0\.1"):
        prometheus_targets(["gpu1", "monitor1"], hostvars, "monitor1", **EXPORTER)


def test_a_remote_host_with_a_loopback_address_is_refused():
    hostvars = {"gpu1": {"ansible_host": "127.0.1.1"}}
    with pytest.raises(AnsibleFilterError, match=r"gpu_monitoring_address of host gpu1: '127\.0\.1\.1'.*monitor1 cannot reach"):
        prometheus_targets(["gpu1"], hostvars, "monitor1", **EXPORTER)


def test_a_switch_given_as_text_counts():
    hostvars = {"gpu1": {"ansible_host": "10.0.0.1", "on": "true"}, "gpu2": {"ansible_host": "10.0.0.2", "on": "false"}}
    found = prometheus_targets(["gpu1", "gpu2"], hostvars, "watcher", enabled_variable="on", **EXPORTER)
    assert [group["labels"]["host"] for group in found] == ["gpu1"]


def model_servers(servers, **variables):
    hostvars = {"gpu1": {"ansible_host": "10.0.0.1", **variables, "model_servers": servers}, "gpu2": {"ansible_host": "no-such-host.invalid"}}
    return prometheus_model_servers(["gpu1", "gpu2"], hostvars, "monitor1")


def test_model_servers_have_defaults_and_the_labels_of_their_host():
    found = model_servers([{"name": "llama", "port": 8000}, {"name": "triton", "port": "8002", "path": "/v2/metrics", "scheme": "https"}])
    assert found == [
        {"targets": ["10.0.0.1:8000"], "labels": {"host": "gpu1", "server": "llama", "__metrics_path__": "/metrics", "__scheme__": "http"}},
        {"targets": ["10.0.0.1:8002"], "labels": {"host": "gpu1", "server": "triton", "__metrics_path__": "/v2/metrics", "__scheme__": "https"}},
    ]


def test_a_model_server_with_an_address_of_its_own():
    assert model_servers([{"name": "llama", "port": 8000, "address": "vllm"}], ansible_host="127.0.0.1")[0]["targets"] == ["vllm:8000"]
    assert model_servers([{"name": "llama", "port": 8000, "address": "2001:db8::5"}])[0]["targets"] == ["[2001:db8::5]:8000"]
    assert model_servers([{"name": "llama", "port": 8000}], gpu_monitoring_address="10.0.0.7")[0]["targets"] == ["10.0.0.7:8000"]


@pytest.mark.parametrize("servers", [[], None])
def test_a_host_without_model_servers_needs_no_address(servers):
    assert model_servers(servers, ansible_host="no-such-host.invalid") == []


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ("llama", ["'llama'", "is no list of servers", "Write it like"]),
        ({"name": "llama", "port": 8000}, ["'llama'", "is no list of servers"]),
        (["llama"], ["'llama'", "is no server", "Write it like"]),
        ([{"port": 8000}], ["name of", "8000", "Give the server a name"]),
        ([{"name": "", "port": 8000}], ["name of", "Give the server a name"]),
        ([{"name": "llama"}], ["port of", "'llama'", "from 1 to 65535"]),
        ([{"name": "llama", "port": "http"}], ["port of", "'http'", "from 1 to 65535"]),
        ([{"name": "llama", "port": 70000}], ["port of", "70000", "from 1 to 65535"]),
        ([{"name": "llama", "port": True}], ["port of", "True", "from 1 to 65535"]),
        ([{"name": "llama", "port": 8000, "path": "metrics"}], ["path of", "'metrics'", "slash"]),
        ([{"name": "llama", "port": 8000, "path": "/metrics?all=1"}], ["path of", "all=1", "prometheus_scrape_configs"]),
        ([{"name": "llama", "port": 8000, "scheme": "grpc"}], ["scheme of", "'grpc'", "http or https"]),
        ([{"name": "llama", "port": 8000, "address": "http://vllm"}], ["address of", "'http://vllm'", "alone"]),
        ([{"name": "llama", "prot": 8000}], ["prot of", "Known are name, port, path, scheme, address"]),
        ([{"name": "llama", "port": 8000}, {"name": "llama", "port": 8001}], ["llama is there twice"]),
        ([{"name": "llama", "port": 8000}, {"name": "mistral", "port": 8000}], ["http://10.0.0.1:8000/metrics is there twice"]),
    ],
)
def test_a_model_server_that_cannot_be_meant_is_refused(servers, words):
    with pytest.raises(AnsibleFilterError) as refused:
        model_servers(servers)
    for word in ["model_servers of host gpu1", *words]:
        assert word in str(refused.value)


def test_a_model_server_that_prometheus_cannot_reach_is_refused():
    with pytest.raises(AnsibleFilterError, match=r"model_servers of host gpu1: llama has no address.*127\.0\.0\.1.*Set the server's address"):
        model_servers([{"name": "llama", "port": 8000}], ansible_host="127.0.0.1")
