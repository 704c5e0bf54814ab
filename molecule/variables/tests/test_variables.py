"""What a site sets, and nothing else, is what changes."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.stack import ROOT, SERVICES, run_playbook

pytestmark = pytest.mark.long


@pytest.fixture
def taken_back(site):
    """Leaves the stack as converge made it."""
    yield
    assert site().code == 0


@pytest.mark.usefixtures("taken_back")
def test_one_variable_changes_the_interval_everywhere(site, host, prometheus, grafana, started):
    before = started()
    run = site(variables={"gpu_monitoring_scrape_interval": "2s"})
    assert run.code == 0, run.output

    running = yaml.safe_load(prometheus.get("status/config")["yaml"])
    assert running["global"]["scrape_interval"] == "2s"
    dcgm, cadvisor = json.loads(host("gpu2").check_output("docker inspect dcgm-exporter cadvisor"))
    assert "DCGM_EXPORTER_INTERVAL=2000" in dcgm["Config"]["Env"]
    assert "--housekeeping_interval=2s" in cadvisor["Args"]
    assert grafana.get("/api/datasources/uid/prometheus")["jsonData"]["timeInterval"] == "2s"
    after = started()
    same = {service for name, service in before if before[name, service] == after[name, service]}
    # The collector takes the interval only to measure the usage of GPUs.
    without = {"alertmanager", "cadvisor-proxy", "container-gpu-collector", "grafana", "node-exporter", "prometheus"}
    assert same == without


@pytest.mark.usefixtures("taken_back")
def test_a_prefix_names_all_containers_and_a_site_adds_to_them(site, host, tmp_path):
    variables = {
        "gpu_monitoring_container_prefix": "gpu-",
        "gpu_monitoring_log_driver": "local",
        "prometheus_labels_extra": {"team": "ml"},
        "grafana_cpus": 1.5,
        "node_exporter_environment_extra": {"TZ": "UTC"},
        "cadvisor_mounts_extra": [{"source": "/srv", "target": "/srv", "read_only": True}],
    }
    run = site(variables=variables)
    assert run.code == 0, run.output
    assert site(variables=variables).recap["gpu1"]["changed"] == 0
    for name, services in SERVICES.items():
        names = host(name).check_output("docker ps --all --format '{{.Names}}' | grep -v training-job").split()
        assert sorted(names) == [f"gpu-{service}" for service in services]
    asked = {
        "gpu_monitoring_container_prefix": "gpu-",
        "verify_report": str(tmp_path / "verify.json"),
        "verify_wait": "60s",
    }
    run = run_playbook(ROOT / "playbooks" / "verify.yml", variables=asked)
    assert run.code == 0, run.output
    prometheus, grafana = json.loads(host("monitor1").check_output("docker inspect gpu-prometheus gpu-grafana"))
    assert (prometheus["Config"]["Labels"]["team"], prometheus["HostConfig"]["LogConfig"]["Type"]) == ("ml", "local")
    assert grafana["HostConfig"]["NanoCpus"] == 1_500_000_000
    node, cadvisor = json.loads(host("gpu2").check_output("docker inspect gpu-node-exporter gpu-cadvisor"))
    assert "TZ=UTC" in node["Config"]["Env"]
    assert "/srv" in [mount["Destination"] for mount in cadvisor["Mounts"]]


def test_a_dashboard_folder_and_datasource_of_the_site(site, grafana, tmp_path):
    model = tmp_path / "jobs.json"
    panel = {
        "type": "text",
        "title": "Who to call",
        "options": {"mode": "markdown", "content": "{{name}}"},
        "gridPos": {"h": 4, "w": 24, "x": 0, "y": 0},
    }
    model.write_text(json.dumps({"uid": "jobs", "title": "Training jobs", "panels": [panel]}))
    variables = {
        "grafana_datasources_extra": [
            {"uid": "archive", "name": "Archive", "type": "prometheus", "url": "http://archive.example.com:9090"}
        ],
        "grafana_folders_extra": [{"uid": "site", "title": "Site"}],
        "grafana_dashboards_extra": [
            {
                "uid": "jobs",
                "model": f"{{{{ lookup('ansible.builtin.file', '{model}') | from_json }}}}",
                "folder_uid": "site",
            }
        ],
    }
    try:
        run = site("--limit=monitor1", variables=variables)
        assert run.code == 0, run.output
        saved = grafana.get("/api/dashboards/uid/jobs")
        assert saved["meta"]["folderUid"] == "site"
        assert saved["dashboard"]["panels"][0]["options"]["content"] == "{{name}}"
        assert grafana.get("/api/datasources/uid/archive")["url"] == "http://archive.example.com:9090"
        again = site("--limit=monitor1", variables=variables)
        assert (again.code, again.recap["monitor1"]["changed"]) == (0, 0), again.output
    finally:
        for path in ("/api/folders/site", "/api/datasources/uid/archive"):
            grafana.session.delete(f"{grafana.url}{path}", timeout=10)


@pytest.mark.usefixtures("taken_back")
def test_the_administrators_password_is_rotated(site, host, grafana, started):
    before = started()
    new = "a-new-password-of-the-administrator"
    checked = site("--check", "--diff", variables={"grafana_admin_password": new})
    assert checked.code == 0, checked.output
    run = site("--diff", variables={"grafana_admin_password": new})
    assert run.code == 0, run.output
    assert new not in run.output + checked.output
    answer = grafana.session.get(f"{grafana.url}/api/user", auth=("admin", new), timeout=10)
    assert answer.status_code == 200
    again = site(variables={"grafana_admin_password": new})
    assert (again.code, again.recap["monitor1"]["changed"]) == (0, 0), again.output
    assert host("monitor1").check_output("find /etc/gpu_monitoring -name '*previous*'") == ""
    assert started() == before
