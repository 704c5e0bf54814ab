"""The EXAMPLES of the modules for Grafana do what they say, and a rerun changes nothing."""

from __future__ import annotations

import importlib
import json

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.modules import grafana_resources

from tests import examples

CONNECTION = {"url", "username", "password", "token", "ca_path"}
# A dashboard as Grafana exports it.
MODEL = {
    "__inputs": [{"name": "DS_PROMETHEUS", "type": "datasource", "pluginId": "prometheus"}],
    "uid": "from-a-file",
    "title": "From a file",
    "panels": [{"type": "timeseries", "datasource": {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}, "targets": []}],
    "schemaVersion": 39,
}
BACKUP = {
    "datasources": [{"uid": "prometheus", "name": "Prometheus", "url": "http://prometheus:9090"}],
    "folders": [{"uid": "gpu", "title": "GPU"}],
    "dashboards": [{"uid": "gpus", "folder_uid": "gpu", "title": "GPUs", "panels": []}],
}
VARIABLES = {
    "item": "dashboards/from-a-file.json",
    "our_folders": [{"uid": "ours", "title": "Ours"}],
    "our_dashboards": [{"uid": "our-gpus", "title": "GPUs", "panels": []}],
    **dict.fromkeys(("grafana_token", "grafana_admin_password", "prometheus_password"), "hunter22-secret"),
}
FILES = {"dashboards/from-a-file.json": MODEL, "dashboard.json": MODEL, "node-exporter.json": MODEL}
USED = [
    pytest.param(module, number, id=f"{module}-{number}")
    for module in examples.run_by(__file__)
    for number in range(len(examples.of(module)))
    if module not in ("grafana_admin_password", "grafana_service_account")
]


def code(module):
    return importlib.import_module(f"ansible_collections.mlops.gpu_monitoring.plugins.modules.{module}")


@pytest.mark.parametrize(("module", "number"), USED)
def test_an_example_works_and_a_rerun_changes_nothing(grafana, tmp_path, module, number):
    folders = [{"uid": uid, "title": uid} for uid in ("gpu", "experiments")]
    grafana.run(grafana_resources, folders=folders, datasources=BACKUP["datasources"])
    (tmp_path / "dashboards").mkdir()
    for name, content in {**FILES, "grafana.json": BACKUP}.items():
        (tmp_path / name).write_text(json.dumps(content))
    example = examples.of(module, {"/var/backups": str(tmp_path)})[number]
    options = examples.rendered(example, VARIABLES, tmp_path)
    given = {name: value for name, value in options.items() if name not in CONNECTION}

    first = grafana.run(code(module), **given)
    assert not first.get("failed"), first
    grafana.wait_for_search()
    assert grafana.run(code(module), **given)["changed"] is False


def test_the_examples_change_passwords(grafana, tmp_path):
    """The stand-in has one account."""
    for number, example in enumerate(examples.of("grafana_admin_password", {"reports": "admin"})):
        passwords = {"old_password": grafana.password, "new_password": f"new-password-{number}"}
        options = examples.rendered(example, passwords, tmp_path)
        given = {name: value for name, value in options.items() if name not in ("url", "ca_path")}
        assert grafana.run(code("grafana_admin_password"), **given)["changed"] is True
        grafana.password = passwords["new_password"]
        assert grafana.run(code("grafana_admin_password"), **given)["changed"] is False


def test_the_examples_declare_use_and_remove_a_service_account(grafana, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    variables = {**VARIABLES, "grafana_admin_password": grafana.password}
    done = []
    for example in examples.tasks(examples.read("grafana_service_account")):
        options = examples.rendered(example, variables, tmp_path)
        result = grafana.run(code(example.module), **{**options, "url": grafana.url})
        done.append((example.module, result.get("changed"), result.get("msg")))
    assert done == [
        ("grafana_service_account", True, None),
        ("grafana_resources", True, None),
        ("grafana_service_account", True, None),
    ]
