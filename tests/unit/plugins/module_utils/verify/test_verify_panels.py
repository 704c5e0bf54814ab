"""Panels ask what Grafana would ask when somebody opens the dashboard."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import panels
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.collect import last_change

SOURCES = [
    {"uid": "loki", "name": "Loki", "type": "loki"},
    {"uid": "other", "name": "Other", "type": "prometheus", "isDefault": False},
    {"uid": "prom", "name": "Prometheus", "type": "prometheus", "isDefault": True, "jsonData": {"timeInterval": "5s"}},
]
PROM = {"type": "prometheus", "uid": "prom"}


def ask(expression, variables=(), first="first", **dashboard):
    """The one query of a dashboard with one panel."""
    panel = {"title": "P", "datasource": PROM, "targets": [{"refId": "A", "expr": expression}]}
    model = {"panels": [panel], "templating": {"list": list(variables)}, **dashboard}
    [query] = panels.queries(model, SOURCES, lambda label, selector: f"{first}-{label}-{selector}")
    return query.expression


HOST = {"name": "host", "type": "query", "query": {"query": "label_values(up, host)"}}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ({**HOST, "includeAll": True, "multi": True}, ".*"),
        ({**HOST, "includeAll": True, "current": {"value": ["$__all"]}}, ".*"),
        ({**HOST, "includeAll": True, "current": {"value": "$__all"}, "allValue": ".+"}, ".+"),
        ({**HOST, "includeAll": True, "current": {"value": ["gpu1", "gpu2"]}}, "(gpu1|gpu2)"),
        ({**HOST, "current": {"value": "gpu2"}}, "gpu2"),
        ({**HOST, "current": {}}, "first-host-up"),
        ({**HOST, "query": "label_values(host)"}, "first-host-"),
        ({**HOST, "query": 'label_values(up{job="node", a="b"}, host)'}, 'first-host-up{job="node", a="b"}'),
        ({**HOST, "query": "query_result(up)"}, ".*"),
        ({"name": "host", "type": "custom", "query": "a\\,b,c"}, "a,b"),
        ({"name": "host", "type": "constant", "query": "a,b"}, "a,b"),
    ],
)
def test_variables(variable, value):
    assert ask('x{host=~"$host"}', [variable]) == f'x{{host=~"{value}"}}'


@pytest.mark.parametrize("written", ["$host", "${host}", "${host:regex}", "[[host]]", "[[host:pipe]]"])
def test_every_way_to_write_one(written):
    assert ask(f'x{{host=~"{written}"}}', [{**HOST, "current": {"value": "gpu1"}}]) == 'x{host=~"gpu1"}'


def test_a_variable_may_use_an_earlier_one():
    gpu = {"name": "gpu", "type": "query", "query": 'label_values(x{host="$host"}, gpu)'}
    assert ask("$gpu", [{**HOST, "current": {"value": "gpu1"}}, gpu]) == 'first-gpu-x{host="gpu1"}'


def test_references_of_promql_itself_stay():
    assert ask('label_replace(x, "a", "$1", "b", "(.*)")') == 'label_replace(x, "a", "$1", "b", "(.*)")'


@pytest.mark.parametrize(
    ("written", "value"),
    [("$__rate_interval", "20000ms"), ("$__interval", "5s"), ("$__range", "15m"), ("${__range_s}", "900"), ("$__interval_ms", "5000")],
)
def test_grafanas_own_variables(written, value):
    assert ask(f"rate(x[{written}])", time={"from": "now-15m", "to": "now"}) == f"rate(x[{value}])"


def test_a_time_range_that_is_no_duration_is_an_hour():
    assert ask("x[$__range]", time={"from": "now/d"}) == "x[1h]"


@pytest.mark.parametrize(
    ("given", "uid"),
    [
        (PROM, "prom"),
        ({"uid": "other"}, "other"),
        ("Other", "other"),
        (None, "prom"),
        ({"uid": "$source"}, "prom"),
        ({"uid": "${source}"}, "prom"),
        ("default", "prom"),
    ],
)
def test_the_datasource_of_a_panel(given, uid):
    source = {"name": "source", "type": "datasource", "query": "prometheus"}
    model = {"panels": [{"title": "P", "datasource": given, "targets": [{"expr": "x"}]}], "templating": {"list": [source]}}
    [query] = panels.queries(model, SOURCES, lambda label, selector: "")
    assert (query.datasource, query.problem) == (uid, "")


def test_a_querys_own_datasource_counts():
    target = {"expr": "x", "datasource": {"uid": "other"}}
    [query] = panels.queries({"panels": [{"datasource": {"uid": "-- Mixed --"}, "targets": [target]}]}, SOURCES, lambda label, selector: "")
    assert query.datasource == "other"


def test_a_datasource_that_is_gone_is_a_problem():
    [query] = panels.queries({"panels": [{"datasource": {"uid": "gone"}, "targets": [{"expr": "x"}]}]}, SOURCES, lambda label, selector: "")
    assert query.problem == "its datasource gone is not in Grafana"


def test_what_asks_prometheus_nothing_is_left_out():
    targets = [{"expr": "x", "hide": True}, {"expr": ""}, {"type": "math", "expression": "$A"}]
    model = {
        "panels": [
            {"type": "text"},
            {"datasource": PROM, "targets": targets},
            {"datasource": {"uid": "loki"}, "targets": [{"expr": '{a="b"}'}]},
            {"type": "row", "panels": [{"title": "In a row", "datasource": PROM, "targets": [{"expr": "y"}]}]},
        ]
    }
    assert [query.panel for query in panels.queries(model, SOURCES, lambda label, selector: "")] == ["In a row"]


@pytest.mark.parametrize(
    ("pattern", "optional"),
    [("DCGM_FI_DEV_NVLINK", True), ("^gpus/NVLink$", True), ("^gpus/", True), ("NVLink", True), ("^jobs/", False), ("DCGM_FI_DEV_GPU_UTIL", False)],
)
def test_panels_that_may_be_empty(pattern, optional):
    query = panels.Query(0, "NVLink", "prom", "rate(DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL[20s])", "rate(DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL[$__rate_interval])", "")
    assert panels.is_optional("gpus", query, [pattern]) is optional


@pytest.mark.parametrize(
    ("samples", "moment"),
    [([(1, 5)], 1), ([(1, 5), (2, 5), (3, 5)], 1), ([(1, 5), (2, 6), (3, 6)], 2), ([(1, 5), (2, 6), (3, 5)], 3)],
)
def test_the_last_change_of_a_value(samples, moment):
    assert last_change(samples) == moment
