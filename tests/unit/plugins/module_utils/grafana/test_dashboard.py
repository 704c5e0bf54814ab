from __future__ import annotations

import json

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    check_panels,
    dashboard,
    desired,
    options,
    references,
)
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import bargauge, gauge, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import dashboard as schema
from items import a_dashboard, a_link, a_panel, a_query, a_variable, filled

from tests.dashboards import queries

KINDS = {
    "bargauge": bargauge,
    "gauge": gauge,
    "stat": stat,
    "state-timeline": statetimeline,
    "table": table,
    "timeseries": timeseries,
}


def test_panels_fill_the_grid_from_left_to_right():
    panels = [
        a_panel(width=12),
        a_panel(width=8, height=4),
        a_panel(width=12, height=6),
        a_panel(x=3, y=40, width=2, height=2),
        a_panel(width=24),
    ]
    made = dashboard.model(a_dashboard(panels=panels))["panels"]
    assert [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in made] == [
        (0, 0),
        (12, 0),
        (0, 8),
        (3, 40),
        (0, 14),
    ]
    assert [panel["id"] for panel in made] == [1, 2, 3, 4, 5]


def test_a_legend_is_kept_word_for_word():
    made = dashboard.model(a_dashboard(panels=[a_panel(legend="{{modelName}} - GPU {{gpu}}")]))
    assert made["panels"][0]["targets"][0]["legendFormat"] == "{{modelName}} - GPU {{gpu}}"


def test_several_queries_have_references_of_their_own():
    queries = [{"expr": "a", "legend": None}, {"expr": "b", "legend": "B"}]
    made = dashboard.model(a_dashboard(panels=[a_panel(query=None, queries=queries)]))["panels"][0]["targets"]
    assert [(target["refId"], target["expr"], target["legendFormat"]) for target in made] == [
        ("A", "a", "__auto"),
        ("B", "b", "B"),
    ]


def test_a_row_has_a_line_of_its_own_and_the_panels_after_it_stand_below():
    panels = [a_panel(width=8, height=4), a_panel(type="row", query=None), a_panel(width=8), a_panel(width=8)]
    made = dashboard.model(a_dashboard(panels=panels))["panels"]
    assert [(panel["gridPos"]["x"], panel["gridPos"]["y"], panel["gridPos"]["w"]) for panel in made] == [
        (0, 0, 8),
        (0, 4, 24),
        (0, 5, 8),
        (8, 5, 8),
    ]
    assert "targets" not in made[1]


def test_a_table_is_one_line_for_each_set_of_labels_with_a_column_for_each_query():
    asked = [
        a_query(expr="a", legend="Trouble", thresholds=[{"value": 1.0, "color": "red"}]),
        a_query(expr="b", legend="Power", unit="watt"),
    ]
    link = a_link(url="/d/x?var-host=${__data.fields.host}", column="host")
    (made,) = dashboard.model(
        a_dashboard(
            panels=[a_panel(type="table", query=None, queries=asked, columns=["host"], sort="Trouble", links=[link])]
        )
    )["panels"]
    assert [step["id"] for step in made["transformations"]] == ["merge", "organize"]
    organized = made["transformations"][1]["options"]
    assert organized["indexByName"] == {"Time": 0, "host": 1, "Value #A": 2, "Value #B": 3}
    assert organized["renameByName"] == {"Value #A": "Trouble", "Value #B": "Power"}
    assert made["options"]["sortBy"] == [{"displayName": "Trouble", "desc": True}]
    overrides = {
        override["matcher"]["options"]: {setting["id"]: setting["value"] for setting in override["properties"]}
        for override in made["fieldConfig"]["overrides"]
    }
    assert overrides["Power"] == {"unit": "watt"}
    assert overrides["Trouble"]["thresholds"]["steps"][1] == {"color": "red", "value": 1.0}
    assert overrides["host"]["links"] == [{"title": "L", "url": link["url"]}]
    assert made["fieldConfig"]["defaults"]["links"] == []


def test_a_table_shows_its_columns_with_names_and_widths_of_their_own():
    settings = [
        {"column": "host", "name": "Host", "width": None},
        {"column": "gpu", "name": "GPU", "width": 45},
        {"column": "Power", "name": None, "width": 60},
    ]
    asked = [a_query(expr="a", legend="Power", unit="watt"), a_query(expr="b", legend="Up")]
    link = a_link(column="host")
    panel = a_panel(
        type="table", query=None, queries=asked, columns=["host", "gpu"], column_settings=settings, links=[link]
    )
    (made,) = dashboard.model(a_dashboard(panels=[panel]))["panels"]
    organized = made["transformations"][1]["options"]
    assert organized["renameByName"] == {"host": "Host", "gpu": "GPU", "Value #A": "Power", "Value #B": "Up"}
    overrides = {override["matcher"]["options"]: override for override in made["fieldConfig"]["overrides"]}
    assert [override["matcher"]["id"] for override in overrides.values()] == ["byName"] * 3
    assert overrides["Power"]["properties"] == [{"id": "unit", "value": "watt"}, {"id": "custom.width", "value": 60}]
    assert overrides["gpu"]["properties"] == [{"id": "custom.width", "value": 45}]
    assert [setting["id"] for setting in overrides["host"]["properties"]] == ["links"]


def test_a_table_sorted_by_a_renamed_label_names_the_heading():
    settings = [{"column": "host", "name": "Host", "width": None}]
    panel = a_panel(type="table", legend="Up", columns=["host"], column_settings=settings, sort="host")
    (made,) = dashboard.model(a_dashboard(panels=[panel]))["panels"]
    assert made["options"]["sortBy"] == [{"displayName": "Host", "desc": True}]


def test_the_values_of_a_query_without_a_legend_have_a_width():
    panel = a_panel(type="table", legend=None, column_settings=[{"column": "Value", "name": None, "width": 60}])
    check_panels.check("panels[0]", panel)
    (made,) = dashboard.model(a_dashboard(panels=[panel]))["panels"]
    width = {"id": "custom.width", "value": 60}
    assert made["fieldConfig"]["overrides"] == [
        {"matcher": {"id": "byName", "options": "Value"}, "properties": [width]}
    ]


def test_links_of_a_column_do_not_change_the_settings_of_its_query():
    asked = [a_query(expr="a", legend="Power", unit="watt")]
    panel = a_panel(type="table", query=None, queries=asked, links=[a_link(column="Power")])
    (made,) = dashboard.model(a_dashboard(panels=[panel]))["panels"]
    settings = [[setting["id"] for setting in override["properties"]] for override in made["fieldConfig"]["overrides"]]
    assert settings == [["unit"], ["links"]]


def test_an_axis_ends_at_the_soft_maximum_where_all_values_are_lower():
    panels = [a_panel(min=0.0, soft_max=1.0), a_panel(min=0.0)]
    made = dashboard.model(a_dashboard(panels=panels))["panels"]
    assert [panel["fieldConfig"]["defaults"]["custom"].get("axisSoftMax") for panel in made] == [1.0, None]


def test_the_only_query_of_a_table_names_its_column():
    (made,) = dashboard.model(a_dashboard(panels=[a_panel(type="table", legend="Up")]))["panels"]
    assert made["transformations"][1]["options"]["renameByName"] == {"Value": "Up"}


def test_a_query_with_a_unit_of_its_own_has_its_axis_on_the_right():
    asked = [a_query(expr="a", unit="hertz"), a_query(expr="b", unit="percentunit")]
    (made,) = dashboard.model(a_dashboard(panels=[a_panel(query=None, queries=asked, unit="hertz")]))["panels"]
    first, second = made["fieldConfig"]["overrides"]
    assert (first["matcher"]["options"], [setting["id"] for setting in first["properties"]]) == ("A", ["unit"])
    assert second["matcher"] == {"id": "byFrameRefID", "options": "B"}
    assert {"id": "custom.axisPlacement", "value": "right"} in second["properties"]


def test_a_column_has_all_of_its_links():
    links = [a_link(url=f"/d/{uid}", column="host") for uid in ("gpu-host", "machines")]
    (made,) = dashboard.model(a_dashboard(panels=[a_panel(type="table", columns=["host"], links=links)]))["panels"]
    [override] = [override for override in made["fieldConfig"]["overrides"] if override["matcher"]["options"] == "host"]
    assert override["properties"] == [{"id": "links", "value": [{"title": "L", "url": link["url"]} for link in links]}]


def test_links_lead_on():
    panel = a_panel(links=[a_link(url="/d/gpu-host?var-host=${__field.labels.host}")])
    links = [{"title": "All", "tag": "gpu", "url": None}, {"title": "Out", "tag": None, "url": "https://example.com"}]
    made = dashboard.model(a_dashboard(panels=[panel], links=links))
    assert [(link["type"], link["tags"], link["url"]) for link in made["links"]] == [
        ("dashboards", ["gpu"], ""),
        ("link", [], "https://example.com"),
    ]
    assert all(link["keepTime"] and link["includeVars"] for link in made["links"])
    assert made["panels"][0]["fieldConfig"]["defaults"]["links"] == [
        {"title": "L", "url": "/d/gpu-host?var-host=${__field.labels.host}"}
    ]


def test_annotations_mark_series_of_the_datasource():
    annotation = filled(
        options.ANNOTATION,
        {"name": "Alerts", "query": 'ALERTS{host="$host"}', "title": "{{alertname}}", "tags": ["host", "gpu"]},
    )
    made = dashboard.model(a_dashboard(datasource_uid="p", annotations=[annotation]))
    [mark] = made["annotations"]["list"]
    assert (mark["datasource"], mark["target"]["expr"]) == ({"type": "prometheus", "uid": "p"}, 'ALERTS{host="$host"}')
    assert (mark["titleFormat"], mark["textFormat"], mark["tagKeys"], mark["iconColor"]) == (
        "{{alertname}}",
        "",
        "host,gpu",
        "red",
    )
    assert ("p", "prometheus") in references.datasources(made)


def test_instant_or_over_the_range():
    panels = [a_panel(type="stat"), a_panel(type="stat", instant=True), a_panel(type="table", legend="Up")]
    made = dashboard.model(a_dashboard(panels=panels))["panels"]
    assert [(panel["targets"][0]["instant"], panel["targets"][0]["range"]) for panel in made] == [
        (False, True),
        (True, False),
        (True, False),
    ]


def test_thresholds_of_a_time_series_are_lines():
    made = dashboard.model(a_dashboard(panels=[a_panel(), a_panel(thresholds=[{"value": 85.0, "color": "red"}])]))[
        "panels"
    ]
    assert [panel["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]["mode"] for panel in made] == [
        "off",
        "dashed",
    ]


def test_a_panel_or_a_row_is_repeated_for_each_value_of_a_variable():
    made = dashboard.model(a_dashboard(panels=[a_panel(type="row", query=None, repeat="host"), a_panel(repeat="gpu")]))[
        "panels"
    ]
    assert [(panel["repeat"], panel.get("repeatDirection")) for panel in made] == [("host", None), ("gpu", "h")]


def test_a_part_of_the_json_is_merged_over_a_panel():
    part = {
        "fieldConfig": {"overrides": [{"matcher": {}}], "defaults": {"custom": {"fillOpacity": 0}}},
        "transformations": [{"id": "merge"}],
    }
    (made,) = dashboard.model(a_dashboard(panels=[a_panel(model=part)]))["panels"]
    assert made["fieldConfig"]["defaults"]["custom"]["fillOpacity"] == 0
    assert made["fieldConfig"]["defaults"]["custom"]["lineWidth"] == 1
    assert made["transformations"] == [{"id": "merge"}]
    (other,) = dashboard.model(a_dashboard())["panels"]
    assert other["fieldConfig"]["defaults"]["custom"]["fillOpacity"] == 10


def keys(value):
    """Every key of a JSON value with its path."""
    if isinstance(value, dict):
        return {f"{name}.{rest}".rstrip(".") for name, inner in value.items() for rest in keys(inner) or {""}}
    if isinstance(value, list):
        return {
            f"{number}.{rest}".rstrip(".") for number, element in enumerate(value) for rest in keys(element) or {""}
        }
    return set()


def as_json(value):
    return json.loads(JSONEncoder(sort_keys=True).encode(value))


def assert_dashboard_in_schema(made):
    """Loading into Grafana's own types loses nothing, and they know no option that is missing."""
    plugins.register_default_plugins()
    # The query as Grafana's list of variables shows it, which its schema leaves out.
    listed = [
        {key: value for key, value in variable.items() if key != "definition"}
        for variable in made["templating"]["list"]
    ]
    # What an annotation of Prometheus has beyond its query, which Grafana's schema leaves to the plugin.
    own = {"target", "tagKeys", "textFormat", "titleFormat", "useValueForTime"}
    marked = [{key: annotation[key] for key in annotation.keys() - own} for annotation in made["annotations"]["list"]]
    made = {**made, "templating": {"list": listed}, "annotations": {"list": marked}}
    loaded = keys(as_json(schema.Dashboard.from_json(made)))
    assert [
        key
        for key in keys(made)
        if not any(loaded_key == key or loaded_key.startswith(f"{key}.") for loaded_key in loaded)
    ] == []
    for panel in made["panels"]:
        if panel["type"] != "row":
            assert_panel_in_schema(panel)


def assert_panel_in_schema(panel):
    module = KINDS[panel["type"]]
    defaults = as_json(module.Options())
    assert {key for key, value in defaults.items() if value is not None} <= set(panel["options"])
    assert keys(panel["options"]) <= keys(as_json(module.Options.from_json(panel["options"])))
    if hasattr(module, "FieldConfig"):
        custom = panel["fieldConfig"]["defaults"]["custom"]
        assert keys(custom) <= keys(as_json(module.FieldConfig.from_json(custom)))
    for target in panel["targets"]:
        query = prometheus.Dataquery.from_json(target)
        assert (query.expr, query.ref_id, query.instant) == (target["expr"], target["refId"], target["instant"])


@pytest.mark.parametrize("kind", options.PANEL["type"]["choices"])
def test_a_panel_is_whole_by_grafanas_schema(kind):
    shown = {"unit": "percent", "min": 0.0, "max": 1.0, "decimals": 2, "thresholds": [{"value": 80.0, "color": "red"}]}
    asked = [a_query(expr="up", legend="Up", **shown), a_query(expr="down", legend="Down")]
    of_table = {
        "columns": ["host"],
        "column_settings": [{"column": "host", "name": "Host", "width": 100}],
        "sort": "Up",
        "links": [a_link(), a_link(column="host")],
    }
    of_kind = of_table if kind == "table" else {"links": [a_link()]}
    panel = (
        a_panel(type="row", query=None)
        if kind == "row"
        else a_panel(type=kind, query=None, queries=asked, repeat="host", **shown, **of_kind)
    )
    made = dashboard.model(
        a_dashboard(
            variables=[
                a_variable(query="label_values(up, host)"),
                a_variable(name="ds", type="datasource"),
                a_variable(name="c", type="custom", values=["a"]),
            ],
            links=[{"title": "All", "tag": "gpu", "url": None}],
            panels=[panel],
        )
    )
    assert_dashboard_in_schema(made)
    assert made["panels"][0]["type"] == kind


@pytest.mark.parametrize("path", queries.FILES, ids=lambda path: path.stem)
def test_a_dashboard_of_the_role_is_whole_by_grafanas_schema(path):
    assert_dashboard_in_schema(queries.model(path))


def test_template_variables():
    made = dashboard.model(
        a_dashboard(
            datasource_uid="${datasource}",
            variables=[
                a_variable(name="datasource", type="datasource"),
                a_variable(name="host", query="label_values(up, host)", multi=True, include_all=True),
                a_variable(name="gpu", query="label_values(gpus, gpu)", include_all=True, all_value=".*"),
                a_variable(name="width", type="custom", values=["1", "2"]),
            ],
        )
    )
    source, host, gpu, width = made["templating"]["list"]
    assert (source["query"], source["type"]) == ("prometheus", "datasource")
    assert (host["query"]["query"], host["query"]["qryType"], host["multi"], host["includeAll"]) == (
        "label_values(up, host)",
        1,
        True,
        True,
    )
    assert host["datasource"]["uid"] == "${datasource}"
    assert ("allValue" in host, gpu["allValue"]) == (False, ".*")
    assert width["query"] == "1,2"
    assert desired.problems_of_model(made) == []
    assert references.problems(made, {}, {}, {}) == []
    assert references.datasources(made) == {("${datasource}", "prometheus")}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5), ("1m", 60), ("1h30m", 5400), ("500ms", 0.5), ("5 s", None), ("", None), ("s", None)],
)
def test_intervals(text, seconds):
    assert desired.seconds(text) == seconds
