"""The link of each alert to the dashboard of its host, as a real Prometheus fills it in."""

from __future__ import annotations

import json

import pytest
import requests
import yaml

from tests.rules.servers import wait_until
from tests.unit.roles.rendering import fleet, service

GPU_HOSTS = {"gpu1": {"ansible_host": "10.0.0.1"}, "gpu 2/é": {"ansible_host": "10.0.0.2"}}
MONITORING_HOSTS = {"monitor1.example.com": {"ansible_host": "10.0.0.9"}, "monitor+2": {"ansible_host": "10.0.0.8"}}
GRAFANA = "https://10.0.0.9:3000"


def annotations(config, **variables):
    """The annotations of the alert Watchdog in the role's files."""
    folder = config(
        fleet(GPU_HOSTS, MONITORING_HOSTS, {"gpu_monitoring_tls": False, **variables}), "monitor1.example.com"
    )
    groups = yaml.safe_load((folder / "rules" / "alerts-monitoring.yml").read_text())["groups"]
    return next(rule["annotations"] for group in groups for rule in group["rules"] if rule.get("alert") == "Watchdog")


@pytest.mark.parametrize(
    ("variables", "begin"),
    [
        ({"grafana_url": GRAFANA}, f"{GRAFANA}/d/"),
        (
            {"grafana_url": GRAFANA, "grafana_root_url": "https://x.example.com/grafana/"},
            "https://x.example.com/grafana/d/",
        ),
        ({"grafana_url": GRAFANA, "prometheus_alert_annotations": {"dashboard_url": "https://site"}}, "https://site"),
    ],
)
def test_alerts_link_where_people_find_grafana(config, variables, begin):
    assert annotations(config, **variables)["dashboard_url"].startswith(begin)


def test_alerts_of_a_prometheus_without_grafana_have_no_link(config):
    assert "dashboard_url" not in annotations(config)


def firing(prometheus, tmp_path, rule, *flags):
    """The alerts of a rule in a Prometheus of these flags."""
    folder = tmp_path / "links"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "site", "interval": "1s", "rules": [rule]}]}))
    (folder / "prometheus.yml").write_text(json.dumps({"rule_files": ["rules.yml"]}))
    server = prometheus(folder, *flags)
    return wait_until(
        lambda: requests.get(f"{server.url}/api/v1/alerts", timeout=10).json()["data"]["alerts"], "nothing fires"
    )


def test_links_to_prometheus_begin_with_the_published_address(prometheus, tmp_path):
    inventory = fleet(GPU_HOSTS, MONITORING_HOSTS, {"gpu_monitoring_tls": False})
    command = service("prometheus", "prometheus", inventory, "monitor1.example.com", tmp_path)["command"]
    flags = [flag for flag in command if flag.startswith("--web.") and "lifecycle" not in flag]
    [alert] = firing(
        prometheus,
        tmp_path,
        {"alert": "Busy", "expr": "vector(1)", "annotations": {"link": "{{ externalURL }}"}},
        *flags,
    )
    assert alert["annotations"]["link"] == "http://10.0.0.9:9090"


def test_an_alert_leads_to_the_dashboard_of_its_host(config, prometheus, tmp_path):
    link = annotations(config, grafana_url=GRAFANA)["dashboard_url"]
    hosts = [*GPU_HOSTS, *MONITORING_HOSTS, "monitor1-example.com"]
    vectors = [f'label_replace(vector(1), "host", "{host}", "", "")' for host in hosts]
    rule = {"alert": "Busy", "expr": " or ".join([*vectors, "vector(1)"]), "annotations": {"dashboard_url": link}}
    fired = firing(prometheus, tmp_path, rule)
    assert {alert["labels"].get("host", ""): alert["annotations"]["dashboard_url"] for alert in fired} == {
        "gpu1": f"{GRAFANA}/d/gpu-host?var-host=gpu1",
        "gpu 2/é": f"{GRAFANA}/d/gpu-host?var-host=gpu+2%2F%C3%A9",
        "monitor1.example.com": f"{GRAFANA}/d/machines?var-host=monitor1.example.com",
        "monitor+2": f"{GRAFANA}/d/machines?var-host=monitor%2B2",
        "monitor1-example.com": f"{GRAFANA}/d/gpu-host?var-host=monitor1-example.com",
        "": f"{GRAFANA}/d/alerts",
    }
