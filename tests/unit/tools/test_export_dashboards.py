"""What `make dashboards` writes takes the datasource of any Grafana."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import given, references

from tests.dashboards import queries

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import export_dashboards

EVERY = pytest.mark.parametrize("path", queries.FILES, ids=lambda path: path.stem)
INPUT = "${DS_PROMETHEUS}"


def test_each_dashboard_is_a_file(tmp_path):
    written = export_dashboards.write(tmp_path / "build" / "dashboards")
    assert [file.name for file in written] == [f"{path.stem}.json" for path in queries.FILES]
    for path, file in zip(queries.FILES, written, strict=True):
        assert json.loads(file.read_text(encoding="utf-8")) == export_dashboards.export(path)


@EVERY
def test_every_datasource_is_the_input(path):
    exported = export_dashboards.export(path)
    assert [(entry["name"], entry["type"], entry["pluginId"]) for entry in exported["__inputs"]] == [
        ("DS_PROMETHEUS", "datasource", "prometheus")
    ]
    assert references.datasources(exported) == {(INPUT, "prometheus")}
    assert exported["id"] is None


@EVERY
def test_a_filled_input_makes_the_dashboard_of_the_role(path):
    """As Grafana's own import fills it (pkg/services/dashboardimport/utils), and as the modules do."""
    exported = export_dashboards.export(path)
    imported = json.loads(json.dumps(exported).replace(INPUT, "of-the-site"))
    read = given.read(exported, "prometheus", {"DS_PROMETHEUS": "of-the-site"}, {"of-the-site": "prometheus"})
    of_role = json.loads(json.dumps(queries.model(path)).replace('"uid": "prometheus"', '"uid": "of-the-site"'))
    assert imported["panels"] == read["panels"] == of_role["panels"]
    assert imported["templating"] == read["templating"] == of_role["templating"]
    assert imported["annotations"] == read["annotations"] == of_role["annotations"]
    assert not [key for key in read if key.startswith("__")]
