"""The EXAMPLES of the modules for Grafana's objects do what they say, and a rerun writes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.modules import (
    grafana_dashboard,
    grafana_datasource,
    grafana_folder,
    grafana_resources,
)

from tests.unit.plugins.test_module_examples import examples, tasks

MODULES = {
    module.__name__.rpartition(".")[2]: module
    for module in (grafana_dashboard, grafana_datasource, grafana_folder, grafana_resources)
}
CONNECTION = {"url", "username", "password", "token"}
# A dashboard as Grafana exports it.
MODEL = {
    "__inputs": [{"name": "DS_PROMETHEUS", "type": "datasource", "pluginId": "prometheus"}],
    "title": "From a file",
    "panels": [{"type": "timeseries", "datasource": {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}, "targets": []}],
    "schemaVersion": 39,
}
USED = [
    pytest.param(name, options, id=f"{name}-{number}")
    for name in MODULES
    for number, (used, options, _defaults) in enumerate(tasks(examples(name)))
    if used == name
]


def rendered(name: str, value: Any) -> Any:
    """What a variable of the site would give in the place of a template."""
    if isinstance(value, dict):
        return {key: rendered(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [rendered("", item) for item in value]
    if not isinstance(value, str) or not value.startswith("{{") or name == "legend":
        return value
    return {"model": MODEL, "uid": "from-a-file"}.get(name, [] if name.endswith("s") else "a value")


@pytest.mark.parametrize(("name", "options"), USED)
def test_an_example_works_and_a_rerun_changes_nothing(grafana, name, options):
    folders = [{"uid": uid, "title": uid} for uid in ("gpu", "experiments")]
    datasources = [{"uid": "prometheus", "name": "Prometheus", "url": "http://prometheus:9090"}]
    grafana.run(grafana_resources, folders=folders, datasources=datasources)
    given = {key: rendered(key, value) for key, value in options.items() if key not in CONNECTION}

    first = grafana.run(MODULES[name], **given)
    assert not first.get("failed"), first
    grafana.wait_for_search()
    assert grafana.run(MODULES[name], **given)["changed"] is False
