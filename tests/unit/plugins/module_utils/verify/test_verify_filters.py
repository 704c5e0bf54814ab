"""Saved filters of a dashboard are in every selector of a query."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import filters

from tests.unit.plugins.module_utils.verify.fake_prometheus import PROM, ask


@pytest.mark.parametrize(
    ("query", "filtered"),
    [
        ("up", "up{F}"),
        ("up{}", "up{F}"),
        ("up {a='b}',}", "up {a='b}',F}"),
        ('{__name__=~"a|b"}', '{__name__=~"a|b",F}'),
        ("rate(x[5m])", "rate(x{F}[5m])"),
        ("rate(x [5m:1m] offset 1h)", "rate(x{F} [5m:1m] offset 1h)"),
        (
            "sum by (host) (x) / on (host) group_left (a, b) y",
            "sum by (host) (x{F}) / on (host) group_left (a, b) y{F}",
        ),
        ("sum(x) by (host)", "sum(x{F}) by (host)"),
        ("topk(5, x) or vector(0) > bool 1e3", "topk(5, x{F}) or vector(0) > bool 1e3"),
        ("x and y unless ignoring(a) z", "x{F} and y{F} unless ignoring(a) z{F}"),
        ('label_replace(x, "a", "$1", "b", "c up")', 'label_replace(x{F}, "a", "$1", "b", "c up")'),
        ("x @ end() - x @ 1700000000", "x{F} @ end() - x{F} @ 1700000000"),
        ("x == inf # not y", "x{F} == inf # not y"),
        ("instance:node_cpu:rate5m", "instance:node_cpu:rate5m{F}"),
    ],
)
def test_every_selector_has_them(query, filtered):
    assert filters.added(query, 'h="1"') == filtered.replace("F", 'h="1"')


def saved(*given, **more):
    return {"name": "filters", "type": "adhoc", "datasource": PROM, "filters": list(given), **more}


@pytest.mark.parametrize(
    ("variable", "query"),
    [
        (saved({"key": "host", "operator": "=", "value": "gpu1"}), 'up{host="gpu1"}'),
        (
            saved({"key": "a", "operator": "=~", "value": 'x\\d"'}, {"key": "b", "operator": "!=", "value": "y"}),
            'up{a=~"x\\\\d\\"",b!="y"}',
        ),
        (saved({"key": "a", "operator": "=|", "value": "x", "values": ["x", "y"]}), 'up{a=~"x|y"}'),
        (saved({"key": "a", "operator": "=", "value": ""}), "up"),
        (saved(baseFilters=[{"key": "a", "operator": "=", "value": "x"}]), 'up{a="x"}'),
        (saved({"key": "a", "operator": "=", "value": "x"}, datasource={"uid": "other"}), "up"),
        (saved(), "up"),
    ],
)
def test_filters_are_of_one_datasource(variable, query):
    assert ask("up", [variable]) == query
