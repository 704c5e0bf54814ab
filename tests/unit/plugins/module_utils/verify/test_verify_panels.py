"""Panels ask what Grafana would ask when somebody opens the dashboard."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import panels
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.collect import last_change

from tests.unit.plugins.module_utils.verify.fake_prometheus import PROM, ask, asked, queries


def titles(*given, library=None, **dashboard):
    """The titles of the panels that ask something."""
    return [query.panel for query in queries({"panels": list(given), **dashboard}, library=library)]


def panel(title, **more):
    return {"title": title, "datasource": PROM, "targets": [{"refId": "A", "expr": "x"}], **more}


def test_references_of_promql_itself_stay():
    assert ask('label_replace(x, "a", "$1", "b", "(.*)")') == 'label_replace(x, "a", "$1", "b", "(.*)")'


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("$__rate_interval", "20000ms"),
        ("$__interval", "5s"),
        ("$__range", "15m"),
        ("${__range_s}", "900"),
        ("$__interval_ms", "5000"),
    ],
)
def test_grafanas_own_variables(written, value):
    assert ask(f"rate(x[{written}])", time={"from": "now-15m", "to": "now"}) == f"rate(x[{value}])"


@pytest.mark.parametrize("start", ["now/d", f"now-{'9' * 400}d", 10**400])
def test_a_time_range_that_is_no_duration_is_an_hour(start):
    assert ask("x[$__range]", time={"from": start}) == "x[1h]"


@pytest.mark.parametrize(
    ("panel", "target", "step", "rate"),
    [
        ({}, {}, "1m", "65000ms"),
        ({"gridPos": {"w": 12}}, {}, "2m", "125000ms"),
        ({"span": 4}, {}, "2m", "125000ms"),
        ({"maxDataPoints": 24}, {}, "1h", "3605000ms"),
        ({"interval": "10m"}, {}, "10m", "605000ms"),
        ({"interval": ">10m"}, {}, "10m", "605000ms"),
        ({}, {"interval": "5m"}, "5m", "1200000ms"),
        ({}, {"interval": "30s"}, "1m", "120000ms"),
        ({}, {"interval": "$__rate_interval"}, "65s", "65000ms"),
        ({}, {"interval": "nonsense"}, "1m", "65000ms"),
        ({}, {"intervalFactor": 2}, "2m", "65000ms"),
        ({"timeFrom": "15m"}, {}, "5s", "20000ms"),
    ],
)
def test_intervals_follow_the_time_range_the_width_and_the_least_step(panel, target, step, rate):
    asked = ask("x[$__interval] y[$__rate_interval]", panel=panel, target=target, time={"from": "now-24h", "to": "now"})
    assert asked == f"x[{step}] y[{rate}]"


@pytest.mark.parametrize(
    ("time", "shift", "start", "end"),
    [
        ({"from": "now-15m", "to": "now"}, None, "now-300s", "now"),
        ({"from": "now-30m", "to": "now-30s"}, None, "now-330s", "now-30s"),
        ({"from": "now-1d/d", "to": "now/d"}, None, "now-300s", "now"),
        ({}, "1h", "now-3900s", "now-3600s"),
        (
            {"from": "2024-01-24T10:00:00.000Z", "to": "2024-01-24T11:00:00.000Z"},
            None,
            "1706093700000",
            "1706094000000",
        ),
        ({"from": "1706090400000", "to": "1706094000000"}, None, "1706093700000", "1706094000000"),
    ],
)
def test_the_end_of_the_time_range_is_looked_at(time, shift, start, end):
    [query] = queries({"panels": [panel("P", timeShift=shift)], "time": time})
    assert (query.start, query.end) == (start, end)


@pytest.mark.parametrize(
    ("written", "value"),
    [("$__from", "1699999100000"), ("${__to}", "1700000000000"), ("${__from:date:seconds}", "1699999100")],
)
def test_start_and_end(written, value):
    assert ask(f"x @ {written}", time={"from": "now-15m", "to": "now"}, context={"now": 1700000000}) == f"x @ {value}"


@pytest.mark.parametrize(
    ("given", "uid"),
    [
        (PROM, "prom"),
        ({"uid": "other"}, "other"),
        ("Other", "other"),
        (None, "prom"),
        ({"type": "prometheus"}, "prom"),
        ({"uid": "$source"}, "prom"),
        ({"uid": "${source}"}, "prom"),
        ("[[source]]", "prom"),
        ({"uid": "${several}"}, "other"),
        ("default", "prom"),
    ],
)
def test_the_datasource_of_a_panel(given, uid):
    source = {
        "name": "source",
        "type": "datasource",
        "query": "prometheus",
        "current": {"text": "default", "value": "default"},
    }
    several = {"name": "several", "type": "datasource", "query": "prometheus", "multi": True, "includeAll": True}
    model = {
        "panels": [{"title": "P", "datasource": given, "targets": [{"expr": "x"}]}],
        "templating": {"list": [source, several]},
    }
    [query] = queries(model)
    assert (query.datasource, query.problem) == (uid, "")


@pytest.mark.parametrize(
    ("of_panel", "of_target", "uid"),
    [
        ({"uid": "-- Mixed --"}, {"uid": "other"}, "other"),
        ({"uid": "-- Mixed --"}, None, "prom"),
        (None, {"uid": "other"}, "other"),
        (None, "Other", "other"),
        (PROM, {"uid": "other"}, "prom"),
        (PROM, {"uid": "gone"}, "prom"),
    ],
)
def test_a_querys_own_datasource_counts_in_a_mixed_panel_alone(of_panel, of_target, uid):
    [query] = queries({"panels": [{"datasource": of_panel, "targets": [{"expr": "x", "datasource": of_target}]}]})
    assert (query.datasource, query.problem) == (uid, "")


def test_a_datasource_that_is_missing_is_a_problem():
    [query] = queries({"panels": [{"datasource": {"uid": "gone"}, "targets": [{"expr": "x"}]}]})
    assert query.problem == "its datasource gone is not in Grafana"


def test_what_asks_prometheus_nothing_is_left_out():
    targets = [{"expr": "x", "hide": True}, {"expr": ""}, {"type": "math", "expression": "$A"}]
    in_a_row = {"type": "row", "panels": [{"title": "In a row", "datasource": PROM, "targets": [{"expr": "y"}]}]}
    of_loki = {"datasource": {"uid": "loki"}, "targets": [{"expr": '{a="b"}'}]}
    assert titles({"type": "text"}, {"datasource": PROM, "targets": targets}, of_loki, in_a_row) == ["In a row"]


@pytest.mark.parametrize("uid", ["-- Dashboard --", "-- Grafana --", "grafana"])
def test_panels_with_data_of_grafana_itself_are_left_out(uid):
    assert titles(panel("Of Grafana", datasource={"uid": uid}), panel("A")) == ["A"]


@pytest.mark.parametrize("plugin", ["text", "alertGroups"])
def test_a_panel_without_queries_asks_nothing(plugin):
    assert titles(panel("Notes", type=plugin)) == []


def test_a_mixed_panel_with_data_of_another_kind_is_left_out():
    mixed = {
        "datasource": "-- Mixed --",
        "targets": [{"expr": "x", "datasource": PROM}, {"expr": '{a="b"}', "datasource": {"uid": "loki"}}],
    }
    assert titles({"title": "Both", **mixed}) == []


def test_panels_that_need_other_datasources_are_named():
    of_loki = {"title": "Logs", "datasource": {"uid": "loki"}, "targets": [{"expr": '{a="b"}'}]}
    hidden = {"title": "Hidden", "datasource": {"uid": "loki"}, "targets": [{"expr": "x", "hide": True}]}
    by_app = panel("By app", targets=[{"expr": 'x{app="$app"}'}])
    app = {"name": "app", "type": "query", "datasource": {"uid": "loki"}, "query": "label_values(app)"}
    of_grafana = panel("Of Grafana", datasource={"uid": "-- Grafana --"})
    model = {"panels": [of_loki, hidden, by_app, of_grafana, {"type": "text"}], "templating": {"list": [app]}}
    assert asked(model) == ([], ["Logs", "By app"])


def test_hidden_queries_are_asked_for_an_expression():
    targets = [
        {"refId": "A", "expr": "x", "hide": True},
        {"refId": "B", "expression": "$A * 2", "datasource": {"type": "__expr__", "uid": "__expr__"}},
    ]
    assert titles(panel("Twice", targets=targets)) == ["Twice"]
    assert titles(panel("Hidden", targets=[targets[0], {**targets[1], "hide": True}])) == []


@pytest.mark.parametrize("schema", [None, 12, 15])
def test_rows_of_old_models(schema):
    rows = [
        {"title": "One", "panels": [panel("A"), panel("B")]},
        {"title": "Two", "collapse": True, "panels": [panel("C")]},
    ]
    versions = {} if schema is None else {"schemaVersion": schema}
    assert titles(rows=rows, **versions) == ["A", "B", "C"]


def test_copies_of_repeated_rows_in_old_models_are_left_out():
    rows = [{"repeat": "gpu", "panels": [panel("A")]}, {"repeatIteration": 1478092829, "panels": [panel("Copy")]}]
    assert titles(rows=rows, schemaVersion=13) == ["A"]


def test_newer_models_have_no_rows():
    assert titles(panel("A"), rows=[{"panels": [panel("B")]}], schemaVersion=16) == ["A"]


def test_copies_of_repeated_panels_in_old_models_are_left_out():
    copy = panel("Copy", repeatPanelId=1)
    assert titles(panel("A"), copy, schemaVersion=26) == ["A"]
    assert titles(panel("A"), copy, schemaVersion=27) == ["A", "Copy"]


def test_a_library_panel_has_the_model_that_grafana_keeps():
    reference = {"id": 1, "libraryPanel": {"uid": "lib", "name": "Shared"}, "targets": [{"expr": "old"}]}
    [query] = queries({"panels": [reference]}, library={"lib": panel("Shared title", targets=[{"expr": "new"}])})
    assert (query.panel, query.expression) == ("Shared title", "new")


def test_a_missing_library_panel_is_a_problem():
    [query] = queries({"panels": [{"id": 1, "libraryPanel": {"uid": "lib", "name": "Shared"}}]})
    assert (query.panel, query.problem) == ("Shared", "its library panel Shared is not in Grafana")


GPU = {
    "name": "gpu",
    "type": "custom",
    "query": "gpu1,gpu2",
    "multi": True,
    "includeAll": True,
    "current": {"value": ["$__all"]},
}
ON_GPU = [{"refId": "A", "expr": 'x{gpu="$gpu"}'}]


def test_a_repeated_panel_has_one_value():
    model = {"panels": [panel("GPU $gpu", repeat="gpu", targets=ON_GPU)], "templating": {"list": [GPU]}}
    [query] = queries(model)
    assert (query.panel, query.expression) == ("GPU gpu1", 'x{gpu="gpu1"}')
    [query] = queries(model, hosts=["gpu2"])
    assert query.expression == 'x{gpu="gpu2"}'


@pytest.mark.parametrize("collapsed", [False, True])
def test_the_panels_of_a_repeated_row_have_one_value(collapsed):
    row, inner, after = (
        {"type": "row", "repeat": "gpu"},
        panel("A", targets=ON_GPU),
        [{"type": "row"}, panel("B", targets=ON_GPU)],
    )
    inside = [{**row, "collapsed": True, "panels": [inner]}] if collapsed else [row, inner]
    asked = queries({"panels": [*inside, *after], "templating": {"list": [GPU]}})
    assert [query.expression for query in asked] == ['x{gpu="gpu1"}', 'x{gpu="(gpu1|gpu2)"}']


def test_the_title_has_the_text_of_a_variable():
    model = {"panels": [panel("Power of $gpu")], "templating": {"list": [GPU]}}
    assert [query.panel for query in queries(model)] == ["Power of All"]


@pytest.mark.parametrize(
    ("pattern", "optional"),
    [
        ("DCGM_FI_DEV_NVLINK", True),
        ("^gpus/NVLink$", True),
        ("^gpus/", True),
        ("NVLink", True),
        ("^jobs/", False),
        ("DCGM_FI_DEV_GPU_UTIL", False),
    ],
)
def test_panels_that_may_be_empty(pattern, optional):
    query = panels.Query(
        0,
        "NVLink",
        "prom",
        "rate(DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL[20s])",
        "rate(DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL[$__rate_interval])",
        "",
    )
    assert panels.is_optional("gpus", query, [pattern]) is optional


@pytest.mark.parametrize(
    ("samples", "moment"),
    [([(1, 5)], 1), ([(1, 5), (2, 5), (3, 5)], 1), ([(1, 5), (2, 6), (3, 6)], 2), ([(1, 5), (2, 6), (3, 5)], 3)],
)
def test_the_last_change_of_a_value(samples, moment):
    assert last_change(samples) == moment
