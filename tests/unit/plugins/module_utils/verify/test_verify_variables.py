"""A dashboard's variables have the values that Grafana chooses when somebody opens the dashboard."""

from __future__ import annotations

import pytest

from tests.unit.plugins.module_utils.verify.fake_prometheus import PROM, FakePrometheus, ask, hosts, queries

HOST = {"name": "host", "type": "query", "query": {"query": "label_values(up, host)"}}
SEVERAL = {**HOST, "includeAll": True, "multi": True}
TWO = hosts("gpu2", "gpu1")


def value(variable, answers=None, **given):
    """What stands for the last of the variables in a regular expression."""
    asked = ask(
        'x{host=~"$host"}', [*given.pop("before", []), variable], answers if answers is not None else TWO, **given
    )
    return asked.removeprefix('x{host=~"').removesuffix('"}')


@pytest.mark.parametrize(
    ("variable", "chosen"),
    [
        (SEVERAL, "(gpu1|gpu2)"),
        ({**SEVERAL, "current": {"value": ["$__all"]}}, "(gpu1|gpu2)"),
        ({**SEVERAL, "current": {"value": "$__all"}, "allValue": ".+"}, ".+"),
        ({**SEVERAL, "current": {"value": ["gpu1", "gpu2"]}}, "(gpu1|gpu2)"),
        ({**SEVERAL, "current": {"value": ["gpu2", "gone"]}}, "gpu2"),
        ({**SEVERAL, "current": {"value": ["gone"]}}, "(gpu1|gpu2)"),
        ({**HOST, "multi": True, "current": {"value": ["gone"]}}, "gpu1"),
        ({**HOST, "current": {"value": "gpu2"}}, "gpu2"),
        ({**HOST, "current": {"value": "gone", "text": "gone"}}, "gpu1"),
        ({**HOST, "current": {"value": "old", "text": "gpu2"}}, "gpu2"),
        ({**HOST, "current": {"value": "$__all"}}, "gpu1"),
        ({**HOST, "current": {"value": "$__all", "text": "gpu2"}}, "gpu1"),
        ({**HOST, "current": {}}, "gpu1"),
        ({**HOST, "current": None}, "gpu1"),
        ({**HOST, "sort": 2}, "gpu2"),
    ],
)
def test_a_saved_value_counts_where_it_is_there(variable, chosen):
    assert value({**variable, "refresh": 1}) == chosen


@pytest.mark.parametrize(
    ("variable", "chosen"),
    [(HOST, ""), ({**HOST, "multi": True}, "()"), (SEVERAL, "()"), ({**SEVERAL, "allValue": ".*"}, ".*")],
)
def test_nothing_to_choose_from(variable, chosen):
    assert value({**variable, "current": {"value": "gone"}}, hosts()) == chosen


def test_where_prometheus_refuses_the_query_the_saved_value_stays():
    assert value({**HOST, "current": {"value": "gone"}}, {}) == "gone"


@pytest.mark.parametrize(
    ("keeps_saved", "schema", "chosen"), [(True, 39, "gone"), (True, 28, "gpu1"), (False, 39, "gpu1")]
)
def test_servers_up_to_11_2_keep_what_is_never_refreshed(keeps_saved, schema, chosen):
    variable = {**HOST, "refresh": 0, "current": {"value": "gone"}}
    assert value(variable, context={"keeps_saved": keeps_saved}, schemaVersion=schema) == chosen


def test_all_of_what_is_never_refreshed_are_the_saved_options():
    options = [{"text": "All", "value": "$__all"}, {"text": "a", "value": "a"}, {"text": "b", "value": "b"}]
    variable = {**SEVERAL, "refresh": 0, "current": {"value": ["$__all"]}, "options": options}
    assert value(variable, context={"keeps_saved": True}, schemaVersion=39) == "(a|b)"


@pytest.mark.parametrize(
    ("order", "chosen"),
    [(None, "gpu2|a|b|gpu1"), ("before", "gpu2|a|b|gpu1"), ("after", "gpu1|gpu2|a|b"), ("sorted", "a|b|gpu1|gpu2")],
)
def test_static_options_stand_where_the_variable_says(order, chosen):
    static = [{"text": name, "value": name} for name in ("gpu2", "a", "b")]
    variable = {**SEVERAL, "sort": 1, "staticOptions": static, "staticOptionsOrder": order}
    assert value(variable) == f"({chosen})"


def test_a_static_option_is_there_where_the_query_finds_nothing():
    assert value({**HOST, "staticOptions": [{"text": "Every", "value": ".*"}]}, hosts()) == ".*"


def test_a_host_that_can_be_drawn_goes_before_the_first():
    assert value(HOST, context={"hosts": ["gpu2"]}) == "gpu2"
    assert value({**HOST, "current": {"value": "gpu1"}}, context={"hosts": ["gpu2"]}) == "gpu1"


SERIES = {
    'group by (host) ({host!=""})': [{"host": "any"}],
    'group by (host) (up{job="node", a="b"})': [{"host": "node"}],
    'group by (__name__) ({__name__=~".*(?:^up$).*"})': [{"__name__": "up"}],
    "topk(1, up)": [{"__name__": "up", "job": "node", "host": "gpu3"}],
    "up": [{"__name__": "up", "host": "gpu3"}],
}


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ("label_values(host)", "any"),
        ("label_values({}, host)", "any"),
        ('label_values(up{job="node", a="b"}, host)', "node"),
        ("metrics(^up$)", "up"),
        ("label_names()", "a"),
        ("label_names(up)", "job"),
        ("query_result(topk(1, up))", 'up{host="gpu3",job="node"} 1.5 1700000000000'),
        ("up", 'up{host="gpu3"}'),
        ("label_values()", ""),
    ],
)
def test_every_kind_of_query(query, chosen):
    assert value({**HOST, "query": query}, SERIES) == chosen


def test_labels_of_what_is_no_selector_are_refused_as_by_prometheus():
    query = 'label_values(label_replace(up, "host", "$1", "instance", "(.*)"), host)'
    assert value({**HOST, "query": query, "current": {"value": "saved"}}, SERIES) == "saved"


@pytest.mark.parametrize(
    ("regex", "chosen"),
    [
        ("", "(gpu10|gpu2|node1)"),
        ("/gpu/", "(gpu10|gpu2)"),
        ("gpu", "()"),
        ("gpu.", "gpu2"),
        ("/GPU/i", "(gpu10|gpu2)"),
        ("/gpu(\\d+)/", "(10|2)"),
        ("/(?<text>\\w)\\w+(?<value>\\d)$/", "(0|2|1)"),
        ("/(\\d)/g", "(1|0|2)"),
        ("/(gpu/", "gpu2"),
        ("/gpu", "gpu2"),
        ("/[[g]pu(\\d+)/", "(10|2)"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_regular_expressions_take_parts(regex, chosen):
    variable = {**SEVERAL, "regex": regex, "current": {"value": ["gpu2"] if chosen == "gpu2" else ["$__all"]}}
    assert value(variable, hosts("gpu10", "gpu2", "node1")) == chosen


def test_named_groups_of_several_matches():
    answers = {"a": [{"__name__": "x", "gpu_label": "A100 #0", "uuid": "GPU-1"}]}
    variable = {**HOST, "query": "query_result(a)", "regex": '/gpu_label="(?<text>[^"]+)|uuid="(?<value>[^"]+)/g'}
    model = {
        "panels": [{"title": "$host", "datasource": PROM, "targets": [{"expr": "$host"}]}],
        "templating": {"list": [variable]},
    }
    [query] = queries(model, answers)
    assert (query.panel, query.expression) == ("A100 #0", "GPU-1")


@pytest.mark.parametrize(
    ("sort", "chosen"),
    [
        (0, "B10|a2|b1|c"),
        (1, "B10|a2|b1|c"),
        (2, "c|b1|a2|B10"),
        (3, "c|b1|a2|B10"),
        (4, "B10|a2|b1|c"),
        (5, "a2|b1|B10|c"),
        (6, "c|B10|b1|a2"),
        (7, "a2|b1|B10|c"),
        (8, "c|B10|b1|a2"),
        (99, "B10|a2|b1|c"),
    ],
)
def test_options_are_sorted(sort, chosen):
    assert value({**SEVERAL, "sort": sort}, hosts("b1", "B10", "a2", "c")) == f"({chosen})"


def test_a_variable_may_use_others_wherever_they_stand():
    gpu = {"name": "gpu", "type": "query", "query": 'label_values(x{host="$host"}, gpu)'}
    answers = {**TWO, 'group by (gpu) (x{host="gpu2"})': [{"gpu": "0"}]}
    host = {**HOST, "current": {"value": "gpu2"}}
    assert ask("$gpu", [host, gpu], answers) == ask("$gpu", [gpu, host], answers) == "0"


def test_variables_that_use_each_other_end():
    first, second = ({"name": name, "type": "custom", "query": f"${other}"} for name, other in (("a", "b"), ("b", "a")))
    assert ask("$a", [first, second]) == "$b"


def test_a_variable_is_asked_of_its_own_datasource():
    prometheus = FakePrometheus(TWO)
    source = {"name": "source", "type": "datasource", "query": "prometheus"}
    ask("$host", [source, {**HOST, "datasource": {"uid": "${source}"}}], prometheus)
    assert prometheus.asked == ["other"]


def test_a_query_with_a_variable_of_another_kind_of_datasource_is_left_out():
    app = {"name": "app", "type": "query", "datasource": {"uid": "loki"}, "query": "label_values(app)"}
    chained = {**HOST, "query": 'label_values(up{app="$app"}, host)'}
    model = {"templating": {"list": [app, chained]}}
    for expression in ("x{a='$app'}", "x{a='$host'}"):
        assert queries({**model, "panels": [{"datasource": PROM, "targets": [{"expr": expression}]}]}) == []


@pytest.mark.parametrize(
    ("variable", "chosen"),
    [
        ({"type": "custom", "query": "a\\,b,c"}, "a,b"),
        ({"type": "custom", "query": "a,b", "current": {"value": "b"}}, "b"),
        ({"type": "custom", "query": "a,b", "current": {"value": "gone"}}, "a"),
        ({"type": "custom", "query": "First : 1, Second : 2", "current": {"text": "Second", "value": "2"}}, "2"),
        ({"type": "custom", "query": '[{"text": "A", "value": "1"}, "2"]', "valuesFormat": "json"}, "1"),
        ({"type": "custom", "query": "a,b", "includeAll": True, "current": {"value": "$__all"}}, "(a|b)"),
        ({"type": "constant", "query": "a,b"}, "a,b"),
        ({"type": "constant", "query": "now", "current": {"value": "before"}}, "now"),
        ({"type": "textbox", "query": "default"}, "default"),
        ({"type": "textbox", "query": "default", "current": {"value": "typed"}}, "typed"),
        ({"type": "interval", "query": "1m,5m"}, "1m"),
        ({"type": "interval", "query": "1m,5m", "current": {"value": "5m"}}, "5m"),
        ({"type": "interval", "query": "1m,5m", "current": {"value": "7m"}}, "1m"),
        (
            {
                "type": "interval",
                "query": "1m",
                "auto": True,
                "auto_count": 50,
                "auto_min": "50s",
                "current": {"value": "$__auto_interval_host"},
            },
            "50s",
        ),
        (
            {
                "type": "interval",
                "query": "1m",
                "auto": True,
                "auto_count": 10,
                "auto_min": "10s",
                "current": {"value": "$__auto"},
            },
            "2m",
        ),
        ({"type": "switch", "current": {"value": "true"}}, "true"),
    ],
)
def test_every_kind_of_variable(variable, chosen):
    assert value({"name": "host", **variable}, time={"from": "now-15m", "to": "now"}) == chosen


@pytest.mark.parametrize(
    ("current", "regex", "uid"),
    [
        ({}, "", "other"),
        ({"text": "Prometheus", "value": "Prometheus"}, "", "prom"),
        ({"text": "Gone", "value": "PBFA97CFB590B2093"}, "", "other"),
        ({"text": "default", "value": "default"}, "", "prom"),
        ({"text": "Gone", "value": "default"}, "", "other"),
        ({"text": "Gone", "value": "gone"}, "/^Prom/", "prom"),
        ({"text": "Prometheus", "value": "prom"}, "Other", "other"),
    ],
)
def test_a_datasource_variable_takes_what_is_there(current, regex, uid):
    source = {"name": "source", "type": "datasource", "query": "prometheus", "current": current, "regex": regex}
    model = {
        "panels": [{"datasource": {"uid": "${source}"}, "targets": [{"expr": "x"}]}],
        "templating": {"list": [source]},
    }
    [query] = queries(model)
    assert (query.datasource, query.problem) == (uid, "")


def test_servers_up_to_11_2_have_the_default_datasource_whatever_its_text_is():
    source = {"name": "source", "type": "datasource", "query": "prometheus", "current": {"value": "default"}}
    model = {"panels": [{"datasource": "$source", "targets": [{"expr": "x"}]}], "templating": {"list": [source]}}
    assert [query.datasource for query in queries(model, keeps_saved=True)] == ["prom"]


def test_a_datasource_variable_without_options_means_no_datasource():
    source = {"name": "source", "type": "datasource", "query": "prometheus", "regex": "/none/"}
    given = {"datasource": {"uid": "${source}"}, "targets": [{"expr": "x"}]}
    [query] = queries({"panels": [given], "templating": {"list": [source]}})
    assert query.problem == "its datasource ${source} is not in Grafana"


@pytest.mark.parametrize("written", ["$host", "${host}", "${host:regex}", "[[host]]", "[[host:pipe]]"])
def test_every_way_to_write_one(written):
    assert ask(f'x{{host=~"{written}"}}', [{**HOST, "current": {"value": "gpu1"}}], TWO) == 'x{host=~"gpu1"}'


@pytest.mark.parametrize(
    ("written", "several", "text"),
    [
        ("$host", True, "(a\\\\.b:1|c\\\\+d)"),
        ("$host", False, "a.b:1"),
        ("${host:regex}", True, "(a\\.b:1|c\\+d)"),
        ("${host:pipe}", True, "a.b:1|c+d"),
        ("${host:csv}", True, "a.b:1,c+d"),
        ("${host:raw}", True, "a.b:1,c+d"),
        ("${host:glob}", True, "{a.b:1,c+d}"),
        ("${host:unknown}", True, "{a.b:1,c+d}"),
        ("${host:json}", True, '["a.b:1","c+d"]'),
        ("${host:doublequote}", True, '"a.b:1","c+d"'),
        ("${host:singlequote}", True, "'a.b:1','c+d'"),
        ("${host:distributed}", True, "a.b:1,host=c+d"),
        ("${host:join: or }", True, "a.b:1 or c+d"),
        ("${host:text}", True, "a.b:1 + c+d"),
        ("${host:glob}", False, "a.b:1"),
    ],
)
def test_formats(written, several, text):
    saved = {"value": ["a.b:1", "c+d"]} if several else {"value": "a.b:1"}
    assert ask(written, [{**HOST, "multi": several, "current": saved}], hosts("a.b:1", "c+d")) == text
