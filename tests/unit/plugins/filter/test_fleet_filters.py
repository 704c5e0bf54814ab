"""The filters that make Prometheus' targets of what `monitoring_fleet` returns."""

from __future__ import annotations

from ansible_collections.mlops.gpu_monitoring.plugins.filter.gpu_presence import gpu_presence
from ansible_collections.mlops.gpu_monitoring.plugins.filter.prometheus_targets import prometheus_targets
from ansible_collections.mlops.gpu_monitoring.plugins.filter.scraped_by import scraped_by
from ansible_collections.mlops.gpu_monitoring.plugins.filter.scraped_elsewhere import scraped_elsewhere

HOSTS = {
    "gpu1": {"address": "10.0.0.1", "labels": {}, "exporters": {"dcgm_exporter": 9400, "node_exporter": 9100}},
    "gpu2": {"address": "2001:db8::2", "labels": {}, "exporters": {"dcgm_exporter": 9500}},
    "both": {"address": "10.0.0.3", "labels": {}, "exporters": {"dcgm_exporter": 9400}},
    "monitor1": {"address": "10.0.0.4", "labels": {}, "exporters": {"node_exporter": 9100}},
}


def targets(**options):
    made = prometheus_targets(HOSTS, "dcgm_exporter", "both", container="dcgm-exporter", container_port=9400, **options)
    return {group["labels"]["host"]: group["targets"] for group in made}


def test_targets_by_address_and_by_container_name():
    assert targets() == {"gpu1": ["10.0.0.1:9400"], "gpu2": ["[2001:db8::2]:9500"], "both": ["dcgm-exporter:9400"]}


def test_a_host_without_hardware_has_a_group_without_targets():
    assert targets(without=["gpu2"]) == {"gpu1": ["10.0.0.1:9400"], "gpu2": [], "both": ["dcgm-exporter:9400"]}


def test_labels_of_the_host_are_those_of_its_target():
    labelled = {"gpu1": {**HOSTS["gpu1"], "labels": {"team": "vision"}}}
    [group] = prometheus_targets(labelled, "dcgm_exporter", "both", container="dcgm-exporter", container_port=9400)
    assert group["labels"] == {"host": "gpu1", "team": "vision"}


def test_the_own_target_has_the_instance_that_other_monitoring_hosts_give_it():
    def instances(monitoring_host):
        made = prometheus_targets(HOSTS, "dcgm_exporter", monitoring_host, "dcgm-exporter", 9400, own_instance=True)
        return {group["labels"]["host"]: group["labels"].get("instance", *group["targets"]) for group in made}

    assert instances("both") == instances("monitor1")


class HostVars:
    """A stand-in for Ansible's hostvars: what the run found on hosts."""

    def __init__(self, **looks):
        self._looks = looks

    def raw_get(self, host):
        return {"gpu_monitoring_host": {"gpu": self._looks[host]}} if host in self._looks else {}


GPU, NONE, BROKEN = (
    {"present": present, "hardware": hardware} for present, hardware in ((True, True), (False, False), (False, True))
)


def group(host, *addresses):
    return {"targets": [*addresses], "labels": {"host": host}}


def test_the_look_of_the_run_counts():
    assert gpu_presence(HOSTS, HostVars(gpu1=GPU, gpu2=NONE, both=BROKEN, monitor1=NONE)) == {
        "gpu1": True,
        "gpu2": False,
        "both": True,
    }


def test_without_a_look_the_previous_targets_count():
    previous = [group("gpu1", "10.0.0.1:9400"), group("gpu2"), group("gone")]
    assert gpu_presence(HOSTS, HostVars(), previous) == {"gpu1": True, "gpu2": False}
    assert gpu_presence(HOSTS, HostVars(gpu1=NONE, gpu2=GPU), previous) == {"gpu1": False, "gpu2": True}


def test_previous_targets_of_a_user_say_nothing_of_hosts():
    assert (
        gpu_presence(HOSTS, HostVars(), [{"targets": ["10.0.0.1:9400"]}, {"targets": [], "labels": {"rack": "3"}}])
        == {}
    )


def test_of_a_host_that_is_new_nothing_is_known():
    assert gpu_presence(HOSTS, HostVars()) == {}


def test_each_monitoring_host_scrapes_all_hosts_unless_they_divide_them():
    fleet = {"hosts": HOSTS, "scraped_by": {}}
    assert (scraped_by(fleet, "monitor1"), scraped_elsewhere(fleet, "monitor1")) == (HOSTS, [])
    # A host outside of the groups may have model servers.
    divided = {"gpu1": "monitor1", "gpu2": "both", "both": "monitor1", "monitor1": "both", "other1": "both"}
    fleet = {"hosts": HOSTS, "scraped_by": divided}
    assert scraped_by(fleet, "monitor1") == {"gpu1": HOSTS["gpu1"], "both": HOSTS["both"]}
    assert scraped_elsewhere(fleet, "monitor1") == ["gpu2", "monitor1", "other1"]
