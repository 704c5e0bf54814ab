from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import compare


def same(wanted, present):
    return compare.same(compare.canonical_dashboard(wanted), compare.canonical_dashboard(present))


@pytest.mark.parametrize(
    ("wanted", "present"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 1.0}, {"a": 1}),
        ({"a": None}, {}),
        ({"title": "T"}, {"title": "T", "id": 5, "version": 3, "schemaVersion": 42, "gnetId": None}),
        ({"schemaVersion": 36}, {"schemaVersion": 42}),
        ({}, {"fiscalYearStartMonth": 0, "preload": False, "weekStart": "", "links": []}),
        ({"editable": True}, {}),
        ({}, {"timepicker": {"hidden": False, "refresh_intervals": []}}),
        ({"panels": [{"title": "P"}]}, {"panels": [{"title": "P", "id": 1, "pluginVersion": "12.4.0"}]}),
        (
            {"templating": {"list": [{"name": "h", "type": "query"}]}},
            {"templating": {"list": [{"name": "h", "type": "query", "current": {"value": "x"}}]}},
        ),
        ({"annotations": {"list": []}}, {"annotations": {"list": [{"builtIn": 1, "name": "Annotations & Alerts"}]}}),
        (
            {"panels": [{"libraryPanel": {"uid": "l", "name": "L"}}]},
            {"panels": [{"libraryPanel": {"uid": "l", "name": "L", "version": 4, "meta": {}}}]},
        ),
        (
            {"thresholds": {"steps": [{"color": "green", "value": None}]}},
            {"thresholds": {"steps": [{"color": "green"}]}},
        ),
    ],
)
def test_what_means_the_same(wanted, present):
    assert same(wanted, present)


@pytest.mark.parametrize(
    ("wanted", "present"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": True}),
        ({"a": "1"}, {"a": 1}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"a": [1]}, {"a": [1, 2]}),
        ({"description": "x"}, {}),
        ({}, {"description": "x"}),
        ({}, {"editable": False}),
        ({"defaults": {}}, {"defaults": {"min": 0}}),
        ({"panels": [{"title": "P"}]}, {"panels": [{"title": "P", "options": {"colorMode": "value"}}]}),
        ({"annotations": {"list": []}}, {"annotations": {"list": [{"name": "deploys", "enable": True}]}}),
    ],
)
def test_what_does_not(wanted, present):
    assert not same(wanted, present)


def test_merging_keeps_unnamed_keys_and_removes_null_values():
    assert compare.merged({"a": {"x": 1, "y": 2}, "b": 3}, {"a": {"x": None, "z": {"n": None}}, "c": 4}) == {
        "a": {"y": 2, "z": {}},
        "b": 3,
        "c": 4,
    }
    assert compare.includes({"a": {"x": 1}}, {"a": {"x": 1, "gone": None}})
    assert not compare.includes({"a": {"x": 1}}, {"a": {"x": None}})
    assert compare.includes({}, {"a": {}})
