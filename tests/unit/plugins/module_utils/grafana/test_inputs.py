from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import given as given_models
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import inputs, references
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError

PROM = {"name": "DS_PROM", "type": "datasource", "pluginId": "prometheus"}


def filled(dashboard, declared=(), given=None, uid="prometheus", types=None):
    return inputs.fill(
        dashboard,
        {**dashboard, "__inputs": list(declared)},
        given or {},
        uid,
        {"prometheus": "prometheus", **(types or {})},
    )


def test_a_value_is_not_taken_for_another_input():
    declared = [{"name": "A", "type": "constant", "value": "a ${B}"}, {"name": "B", "type": "constant", "value": "b"}]
    assert filled({"title": "${A} ${B} ${C} $A"}, declared) == {"title": "a ${B} b ${C} $A"}


def test_datasources_that_trade_places_are_replaced_once():
    panels = [{"datasource": {"type": "loki", "uid": "x"}}, {"datasource": "y"}]
    made = filled({"panels": panels}, given={"x": "y", "y": "x"}, types={"x": "tempo"})["panels"]
    assert made == [{"datasource": {"type": "loki", "uid": "y"}}, {"datasource": {"type": "tempo", "uid": "x"}}]


def test_names_of_inputs_may_have_any_character():
    declared = [{**PROM, "name": 'DS_ÜBER "EKS" PROD'}]
    panels = [{"datasource": {"type": "prometheus", "uid": '${DS_ÜBER "EKS" PROD}'}}]
    made = filled({"panels": panels}, declared, {'DS_ÜBER "EKS" PROD': "p"})
    assert made["panels"][0]["datasource"] == {"type": "prometheus", "uid": "p"}


@pytest.mark.parametrize("uid", ["amazon", "${ds}", "not-known"])
def test_a_datasource_that_takes_the_queries_of_prometheus_fits_its_inputs(uid):
    variable = {"name": "ds", "type": "datasource", "query": "prometheus"}
    model = {"panels": [{"datasource": "${DS_PROM}"}], "templating": {"list": [variable]}}
    made = filled(model, [PROM], uid=uid, types={"amazon": "grafana-amazonprometheus-datasource"})
    assert made["panels"][0]["datasource"] == {"type": "prometheus", "uid": uid}


@pytest.mark.parametrize("uid", ["prometheus", "${ds}", "postgres"])
def test_a_datasource_of_another_type_does_not_fit_an_input(uid):
    variable = {"name": "ds", "type": "datasource", "query": "prometheus"}
    model = {"panels": [{"datasource": "${DS_LOKI}"}], "templating": {"list": [variable]}}
    declared = [{"name": "DS_LOKI", "type": "datasource", "pluginId": "loki"}]
    with pytest.raises(GrafanaError, match=r"^inputs: the model needs DS_LOKI \(a datasource of the type loki\)"):
        filled(model, declared, uid=uid, types={"postgres": "grafana-postgresql-datasource"})


@pytest.mark.parametrize(
    ("wanted", "actual", "fit"),
    [
        ("postgres", "grafana-postgresql-datasource", True),
        ("prometheus", "grafana-azureprometheus-datasource", True),
        ("", "loki", True),
        ("datasource", "loki", True),
        ("loki", "prometheus", False),
        ("prometheus", "mysql", False),
    ],
)
def test_types_fit_where_one_plugin_answers_the_queries_of_the_other(wanted, actual, fit):
    assert references.fits(wanted, actual) is fit


def test_a_datasource_of_a_library_panel_that_stays_one_may_be_named():
    library_panel = {"uid": "lib", "model": {"datasource": {"type": "prometheus", "uid": "elsewhere"}}}
    export = {"__elements": {"lib": library_panel}}
    assert inputs.fill({"panels": []}, export, {"elsewhere": "prometheus"}, "prometheus", {}) == {"panels": []}


def test_a_datasource_by_name_in_a_library_panel_that_stays_one_may_be_named():
    library_panel = {"id": 1, "libraryPanel": {"uid": "lib", "name": "Lib"}}
    element = {"uid": "lib", "model": {"type": "stat", "datasource": "EKS Prometheus"}}
    export = {"title": "T", "panels": [library_panel], "__elements": {"lib": element}}
    read = given_models.read(export, "prometheus", {"EKS Prometheus": "p"}, {"p": "prometheus"}, frozenset({"lib"}))
    assert read["panels"] == [library_panel]
    (inlined,) = given_models.read(export, "prometheus", {"EKS Prometheus": "p"}, {"p": "prometheus"})["panels"]
    assert inlined == {"id": 1, "type": "stat", "datasource": {"type": "prometheus", "uid": "p"}}


def test_a_constant_without_a_value_is_empty():
    assert filled({"title": "a${A}"}, [{"name": "A", "type": "constant", "value": None}]) == {"title": "a"}


def test_a_uid_may_begin_with_a_hyphen():
    panels = [{"datasource": {"type": "prometheus", "uid": "-x7Yz"}}]
    assert filled({"panels": panels}, given={"-x7Yz": "p"})["panels"][0]["datasource"]["uid"] == "p"


def test_a_value_for_a_uid_does_not_count_for_the_variable_of_the_same_name():
    variable = {"name": "prometheus", "type": "datasource", "query": "prometheus", "current": {"value": "prometheus"}}
    of_variable = {"type": "prometheus", "uid": "${prometheus}"}
    panels = [{"datasource": {"type": "prometheus", "uid": "prometheus"}}, {"datasource": of_variable}]
    made = filled({"panels": panels, "templating": {"list": [variable]}}, given={"prometheus": "p"})
    assert made["panels"] == [{"datasource": {"type": "prometheus", "uid": "p"}}, {"datasource": of_variable}]
    assert made["templating"]["list"][0]["current"]["value"] == "p"


def test_a_variable_named_like_an_input_stays_one_where_grafana_imports_no_input():
    variable = {"name": "DS_PROM", "type": "datasource", "query": "prometheus"}
    panels = [{"datasource": "$DS_PROM"}, {"datasource": {"type": "prometheus", "uid": "${DS_PROM}"}}]
    made = filled({"panels": panels, "templating": {"list": [variable]}}, [PROM])
    assert [panel["datasource"] for panel in made["panels"]] == [
        "$DS_PROM",
        {"type": "prometheus", "uid": "prometheus"},
    ]
