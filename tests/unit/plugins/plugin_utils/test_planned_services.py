"""The containers that roles are about to make, known on the controller."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.fleet import evaluate
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.planned_services import planned

from tests.unit.plugins.plugin_utils.inventory import host_variables

GPU1, MONITOR = {"gpu1": {"ansible_host": "10.0.0.1"}}, {"monitor1": {"ansible_host": "10.0.0.9"}}
ALL = ["node_exporter", "cadvisor", "dcgm_exporter", "alertmanager", "prometheus", "grafana"]


def all_services(tmp_path, host, roles, monitoring=MONITOR, **variables):
    fleet = evaluate(host_variables(tmp_path, GPU1, monitoring, variables), ["gpu1", *monitoring])
    return planned(
        host_variables(tmp_path, GPU1, monitoring, {**variables, "gpu_monitoring_fleet": fleet}), host, roles
    )


def services(tmp_path, host, roles, **variables):
    return {
        service["container"]: (service.get("address"), service.get("port"))
        for service in all_services(tmp_path, host, roles, **variables)
    }


def test_the_services_of_a_gpu_host(tmp_path):
    assert services(tmp_path, "gpu1", ALL[:3]) == {
        "node-exporter": ("10.0.0.1", 9100),
        "cadvisor": (None, None),
        "cadvisor-proxy": ("10.0.0.1", 8088),
        "dcgm-exporter": ("10.0.0.1", 9400),
    }


def test_variables_count_as_the_roles_take_them(tmp_path):
    variables = {
        "gpu_monitoring_tls": False,
        "gpu_monitoring_container_prefix": "gpu-",
        "node_exporter_enabled": "no",
        "cadvisor_port": "8089",
        "cadvisor_address": "0.0.0.0",
        "dcgm_exporter_address": "no address",
    }
    assert services(tmp_path, "gpu1", ALL[:3], **variables) == {
        "gpu-cadvisor": ("0.0.0.0", 8089),
        "gpu-dcgm-exporter": (None, None),
    }
    monitoring = {"alertmanager": ("10.0.0.9", 9093), "prometheus": ("10.0.0.9", 9090), "grafana": ("10.0.0.9", 3000)}
    assert services(tmp_path, "monitor1", ALL[3:]) == monitoring
    assert set(services(tmp_path, "monitor1", ALL[3:], alertmanager_enabled="off")) == {"prometheus", "grafana"}


def test_a_member_of_the_cluster_of_alertmanager_has_a_further_port(tmp_path):
    def ports(**variables):
        monitoring = {**MONITOR, "monitor2": {"ansible_host": "2001:db8::8", "alertmanager_cluster_port": "19094"}}
        of_role = all_services(tmp_path, "monitor2", ["alertmanager"], monitoring, **variables)
        assert {service["container"] for service in of_role} == {"alertmanager"}
        return [(service["address"], service["port"], service.get("port_variable")) for service in of_role]

    own = ("2001:db8::8", 9093, None)
    assert ports() == [own, ("2001:db8::8", 19094, "alertmanager_cluster_port")]
    assert ports(gpu_monitoring_tls=False) == [own]


def test_a_service_that_is_neither_wanted_nor_not_is_one_error(tmp_path):
    known = host_variables(tmp_path, GPU1, MONITOR, {"alertmanager_enabled": "maybe"})
    with pytest.raises(
        ValueError,
        match=r"^alertmanager_enabled on monitor1: 'maybe' is neither true nor false\. Set it to true or false\.$",
    ):
        planned(known, "monitor1", ["alertmanager"])
