"""What hosts know of each other, evaluated by Ansible from an inventory, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import target_labels
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.fleet import check_groups, evaluate

from tests.unit.plugins.plugin_utils.inventory import host_variables

MONITOR = {"monitor1": {"ansible_host": "10.0.0.9"}}


@pytest.fixture
def fleet(tmp_path):
    """Evaluates an inventory."""
    return lambda *inventory, **options: evaluate(host_variables(tmp_path, *inventory, **options))


def addresses(evaluated):
    return {host: facts["address"] for host, facts in evaluated["hosts"].items()}


def test_addresses_ports_and_switches_of_each_host(fleet):
    gpu_hosts = {
        "gpu1": {
            "ansible_host": "10.0.0.1",
            "cadvisor_port": "8089",
            "node_exporter_enabled": "false",
            "dcgm_exporter_enabled": "true",
        },
        "gpu2": {"ansible_host": "10.0.0.2", "gpu_monitoring_address": "2001:db8::2", "dcgm_exporter_enabled": False},
        "10.0.0.4": {},
    }
    evaluated = fleet(gpu_hosts, MONITOR)
    assert addresses(evaluated) == {
        "gpu1": "10.0.0.1",
        "gpu2": "2001:db8::2",
        "10.0.0.4": "10.0.0.4",
        "monitor1": "10.0.0.9",
    }
    assert {host: facts["exporters"] for host, facts in evaluated["hosts"].items()} == {
        "gpu1": {"cadvisor": 8089, "dcgm_exporter": 9400},
        "gpu2": {"cadvisor": 8088, "node_exporter": 9100},
        "10.0.0.4": {"cadvisor": 8088, "dcgm_exporter": 9400, "node_exporter": 9100},
        "monitor1": {"node_exporter": 9100},
    }


@pytest.mark.parametrize(
    "address",
    [
        "{{ hostvars[inventory_hostname].management[inventory_hostname] }}",
        "{{ management[inventory_hostname] }}",
        "{{ hostvars['monitor1'].management[inventory_hostname] }}",
        "{{ prefix ~ (groups['all'] | sort).index(inventory_hostname) if inventory_hostname in hostvars }}",
    ],
)
def test_a_variable_is_evaluated_in_the_context_of_its_host(fleet, address):
    management = {"gpu1": "10.0.0.0", "gpu2": "10.0.0.1", "monitor1": "10.0.0.2"}
    variables = {"gpu_monitoring_address": address, "management": management, "prefix": "10.0.0."}
    assert addresses(fleet({"gpu1": {}, "gpu2": {}}, {"monitor1": {}}, variables)) == management


def test_a_variable_of_the_play_counts_for_all_hosts_and_one_of_a_host_for_it_alone(fleet):
    play = {"offset": "10.0.1.", "gpu_monitoring_address": "{{ offset }}{{ number }}", "cadvisor_port": 8090}
    evaluated = fleet({"gpu1": {"number": 1}, "gpu2": {"number": 2}}, {"monitor1": {"number": 3}}, play_variables=play)
    assert addresses(evaluated) == {"gpu1": "10.0.1.1", "gpu2": "10.0.1.2", "monitor1": "10.0.1.3"}
    assert {evaluated["hosts"][host]["exporters"]["cadvisor"] for host in ("gpu1", "gpu2")} == {8090}


def test_a_default_that_the_play_sets_counts_before_the_inventory(fleet):
    hosts = {"gpu1": {"ansible_host": "10.0.0.1", "cadvisor_port": 8090}}
    assert (
        fleet(hosts, MONITOR, play_variables={"cadvisor_port": 8088})["hosts"]["gpu1"]["exporters"]["cadvisor"] == 8088
    )


FROM_FACTS = {"gpu_monitoring_address": "{{ ansible_facts.default_ipv4.address }}"}


def test_an_address_from_gathered_facts(fleet):
    facts = {
        host: {"default_ipv4": {"address": address}}
        for host, address in (("gpu1", "10.0.0.1"), ("monitor1", "10.0.0.9"))
    }
    assert addresses(fleet({"gpu1": {}}, {"monitor1": {}}, FROM_FACTS, facts=facts)) == {
        "gpu1": "10.0.0.1",
        "monitor1": "10.0.0.9",
    }


def test_an_address_from_facts_that_were_not_gathered_is_refused_with_the_fix(fleet):
    with pytest.raises(
        ValueError,
        match=(
            "^gpu_monitoring_address on gpu1: the value cannot be evaluated:"
            " .*default_ipv4.*Gather them in a play before"
        ),
    ):
        fleet({"gpu1": {}}, {"monitor1": {}}, FROM_FACTS)


@pytest.mark.parametrize(
    ("ips", "tls"),
    [
        (["127.0.0.1"], False),
        (["::1"], False),
        (["127.0.1.1"], False),
        (["10.0.0.1"], True),
        (["10.0.0.1", "10.0.0.2"], True),
    ],
)
def test_a_machine_on_its_loopback_alone_speaks_no_tls(fleet, ips, tls):
    hosts = {f"host{number}": {"ansible_host": ip} for number, ip in enumerate(ips)}
    assert fleet(hosts, {"host0": {}})["tls"] is tls


@pytest.mark.parametrize(("value", "tls"), [("false", False), (False, False), ("yes", True)])
def test_one_variable_switches_tls(fleet, value, tls):
    assert fleet({"gpu1": {"ansible_host": "10.0.0.1"}}, MONITOR, {"gpu_monitoring_tls": value})["tls"] is tls


@pytest.mark.parametrize(
    ("gpu_hosts", "monitoring", "words"),
    [
        (
            {"gpu1": {"ansible_host": "10.0.0.1"}, "gpu2": {"gpu_monitoring_address": "10.0.0.1"}},
            MONITOR,
            ["gpu1 and gpu2 have the same address, 10.0.0.1"],
        ),
        ({"gpu1": {"ansible_host": "10.0.0.9"}}, MONITOR, ["gpu1 and monitor1 have the same address, 10.0.0.9"]),
        (
            {"gpu1": {"ansible_host": "127.0.1.1"}},
            MONITOR,
            ["gpu_monitoring_address on gpu1: 127.0.1.1", "monitor1 cannot reach", "on the network"],
        ),
        (
            {"gpu1": {"ansible_host": "no-such-host.invalid"}},
            MONITOR,
            ["gpu_monitoring_address on gpu1", "'no-such-host.invalid'", "does not resolve"],
        ),
        (
            {"gpu1": {"ansible_host": "10.0.0.1", "gpu_monitoring_tls": False}},
            MONITOR,
            ["gpu_monitoring_tls is not the same on all hosts", "gpu1 False, monitor1 not set", "group all"],
        ),
        (
            {"gpu1": {"ansible_host": "10.0.0.1", "cadvisor_port": "http"}},
            MONITOR,
            ["cadvisor_port on gpu1: 'http' is not a port number", "1 to 65535"],
        ),
        (
            {"gpu1": {"ansible_host": "10.0.0.1", "cadvisor_port": 65536}},
            MONITOR,
            ["cadvisor_port on gpu1: '65536' is not a port number", "1 to 65535"],
        ),
        (
            {"gpu1": {"ansible_host": "10.0.0.1", "node_exporter_enabled": "x"}},
            MONITOR,
            ["node_exporter_enabled on gpu1: 'x'", "true or false"],
        ),
        (
            {"gpu1": {"ansible_host": "{{ none_such }}"}},
            MONITOR,
            ["ansible_host on gpu1", "none_such", "Correct the value"],
        ),
    ],
)
def test_what_cannot_be_monitored_is_refused(fleet, gpu_hosts, monitoring, words):
    with pytest.raises(ValueError) as refused:
        fleet(gpu_hosts, monitoring)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("gpu_hosts", "monitoring", "group"), [({}, MONITOR, "gpu_hosts"), ({"gpu1": {}}, {}, "monitoring")]
)
def test_an_empty_group_is_refused(tmp_path, gpu_hosts, monitoring, group):
    with pytest.raises(ValueError, match=f"group {group} is empty: put at least one host"):
        check_groups(host_variables(tmp_path, gpu_hosts, monitoring))


@pytest.fixture
def model_servers(fleet):
    """Target groups of the servers of a host."""

    def evaluated(servers, **variables):
        gpu_hosts = {"gpu1": {"ansible_host": "10.0.0.1", **variables, "model_servers": servers}}
        return fleet(gpu_hosts, {"gpu1": {}} if variables.get("ansible_host") == "127.0.0.1" else MONITOR)[
            "model_servers"
        ]

    return evaluated


def test_model_servers_have_defaults_and_the_labels_of_their_host(model_servers):
    assert model_servers(
        [{"name": "llama", "port": 8000}, {"name": "triton", "port": "8002", "path": "/v2/metrics", "scheme": "https"}]
    ) == [
        {
            "targets": ["10.0.0.1:8000"],
            "labels": {"host": "gpu1", "server": "llama", "__metrics_path__": "/metrics", "__scheme__": "http"},
        },
        {
            "targets": ["10.0.0.1:8002"],
            "labels": {"host": "gpu1", "server": "triton", "__metrics_path__": "/v2/metrics", "__scheme__": "https"},
        },
    ]


def test_a_model_server_with_an_address_of_its_own(model_servers):
    assert model_servers([{"name": "llama", "port": 8000, "address": "vllm"}], ansible_host="127.0.0.1")[0][
        "targets"
    ] == ["vllm:8000"]
    assert model_servers([{"name": "llama", "port": 8000, "address": "2001:db8::5"}])[0]["targets"] == [
        "[2001:db8::5]:8000"
    ]
    assert model_servers([{"name": "llama", "port": 8000}], gpu_monitoring_address="10.0.0.7")[0]["targets"] == [
        "10.0.0.7:8000"
    ]


@pytest.mark.parametrize("servers", [[], None])
def test_a_host_outside_the_groups_without_model_servers_needs_no_address(tmp_path, servers):
    others = {"other1": {"ansible_host": "no-such-host.invalid", "model_servers": servers}}
    variables = host_variables(tmp_path, {"gpu1": {"ansible_host": "10.0.0.1"}}, MONITOR, others=others)
    evaluated = evaluate(variables)
    assert (evaluated["model_servers"], [*evaluated["hosts"]]) == ([], ["gpu1", "monitor1"])


def test_a_host_outside_the_groups_is_known_where_a_role_is_for_it(tmp_path):
    others = {"other1": {"ansible_host": "10.0.0.3"}}
    evaluated = evaluate(
        host_variables(tmp_path, {"gpu1": {"ansible_host": "10.0.0.1"}}, MONITOR, others=others), ["other1"]
    )
    assert evaluated["hosts"]["other1"] == {"address": "10.0.0.3", "labels": {}, "exporters": {}}


def test_a_model_server_from_a_variable_of_another_host(fleet):
    shared = {"model_servers": [{"name": "llama", "port": "{{ hostvars['monitor1'].llama_port }}"}]}
    assert fleet(
        {"gpu1": {"ansible_host": "10.0.0.1", **shared}}, {"monitor1": {"ansible_host": "10.0.0.9", "llama_port": 8123}}
    )["model_servers"][0]["targets"] == ["10.0.0.1:8123"]


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ("llama", ["'llama'", "is not a list of servers", "Write it like"]),
        ({"name": "llama", "port": 8000}, ["'llama'", "is not a list of servers"]),
        (["llama"], ["'llama'", "is not a server", "Write it like"]),
        ([{"port": 8000}], ["name of", "8000", "Give the server a name"]),
        ([{"name": "", "port": 8000}], ["name of", "Give the server a name"]),
        ([{"name": "llama"}], ["port of", "'llama'", "from 1 to 65535"]),
        ([{"name": "llama", "port": "http"}], ["port of", "'http'", "from 1 to 65535"]),
        ([{"name": "llama", "port": 70000}], ["port of", "70000", "from 1 to 65535"]),
        ([{"name": "llama", "port": True}], ["port of", "True", "from 1 to 65535"]),
        ([{"name": "llama", "port": 8000, "path": "metrics"}], ["path of", "'metrics'", "slash"]),
        (
            [{"name": "llama", "port": 8000, "path": "/metrics?all=1"}],
            ["path of", "all=1", "prometheus_scrape_configs"],
        ),
        ([{"name": "llama", "port": 8000, "scheme": "grpc"}], ["scheme of", "'grpc'", "http or https"]),
        (
            [{"name": "llama", "port": 8000, "address": "http://vllm"}],
            ["address of", "'http://vllm'", "only an IP address or a name"],
        ),
        ([{"name": "llama", "prot": 8000}], ["prot of", "Known are name, port, path, scheme, address"]),
        ([{"name": "llama", "port": 8000}, {"name": "llama", "port": 8001}], ["llama is declared twice"]),
        (
            [{"name": "llama", "port": 8000}, {"name": "mistral", "port": 8000}],
            ["http://10.0.0.1:8000/metrics is declared twice"],
        ),
    ],
)
def test_a_model_server_that_is_not_valid_is_refused(model_servers, servers, words):
    with pytest.raises(ValueError) as refused:
        model_servers(servers)
    for word in ["model_servers on gpu1", *words]:
        assert word in str(refused.value)


def test_a_model_server_that_prometheus_cannot_reach_is_refused(model_servers):
    with pytest.raises(
        ValueError, match=r"model_servers on gpu1: llama has no address.*127\.0\.0\.1.*Set the server's address"
    ):
        model_servers([{"name": "llama", "port": 8000}], ansible_host="127.0.0.1")


def test_labels_of_a_host_are_on_all_its_targets_as_text(fleet):
    hosts = {
        "gpu1": {
            "ansible_host": "10.0.0.1",
            "gpu_monitoring_labels": {"team": "vision", "rack": 12},
            "model_servers": [{"name": "llama", "port": 8000}],
        },
        "gpu2": {"ansible_host": "10.0.0.2"},
    }
    evaluated = fleet(hosts, MONITOR)
    assert {host: facts["labels"] for host, facts in evaluated["hosts"].items()} == {
        "gpu1": {"team": "vision", "rack": "12"},
        "gpu2": {},
        "monitor1": {},
    }
    [server] = evaluated["model_servers"]
    assert {key: value for key, value in server["labels"].items() if not key.startswith("__")} == {
        "team": "vision",
        "rack": "12",
        "host": "gpu1",
        "server": "llama",
    }


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["team"], "the value is not a dictionary of labels. Write it like {team: vision, rack: r12}."),
        (
            {"data-center": "a"},
            "'data-center' is not a name of a label. Use letters, digits and '_', and begin with a letter.",
        ),
        (
            {"__address__": "a"},
            "the label __address__ is one of Prometheus itself. Choose a name that does not begin with '__'.",
        ),
        ({"host": "a"}, "the label host is one of the metrics or of the collection. Choose another name."),
        ({"gpu": "a"}, "the label gpu is one of the metrics or of the collection. Choose another name."),
        (
            {"spare": True},
            "the label spare has no text as value. Write it like {team: vision, rack:"
            " r12}, true and false in quotation marks.",
        ),
        ({"team": ""}, "the label team has no text as value."),
    ],
)
def test_labels_that_prometheus_or_dashboards_could_not_use_are_refused(fleet, labels, words):
    with pytest.raises(ValueError) as error:
        fleet({"gpu1": {"ansible_host": "10.0.0.1", "gpu_monitoring_labels": labels}}, MONITOR)
    assert str(error.value).startswith(f"gpu_monitoring_labels on gpu1: {words}")


def test_labels_by_which_dashboards_and_rules_group_are_refused_for_hosts():
    roles = Path(__file__).resolve().parents[4] / "roles"
    files = [*roles.glob("grafana/files/dashboards/*.yml"), *roles.glob("prometheus/files/rules/*.yml")]
    clauses = [
        clause for file in files for clause in re.findall(r"\b(?:by|on|without) ?\(([a-zA-Z_, ]+)\)", file.read_text())
    ]
    grouped = {label.strip() for clause in clauses for label in clause.split(",")} - {"__name__", ""}
    assert {"host", "gpu", "name", "mountpoint"} <= grouped
    assert grouped <= target_labels.OF_SERIES


def test_alertmanagers_of_several_hosts_know_where_they_reach_each_other(fleet):
    second = {"ansible_host": "10.0.0.8", "alertmanager_external_url": "https://a.example.com/am/"}
    published = {"alertmanager_address": "10.1.0.8", "alertmanager_port": 9193, "alertmanager_cluster_port": 9194}
    evaluated = fleet({}, {**MONITOR, "monitor2": {**second, **published}})["alertmanagers"]
    assert [(member["host"], member["peer"]) for member in evaluated] == [
        ("monitor1", "10.0.0.9:9094"),
        ("monitor2", "10.1.0.8:9194"),
    ]
    assert evaluated[1]["prometheus"] == {"static_configs": [{"targets": ["10.1.0.8:9193"]}], "path_prefix": "/am"}
    for everywhere in ("0.0.0.0", "::", "0:0:0:0:0:0:0:0"):
        evaluated = fleet({}, {**MONITOR, "monitor2": {**second, "alertmanager_address": everywhere}})["alertmanagers"]
        assert evaluated[1]["peer"] == "10.0.0.8:9094"
    problem = "alertmanager_address on monitor2: 127.0.0.1 is an address of the loopback, which monitor1 cannot reach."
    with pytest.raises(ValueError, match=problem):
        fleet({}, {**MONITOR, "monitor2": {**second, "alertmanager_address": "127.0.0.1"}})


@pytest.mark.parametrize("variables", [{"gpu_monitoring_tls": False}, {"alertmanager_enabled": False}])
def test_hosts_without_tls_or_alertmanager_share_none(fleet, variables):
    assert fleet({}, {**MONITOR, "monitor2": {"ansible_host": "10.0.0.8"}}, variables)["alertmanagers"] == []
    assert fleet({"gpu1": {"ansible_host": "10.0.0.1"}}, MONITOR)["alertmanagers"] == []
