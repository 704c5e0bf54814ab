"""What is refused once a host said which addresses it has."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import published_addresses
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.fleet import evaluate

from tests.unit.plugins.plugin_utils.inventory import host_variables

OWN = [
    {"address": "fd00::10", "network": "fd00::10/64", "interface": "eth0", "bridge": False},
    {"address": "192.168.1.10", "network": "192.168.1.10/24", "interface": "eth0", "bridge": False},
    {"address": "172.17.0.1", "network": "172.17.0.1/16", "interface": "docker0", "bridge": True},
    {"address": "192.168.122.1", "network": "192.168.122.1/24", "interface": "virbr0", "bridge": True},
]
GPU1 = {"gpu1": {"ansible_host": "192.168.1.20"}}


@pytest.fixture
def check(tmp_path):
    """Checks a monitoring host that has the addresses above."""

    def run(monitor, gpu_hosts=None, nonlocal_bind=False):
        look = {"gpu_monitoring_host": {"addresses": {"own": OWN, "nonlocal_bind": nonlocal_bind}}}
        variables = host_variables(
            tmp_path, GPU1 if gpu_hosts is None else gpu_hosts, {"monitor1": {**monitor, **look}}
        )
        published_addresses.check(variables, evaluate(variables)["hosts"], variables.play_hosts)

    return run


FORWARDED = {
    "node_exporter_address": "0.0.0.0",
    "alertmanager_address": "0.0.0.0",
    "prometheus_address": "0.0.0.0",
    "grafana_address": "::",
}


@pytest.mark.parametrize(
    "monitor",
    [
        {"ansible_host": "192.168.1.10"},
        # A forwarded address, if the services publish on all addresses.
        {"ansible_host": "203.0.113.5", **FORWARDED},
        {
            "ansible_host": "203.0.113.5",
            **FORWARDED,
            "alertmanager_address": "203.0.113.5",
            "alertmanager_enabled": False,
        },
        # A network of virtual machines that is routed, on somebody's word.
        {"gpu_monitoring_address": "192.168.122.1"},
        {"ansible_host": "192.168.1.10", "grafana_address": "172.17.0.1"},
        {"ansible_host": "192.168.1.10", "grafana_address": "FD00:0::10"},
        {"ansible_host": "169.254.7.1"},
    ],
)
def test_addresses_that_fit(check, monitor):
    check(monitor)


def test_a_host_of_virtual_machines_that_has_the_gpus_in_them(check):
    check({"ansible_host": "192.168.122.1"}, {"vm1": {"ansible_host": "192.168.122.20"}})


def test_programs_that_may_bind_to_an_address_that_comes_later(check):
    check({"ansible_host": "192.168.1.99"}, nonlocal_bind=True)


def test_a_machine_that_monitors_itself(check):
    check({"ansible_host": "127.0.0.1"}, {"monitor1": {}})


@pytest.mark.parametrize(
    ("monitor", "words"),
    [
        (
            {"ansible_host": "172.17.0.1"},
            ["gpu_monitoring_address on monitor1", "172.17.0.1", "bridge docker0", "192.168.1.10 (eth0)"],
        ),
        ({"gpu_monitoring_address": "172.17.0.1"}, ["bridge docker0", "other hosts cannot reach"]),
        ({"ansible_host": "192.168.122.1"}, ["bridge virbr0"]),
        (
            {"ansible_host": "203.0.113.5"},
            [
                "gpu_monitoring_address on monitor1: 203.0.113.5 is not an address of the host",
                "192.168.1.10 (eth0)",
                "forwards",
                "0.0.0.0",
            ],
        ),
        (
            {"ansible_host": "203.0.113.5", "node_exporter_address": "0.0.0.0", "prometheus_address": "0.0.0.0"},
            ["set grafana_address"],
        ),
        (
            {"ansible_host": "192.168.1.10", "grafana_address": "monitor1"},
            ["grafana_address on monitor1: 'monitor1' is not an IP address"],
        ),
        (
            {"ansible_host": "192.168.1.10", "grafana_address": "192.168.1.11"},
            ["grafana_address on monitor1: 192.168.1.11 is not an address"],
        ),
    ],
)
def test_an_address_that_cannot_be_published_or_reached_is_refused(check, monitor, words):
    with pytest.raises(ValueError) as refused:
        check(monitor)
    for word in words:
        assert word in str(refused.value)
