from __future__ import annotations

import json

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import dashboard, desired, options
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import bargauge, gauge, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import dashboard as schema
from items import a_dashboard, a_panel, a_variable

KINDS = {"bargauge": bargauge, "gauge": gauge, "stat": stat, "state-timeline": statetimeline, "table": table, "timeseries": timeseries}


def test_panels_fill_the_grid_from_left_to_right():
    panels = [a_panel(width=12), a_panel(width=8, height=4), a_panel(width=12, height=6), a_panel(x=3, y=40, width=2, height=2), a_panel(width=24)]
    made = dashboard.model(a_dashboard(panels=panels))["panels"]
    assert [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in made] == [(0, 0), (12, 0), (0, 8), (3, 40), (0, 14)]
    assert [one["id"] for one in made] == [1, 2, 3, 4, 5]


def test_a_legend_is_kept_word_for_word():
    made = dashboard.model(a_dashboard(panels=[a_panel(legend="{{modelName}} - GPU {{gpu}}")]))
    assert made["panels"][0]["targets"][0]["legendFormat"] == "{{modelName}} - GPU {{gpu}}"


def test_several_queries_have_references_of_their_own():
    queries = [{"expr": "a", "legend": None}, {"expr": "b", "legend": "B"}]
    made = dashboard.model(a_dashboard(panels=[a_panel(query=None, queries=queries)]))["panels"][0]["targets"]
    assert [(one["refId"], one["expr"], one["legendFormat"]) for one in made] == [("A", "a", "__auto"), ("B", "b", "B")]


def test_a_part_of_the_json_is_merged_over_a_panel():
    part = {"fieldConfig": {"overrides": [{"matcher": {}}], "defaults": {"custom": {"fillOpacity": 0}}}, "transformations": [{"id": "merge"}]}
    (made,) = dashboard.model(a_dashboard(panels=[a_panel(model=part)]))["panels"]
    assert made["fieldConfig"]["defaults"]["custom"]["fillOpacity"] == 0
    assert made["fieldConfig"]["defaults"]["custom"]["lineWidth"] == 1
    assert made["transformations"] == [{"id": "merge"}]
    (other,) = dashboard.model(a_dashboard())["panels"]
    assert other["fieldConfig"]["defaults"]["custom"]["fillOpacity"] == 10


def keys(value):
    """Every key of a JSON value with its path."""
    if isinstance(value, dict):
        return {f"{name}.{rest}".rstrip(".") for name, one in value.items() for rest in keys(one) or {""}}
    if isinstance(value, list):
        return {f"{number}.{rest}".rstrip(".") for number, one in enumerate(value) for rest in keys(one) or {""}}
    return set()


def as_json(value):
    return json.loads(JSONEncoder(sort_keys=True).encode(value))


@pytest.mark.parametrize("kind", options.PANEL["type"]["choices"])
def test_a_panel_is_whole_by_grafanas_schema(kind):
    """Loading into Grafana's own types loses nothing, and they know no option that is missing."""
    plugins.register_default_plugins()
    made = dashboard.model(
        a_dashboard(
            variables=[a_variable(query="label_values(up, host)"), a_variable(name="ds", type="datasource"), a_variable(name="c", type="custom", values=["a"])],
            panels=[a_panel(type=kind, unit="percent", min=0.0, max=1.0, decimals=2, thresholds=[{"value": 80.0, "color": "red"}])],
        )
    )
    # The query as Grafana's list of variables shows it, which its schema leaves out.
    del made["templating"]["list"][0]["definition"]
    loaded = keys(as_json(schema.Dashboard.from_json(made)))
    assert [key for key in keys(made) if not any(one == key or one.startswith(f"{key}.") for one in loaded)] == []

    (panel,) = made["panels"]
    module = KINDS[kind]
    defaults = as_json(module.Options())
    assert {key for key, value in defaults.items() if value is not None} <= set(panel["options"])
    assert keys(panel["options"]) <= keys(as_json(module.Options.from_json(panel["options"])))
    if hasattr(module, "FieldConfig"):
        custom = panel["fieldConfig"]["defaults"]["custom"]
        assert keys(custom) <= keys(as_json(module.FieldConfig.from_json(custom)))
    query = prometheus.Dataquery.from_json(panel["targets"][0])
    assert (query.expr, query.ref_id, query.instant) == ("up", "A", kind == "table")


def test_template_variables():
    made = dashboard.model(
        a_dashboard(
            datasource_uid="${datasource}",
            variables=[
                a_variable(name="datasource", type="datasource"),
                a_variable(name="host", query="label_values(up, host)", multi=True, include_all=True),
                a_variable(name="width", type="custom", values=["1", "2"]),
            ],
        )
    )
    source, host, width = made["templating"]["list"]
    assert (source["query"], source["type"]) == ("prometheus", "datasource")
    assert (host["query"]["query"], host["query"]["qryType"], host["multi"], host["includeAll"]) == ("label_values(up, host)", 1, True, True)
    assert host["datasource"]["uid"] == "${datasource}"
    assert width["query"] == "1,2"
    assert desired.problems_of_model(made, set()) == []
    assert dashboard.datasource_uids(made) == {"${datasource}"}


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5), ("1m", 60), ("1h30m", 5400), ("500ms", 0.5), ("5 s", None), ("", None), ("s", None)])
def test_intervals(text, seconds):
    assert desired.seconds(text) == seconds
