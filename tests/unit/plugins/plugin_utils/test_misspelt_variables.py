"""Variables whose names are close to a variable of a role."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.misspelt_variables import first_hosts, warnings

from tests.unit.plugins.plugin_utils.inventory import host_variables

ROOT = Path(__file__).resolve().parents[4]
# What the playbook site checks.
ROLES = (
    "docker_engine",
    "tls",
    "node_exporter",
    "cadvisor",
    "nvidia_container_toolkit",
    "dcgm_exporter",
    "container_gpu_collector",
    "alertmanager",
    "prometheus",
    "grafana",
)
HOSTS = ["gpu1", "monitor1"]


def warned(tmp_path, variables):
    known = host_variables(tmp_path, {"gpu1": {}}, {"monitor1": {}}, variables)
    return [warning for role in ROLES for warning in warnings(known, role, first_hosts(known, role, HOSTS))]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("grafana_prot", "grafana_port"),
        ("prometheus_retention", "prometheus_retention_time"),
        ("gpu_monitoring_adress", "gpu_monitoring_address"),
        ("dcgm_exporter_intervall", "dcgm_exporter_interval"),
    ],
)
def test_a_misspelt_variable_is_named_once_with_the_variable_that_was_meant(tmp_path, name, meant):
    host = "monitor1" if name.startswith(("grafana", "prometheus")) else "gpu1"
    known = host_variables(tmp_path, {"gpu1": {}}, {"monitor1": {}}, {name: "31"})
    found = [warning for role in ROLES for warning in warnings(known, role, first_hosts(known, role, [host, *HOSTS]))]
    assert found == [f"{name} on {host}: is not a variable of this collection. Did you mean {meant}?"]


def test_a_variable_of_one_host_is_named_with_that_host(tmp_path):
    known = host_variables(tmp_path, {"gpu1": {}, "gpu2": {"cadvisor_prot": 1}}, {"monitor1": {}})
    [warning] = warnings(known, "cadvisor", first_hosts(known, "cadvisor", ["gpu1", "gpu2"]))
    assert warning.startswith("cadvisor_prot on gpu2: ")


@pytest.mark.parametrize(
    "variables",
    [
        # A variable of the site, which another value reads.
        {"grafana_admin_pasword": "secret", "grafana_admin_password": "{{ grafana_admin_pasword }}"},
        # No close match.
        {"grafana_team": "ml", "gpu_monitoring_owner_of_rack": "ml", "prometheus_skip_install": True},
        # A variable of another collection, which has its own warning.
        {"prometheus_storage_retention": "31d", "prometheus_web_external_url": "http://x"},
        {"my_grafana_prot": 1, "prometheus_hosts": []},
        {"grafana_prot": None},
    ],
)
def test_variables_that_are_no_mistake_are_not_named(tmp_path, variables):
    assert warned(tmp_path, variables) == []


def test_no_variable_of_the_collection_itself_is_named(tmp_path):
    """Options, defaults, internal names, and results of tasks of all roles and playbooks, and what the pages set."""
    files = [
        file
        for folder in ("roles", "playbooks", "inventories", "docs", "molecule")
        for file in (ROOT / folder).rglob("*")
        if file.suffix in (".yml", ".md")
    ]
    set_here = re.compile(r"^[\s-]*([a-z][a-z0-9_]*): |\bregister: ([a-z]\w*)|-e ([a-z]\w*)=", re.MULTILINE)
    names = {name for file in files for match in set_here.findall(file.read_text()) for name in match if name}
    # An option of a module, which roles set as a key of the task.
    names -= {"grafana_secret_key_file"}
    assert {"gpu_monitoring_fleet", "grafana_port", "gpu_monitoring_remove_data", "prometheus_url"} <= names
    assert warned(tmp_path, dict.fromkeys(names, "a value")) == []
