"""Members that are missing from the cluster of Alertmanager."""

from __future__ import annotations

import socket

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.address import with_port
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.errors import PrometheusError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import cluster, collect_alerts
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.cluster import Cluster, Member
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.decide import Verdict
from ansible_collections.mlops.gpu_monitoring.plugins.modules import monitoring_verify

OWN = "10.0.0.8:9094"
OTHERS = [Member("monitor2", "10.0.0.9:9094"), Member("monitor3", "10.0.0.10:9094")]


def ready(*peers):
    return Cluster("ready", [OWN, *peers])


def problems(members, seen, **closed):
    """`closed` are the reasons why hosts take no connection."""
    reasons = {member.address: closed.get(member.host, "") for member in members}
    return cluster.problems(members, seen, reasons.__getitem__)


def test_a_whole_cluster_and_none_at_all_are_no_fault():
    assert problems(OTHERS, ready("10.0.0.10:9094", "10.0.0.9:9094")) == []
    assert problems([], Cluster("disabled", [])) == []
    assert problems(OTHERS, None) == []


def test_a_missing_member_is_reported_with_its_address():
    [problem] = problems(OTHERS, ready("10.0.0.10:9094"))
    assert (problem.check, problem.host) == ("alerts", "monitor2")
    assert problem.message == (
        "The Alertmanager of monitor2 (10.0.0.9:9094) is missing from the cluster. Either it does not run, or people"
        " get alerts twice. Check that it runs, and that a firewall lets TCP pass to 10.0.0.9:9094."
    )
    assert [problem.host for problem in problems(OTHERS, ready())] == ["monitor2", "monitor3"]


def test_a_dead_member_that_alertmanager_still_counts_is_reported_with_the_reason():
    [problem] = problems(OTHERS, ready("10.0.0.10:9094", "10.0.0.9:9094"), monitor2="connection refused")
    assert problem.message.startswith(
        "The Alertmanager of monitor2 (10.0.0.9:9094) is missing from the cluster (connection refused). Either it"
    )


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_whether_an_address_takes_connections(address):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as listening:
        listening.bind((address, 0))
        listening.listen()
        peer = with_port(address, listening.getsockname()[1])
        assert collect_alerts.closed(peer, 5) == ""
    assert collect_alerts.closed(peer, 5) == "connection refused"


def test_another_port_is_another_member():
    assert [problem.host for problem in problems(OTHERS[:1], ready("10.0.0.9:9095"))] == ["monitor2"]


def test_a_stopped_member_is_reported_with_the_reason():
    stopped = " Alertmanager does not run on monitor2: its container alertmanager is exited. Run the playbook site."
    [problem] = problems([OTHERS[0]._replace(stopped=stopped)], ready())
    assert problem.message == f"The Alertmanager of monitor2 (10.0.0.9:9094) is missing from the cluster.{stopped}"


def test_a_host_that_cannot_be_reached_is_not_reported_again():
    assert problems([OTHERS[0]._replace(unreachable=True)], ready()) == []


@pytest.mark.parametrize("written", ["[2001:db8::9]:9094", "[2001:DB8:0::9]:9094"])
def test_an_ipv6_address_may_be_written_in_several_ways(written):
    members = [Member("monitor2", written), Member("monitor3", "[2001:db8::a]:9094")]
    assert [problem.host for problem in problems(members, ready("[2001:db8::9]:9094"))] == ["monitor3"]


def test_an_alertmanager_that_has_just_started_may_still_look_for_members():
    assert problems(OTHERS, Cluster("settling", [OWN])) == []


def test_an_alertmanager_that_was_deployed_without_a_cluster_is_one_fault():
    [problem] = problems(OTHERS, Cluster("disabled", []))
    assert problem.message == (
        "Alertmanager runs without a cluster, so each Alertmanager notifies people of the same alert."
        " Run the playbook site."
    )


def test_a_test_alert_has_more_time_if_members_take_turns(monkeypatch):
    def stop(_notifier, _name, _severity, wait):
        raise PrometheusError(f"waited {wait}")

    monkeypatch.setattr(collect_alerts, "try_alert", stop)
    given = {"test_alert_name": "verify", "test_alert_severity": "page", "test_alert_wait": 60}
    for members, waited in (({}, 60), ({member.host: member.address for member in OTHERS}, 70)):
        params = {**given, "alertmanager_members": members}
        [problem] = monitoring_verify.with_test_alert(params, None, Verdict([], [], [])).problems
        assert problem.message.endswith(f"waited {waited}")


@pytest.mark.parametrize("address", ["192.0.2.10", "192.0.2.10:cluster", "192.0.2.10:90940", None])
def test_an_address_without_a_port_is_named(address):
    problem = f"alertmanager_members: the address {address} of monitor2 has no port. Write it like 192.0.2.10:9094."
    with pytest.raises(ValueError, match=f"^{problem}$"):
        monitoring_verify.members_of({"alertmanager_members": {"monitor2": address}}, None)
