"""A dashboard model of any JSON gives a plan or a clear error, whoever wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    check_models,
    check_writes,
    declared,
    desired,
    library_panels,
    plan,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present
from items import a_dashboard

from tests.odd_json import ODD, paths, replaced

REFERENCE = {"type": "prometheus", "uid": "${DS}"}
TARGET = {"refId": "A", "expr": "up", "datasource": REFERENCE}
PANEL = {
    "id": 1,
    "type": "timeseries",
    "title": "Up",
    "datasource": REFERENCE,
    "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
    "targets": [TARGET],
    "fieldConfig": {
        "defaults": {"unit": "percent", "max": 1.0, "thresholds": {"steps": [{"value": None}]}},
        "overrides": [],
    },
    "options": {"legend": {"showLegend": True}},
    "libraryPanel": {"uid": "shared", "name": "Shared"},
}
VARIABLE = {
    "name": "host",
    "type": "query",
    "datasource": REFERENCE,
    "query": {"query": "label_values(up, host)"},
    "current": {"value": ["a"]},
}
MODEL: dict[str, Any] = {
    "__inputs": [{"name": "DS", "type": "datasource", "pluginId": "prometheus", "value": "x"}],
    "__elements": {"shared": {"uid": "shared", "name": "Shared", "model": {"type": "text"}}},
    "__requires": [{"type": "panel", "id": "timeseries"}],
    "uid": "odd",
    "title": "Odd",
    "tags": ["a"],
    "version": 3,
    "schemaVersion": 39,
    "refresh": "5s",
    "time": {"from": "now-1h", "to": "now"},
    "templating": {"list": [VARIABLE]},
    "annotations": {"list": [{"builtIn": 1, "datasource": REFERENCE}]},
    "panels": [PANEL, {"type": "row", "title": "Row", "panels": [{"type": "text"}]}],
    "rows": [{"title": "Old", "panels": [{"type": "text"}]}],
}

ENVELOPES: dict[str, Any] = {
    "api": {"dashboard": {"uid": "odd", "title": "Odd"}, "meta": {"folderUid": "f"}},
    "kubernetes": {
        "apiVersion": "dashboard.grafana.app/v1beta1",
        "kind": "Dashboard",
        "metadata": {"name": "odd", "annotations": {"grafana.app/folder": "f"}},
        "spec": {"title": "Odd", "panels": []},
    },
}


class Settings:
    """A stand-in for the client, which knows Grafana's settings."""

    def web_settings(self) -> Any:
        return {"panels": {"timeseries": {}, "text": {}}, "minRefreshInterval": "1s"}


def planned(model: Any, stored: Any = None, uid: str | None = "odd") -> Change:
    """The change for a model, which the server may have as another one."""
    given = {"time_from": "now-2h", "ignore_paths": ["panels[*].title", "time.from"], "datasource_uid": "prom"}
    item = a_dashboard(uid=uid, title=None, panels=None, model=model, **given)
    present = Present(datasources={"prom": {"uid": "prom", "name": "Prom", "type": "prometheus"}})
    if stored is not None:
        present.dashboards["odd"] = {"dashboard": stored, "meta": {"version": 3, "url": "/d/odd"}}
    wanted = declared.Declared([], [], [item], "team", False, None)
    desired.complete(wanted)
    (change,) = plan.make(wanted, present)
    present.library_panels = dict.fromkeys(library_panels.referenced(change.body.get("dashboard") or {}), True)
    check_models.refuse_bad_models([change], wanted, present)
    check_writes.check(Settings(), [change], present, lambda text: None)
    change.diff()
    return change


@pytest.mark.parametrize("path", list(paths(MODEL)), ids=lambda path: ".".join(map(str, path)) or "whole")
def test_any_json_in_place_of_a_node_gives_a_plan_or_a_clear_error(path):
    for odd in ODD:
        try:
            change = planned(replaced(MODEL, path, odd))
        except GrafanaError as error:
            assert str(error)
        else:
            assert change.action == "created"


@pytest.mark.parametrize("kind", ENVELOPES)
def test_any_json_in_what_holds_a_model_gives_a_plan_or_a_clear_error(kind):
    envelope = ENVELOPES[kind]
    assert planned(envelope, uid=None).uid == "odd"
    for path in paths(envelope):
        for odd in ODD:
            try:
                planned(replaced(envelope, path, odd), uid=None)
            except GrafanaError as error:
                assert str(error)


@pytest.mark.parametrize("path", [path for path in paths(MODEL) if path], ids=lambda path: ".".join(map(str, path)))
def test_any_json_on_the_server_is_planned_over(path):
    model = {**MODEL, "rows": [], "panels": [{"type": "text", "title": "T"}]}
    stored = {key: value for key, value in MODEL.items() if not key.startswith("__")}
    if path[0] in stored:
        for odd in ODD:
            change = planned(model, replaced(stored, path, odd))
            assert change.changed


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_json_does_not_have_is_an_error_of_its_dashboard(text):
    model = json.dumps({"title": "T", "panels": [{"title": "Up", "max": 12345}]}).replace("12345", text)
    change = planned(model)
    assert change.error.startswith("dashboard 'odd': dashboard.panels[0].max is ")
    assert "JSON does not have" in change.error


def test_a_file_may_begin_with_a_byte_order_mark():
    change = planned("\ufeff" + json.dumps({"title": "T", "panels": []}))
    assert (change.action, change.error) == ("created", "")


@pytest.mark.parametrize("time", [None, "now-6h", ["now"], 5, {"to": "now-1h"}])
def test_the_time_of_a_model_may_be_anything_where_time_from_is_given(time):
    change = planned({"title": "T", "panels": [], "time": time})
    expected = {"from": "now-2h", "to": "now-1h" if isinstance(time, dict) else "now"}
    assert change.body["dashboard"]["time"] == expected
