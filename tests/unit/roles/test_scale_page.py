"""The recipes of docs/scale.md, as Prometheus and Grafana get them. promtool checks them in tests/rules."""

from __future__ import annotations

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import options

from tests.scale import recipes
from tests.unit.roles.rendering import arguments, fleet, service

ENGINES = ("VictoriaMetrics cluster", "Grafana Mimir", "Thanos Receive")
TENANT = {
    "VictoriaMetrics cluster": {},
    "Grafana Mimir": {"X-Scope-OrgID": "gpu"},
    "Thanos Receive": {"THANOS-TENANT": "gpu"},
}
SECRET = "a secret of the test"


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture
def inventory(engine):
    return fleet({}, {"monitor1": {"ansible_host": "10.0.0.9"}}, recipes.variables(engine, {}))


def test_prometheus_writes_as_the_tenant_with_a_password_from_a_file(engine, inventory, tmp_path):
    rendered = service("prometheus", "prometheus", inventory, "monitor1", tmp_path)
    [config] = [file["content"] for file in rendered["files"] if file["path"].endswith("/prometheus.yml")]
    [write] = yaml.safe_load(config)["remote_write"]
    assert write.get("headers", {}) == TENANT[engine]
    assert SECRET not in config
    secrets = {file["path"].rpartition("/prometheus/")[2]: file["content"] for file in rendered["secret_files"]}
    assert secrets[write["basic_auth"]["password_file"]] == SECRET


def test_grafana_asks_the_engine_by_default_as_the_same_tenant(engine, inventory, tmp_path):
    task = "Declare datasources, folders and dashboards"
    datasources = arguments("grafana", task, inventory, "monitor1", tmp_path)["datasources"]
    wanted = {"datasources": {"type": "list", "elements": "dict", "options": options.DATASOURCE}}
    assert not ArgumentSpecValidator(wanted).validate({"datasources": datasources}).error_messages
    [datasource] = [datasource for datasource in datasources if datasource.get("is_default")]
    assert datasource["url"].startswith("https://")
    headers, secrets = datasource["json_data"], datasource["secure_json_data"]
    names = {
        key.removeprefix("httpHeaderName"): name for key, name in headers.items() if key.startswith("httpHeaderName")
    }
    assert {name: secrets[f"httpHeaderValue{number}"] for number, name in names.items()} == TENANT[engine]
    assert secrets["basicAuthPassword"] == SECRET
