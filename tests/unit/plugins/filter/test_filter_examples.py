"""The EXAMPLES of the filters and of the lookup, evaluated as in a playbook."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
import trustme
import yaml
from ansible.template import trust_as_template

from tests import examples

FILTERS = examples.ROOT / "plugins" / "filter"
LOOKUP = examples.ROOT / "plugins" / "lookup" / "dashboard_files.py"
FACTS = {"address": "192.0.2.11", "labels": {"team": "vision"}, "exporters": {"dcgm_exporter": 9400}}
HOSTS = {
    "gpu1": FACTS,
    "gpu2": {**FACTS, "address": "192.0.2.12"},
    "monitor1": {"address": "192.0.2.9", "labels": {}, "exporters": {"node_exporter": 9100}},
}
# The two GPU hosts are divided between monitor1 and monitor2, and monitor2 scrapes monitor1.
FLEET = {"hosts": HOSTS, "scraped_by": {"gpu1": "monitor1", "gpu2": "monitor2", "monitor1": "monitor2"}}
TESTED = {
    *("alert_rules", "alertmanager_configuration", "alertmanager_route_test_commands", "certificate_problem"),
    *("duration_seconds", "gpu_presence", "image_reference", "prometheus_size", "prometheus_targets"),
    *("scraped_by", "scraped_elsewhere", "web_password_hash"),
}


@pytest.fixture
def values(tmp_path):
    """The values of the examples of a filter, with variables of a site."""

    def evaluate(name, **variables):
        read = examples.of_file(FILTERS / f"{name}.yml")
        return examples.evaluated(read, {"gpu_monitoring_fleet": FLEET, **variables}, tmp_path)

    return evaluate


def test_the_examples_of_all_filters_are_tested():
    assert {path.stem for path in FILTERS.glob("*.yml")} == TESTED


def test_alert_rules(values, tmp_path):
    (tmp_path / "alerts").mkdir()
    shutil.copy(examples.ROOT / "roles" / "prometheus" / "files" / "alerts" / "gpu.yml", tmp_path / "alerts")
    made = {}
    for name, text in values("alert_rules").items():
        rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
        made[name] = {rule["alert"]: rule for rule in rules if "alert" in rule}
    assert {*made["with_runbook"]} - {*made["without_idle"]} == {"GpuAllocatedIdle"}
    earlier, paging = made["without_idle"]["GpuHot"], made["with_runbook"]["GpuHot"]
    assert ("80" in earlier["expr"], earlier["for"]) == (True, "10m")
    assert paging["labels"]["severity"] == "page"
    assert paging["annotations"]["runbook_url"] == "https://wiki.example.com/gpu"


def test_alertmanager(values):
    made = {name: yaml.safe_load(text) for name, text in values("alertmanager_configuration").items()}
    assert {receiver["name"] for receiver in made["one_channel"]["receivers"]} == {"nobody", "oncall"}
    assert made["one_channel"]["receivers"][0]["slack_configs"][0]["channel"] == "#gpu"
    watchdog = next(route for route in made["two_receivers"]["route"]["routes"] if "5m" in route.values())
    assert watchdog["receiver"] == "pager"
    assert made["two_receivers"]["global"]["smtp_smarthost"] == "mail.example.com:587"
    assert values("alertmanager_route_test_commands")["commands"] == [
        ["amtool", "config", "routes", "test", "--config.file=a.yml", "--verify.receivers=oncall", 'severity="page"']
    ]


def test_certificate_problem(values, tmp_path):
    issued = trustme.CA().issue_cert("192.0.2.11")
    certificate, key = issued.cert_chain_pems[0].bytes().decode(), issued.private_key_pem.bytes().decode()
    (tmp_path / "grafana.crt").write_text(certificate)
    variables = {"certificate": certificate, "private_key": key}
    right, wrong = values("certificate_problem", **variables, problem="a problem")
    condition = trust_as_template(f"{{{{ {right['ansible.builtin.assert']['that']} }}}}")
    assert examples.evaluated(condition, variables, tmp_path) is True
    assert "grafana.example.com" in wrong["vars"]["problem"]


def test_numbers(values):
    assert values("duration_seconds") == {"interval_ms": 5000, "retention_seconds": 1296000}
    made = values("prometheus_size")
    assert (made["size"]["memory"], made["size"]["retention_size"]) == ("4g", "")
    assert (made["size_of_host"]["memory_problem"], made["size_of_host"]["retention_problem"]) == ("", "")


def test_hosts(values):
    # A stand-in for Ansible's hostvars.
    looks = {"gpu1": {"gpu_monitoring_host": {"gpu": {"hardware": True}}}}
    hostvars = SimpleNamespace(raw_get=lambda host: looks.get(host, {}))
    previous = [{"targets": [], "labels": {"host": "gpu2"}}]
    assert values("gpu_presence", hostvars=hostvars, previous_targets=previous) == {
        "presence": {"gpu1": True},
        "presence_of_all": {"gpu1": True, "gpu2": False},
    }
    made = values("prometheus_targets", inventory_hostname="monitor1")
    assert made["targets"] == [{"targets": ["node-exporter:9100"], "labels": {"host": "monitor1"}}]
    assert [group["targets"] for group in made["targets_of_gpus"]] == [["192.0.2.11:9400"], []]


def test_shards(values):
    made = values("scraped_by", inventory_hostname="monitor1")
    assert [[*hosts] for hosts in made.values()] == [["gpu1"], ["gpu2", "monitor1"]]
    made = values("scraped_elsewhere", inventory_hostname="monitor1")
    assert [*made.values()] == [["gpu2", "monitor1"], ["gpu1"]]


def test_image_reference(values):
    assert values("image_reference") == {
        "of_mirror": "harbor.example.com/quay/prometheus/prometheus:v3.13.5",
        "of_registry_of_all": "registry.example.com:5000/prometheus/prometheus:v3.14.0",
    }


def test_web_password_hash(values):
    made = values("web_password_hash", my_password="correct-horse-battery")
    assert made["basic_auth_users"]["prometheus"].startswith("$2b$10$")
    assert made["htpasswd"].startswith("reader:$6$rounds=1000$")


def test_dashboard_files(tmp_path):
    (tmp_path / "dashboards").mkdir()
    for name in ("gpus", "jobs"):
        for folder in (tmp_path, tmp_path / "dashboards"):
            (folder / f"{name}.yml").write_text(f"uid: {name}\ntitle: A dashboard\n")
    site = {"playbook_dir": str(tmp_path), "grafana_admin_password": "a password"}
    tasks = examples.tasks(examples.of_file(LOOKUP))
    made = [examples.rendered(task, site, tmp_path)["dashboards"] for task in tasks]
    assert [[(board["uid"], board["refresh"], board.get("folder_uid")) for board in boards] for boards in made] == [
        [("gpus", "10s", None), ("jobs", "10s", None)],
        [("gpus", "1m", "team"), ("jobs", "1m", "team")],
    ]
