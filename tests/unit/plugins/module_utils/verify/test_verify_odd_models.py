"""A dashboard model of any JSON gives queries or none, and no traceback."""

from __future__ import annotations

import pytest

from tests.odd_json import ODD, paths, replaced
from tests.unit.plugins.module_utils.verify.fake_prometheus import PROM, queries

SERIES = {"up": [{"host": "a"}]}
HOST = {"name": "host", "type": "query", "query": {"query": "label_values(up, host)"}, "datasource": PROM, "refresh": 1}
VARIABLES = [
    {
        **HOST,
        "regex": "/a/",
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"value": ["a"], "text": ["a"]},
    },
    {
        **HOST,
        "name": "fixed",
        "staticOptions": [{"text": "a", "value": "a"}],
        "staticOptionsOrder": "sorted",
        "sort": 7,
    },
    {"name": "saved", "type": "query", "options": [{"text": "a", "value": "a"}], "current": {"value": "$__all"}},
    {
        "name": "step",
        "type": "interval",
        "query": "1m,5m",
        "auto": True,
        "auto_count": 3,
        "auto_min": "10s",
        "current": {"value": "5m"},
    },
    {"name": "letter", "type": "custom", "query": "a,b", "current": {"value": "a"}},
    {"name": "word", "type": "textbox", "query": "x", "current": {"value": "a"}},
    {"name": "source", "type": "datasource", "query": "prometheus", "regex": "/P/", "current": {"value": "prom"}},
    {"name": "filters", "type": "adhoc", "datasource": PROM, "filters": [{"key": "a", "operator": "=", "value": "b"}]},
]
TARGET = {
    "refId": "A",
    "expr": 'up{host="$host"}[$__rate_interval]',
    "datasource": PROM,
    "interval": "5s",
    "intervalFactor": 2,
    "hide": False,
}
PANEL = {
    "id": 1,
    "type": "timeseries",
    "title": "$host",
    "datasource": PROM,
    "gridPos": {"w": 12},
    "maxDataPoints": 5,
    "interval": "1m",
    "timeFrom": "1h",
    "timeShift": "1h",
    "repeat": "host",
    "transformations": [{"id": "x"}],
    "targets": [TARGET],
}
MODEL = {
    "schemaVersion": 39,
    "time": {"from": "now-1h/d", "to": "now"},
    "templating": {"list": VARIABLES},
    "panels": [
        PANEL,
        {"type": "row", "repeat": "host", "panels": [{"libraryPanel": {"uid": "l"}, "targets": [TARGET]}]},
    ],
    "rows": [{"repeat": "host", "panels": [{"span": 6, "targets": [TARGET]}]}],
}


@pytest.mark.parametrize("keeps_saved", [True, False])
def test_any_json_in_place_of_a_node_gives_no_traceback(keeps_saved):
    library = {"l": {"title": "L", "type": "stat"}}
    assert queries(MODEL, SERIES, library, keeps_saved=keeps_saved)
    for path in paths(MODEL):
        for odd in ODD if path else ():
            queries(replaced(MODEL, path, odd), SERIES, library, keeps_saved=keeps_saved)
