"""Dashboards that come from another Grafana: nothing of an export is lost in silence."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import references
from ansible_collections.mlops.gpu_monitoring.plugins.modules import grafana_dashboard, grafana_resources
from proxy import answer
from server import actions

from tests.dashboards import queries
from tests.tools import export_dashboards

# Dashboards as their authors published them: not part of the repository. The variable names a directory with such
# files.
PUBLISHED = Path(os.environ.get("PUBLISHED_DASHBOARDS", os.devnull))
REPLACED = {
    "cadvisor-thomas": {"mimir": "ct-p"},
    "dockprom-docker-containers": {"Prometheus": "ct-p"},
    "vllm-production-stack": {"prometheus": "ct-p"},
}
REFUSED = {
    "grafana-devenv-library-panel": "'React Table' (MAnX2ifMk)",
    "grafana-k8s-wrapper": "'green pie' (a7975b7a-fb53-4ab7-951d-15810953b54f)",
    "grafana-v2beta1-complete": "'Test: Complete V2alpha1 Dashboard Example' is in Grafana's v2 schema",
}
PROMETHEUS = {"type": "prometheus", "uid": "PBFA97CFB590B2093"}
ANNOTATION = {"name": "Deploys", "enable": True, "iconColor": "red", "expr": "changes(x[1m])"}


def panel(number, **more):
    return {
        "id": number,
        "type": "timeseries",
        "title": f"Panel {number}",
        "gridPos": {"x": 0, "y": number * 8, "w": 12, "h": 8},
        **more,
    }


def library_panel(number, uid="ct-lib", **more):
    position = {"x": 0, "y": number * 8, "w": 12, "h": 8}
    return {"id": number, "gridPos": position, "libraryPanel": {"uid": uid, "name": f"CT {uid}"}, **more}


def element(uid="ct-lib", expr="up", source="${DS_PROM}"):
    """A library panel; in an export its queries keep the datasource of the server that it is from."""
    reference = {"type": "prometheus", "uid": source}
    of_query = PROMETHEUS if source.startswith("${") else reference
    model = {
        "type": "stat",
        "title": "From the library",
        "datasource": reference,
        "targets": [{"refId": "A", "datasource": of_query, "expr": expr}],
    }
    return {
        "uid": uid,
        "name": f"CT {uid}",
        "kind": 1,
        "model": {**model, "libraryPanel": {"uid": uid, "name": f"CT {uid}"}},
    }


def export(*panels, **more):
    inputs = [{"name": "DS_PROM", "type": "datasource", "pluginId": "prometheus", "label": "Prometheus"}]
    return {
        "__inputs": inputs,
        "__requires": [],
        "title": "CT Export",
        "schemaVersion": 39,
        "panels": list(panels),
        **more,
    }


@pytest.fixture
def server(grafana):
    """The server with a Prometheus `ct-p` and a Loki `ct-loki`."""
    prometheus = {"uid": "ct-p", "name": "CT P", "url": "http://p.example.com:9090"}
    loki = {"uid": "ct-loki", "name": "CT Loki", "type": "loki", "url": "http://loki.example.com:3100"}
    grafana.run(grafana_resources, datasources=[prometheus, loki])
    return grafana


def declared(model, **more):
    return {"uid": "ct-e", "model": model, "datasource_uid": "ct-p", **more}


def applied_model(server, model, **more):
    """The stored model. Check mode planned the same, and a rerun changes nothing and asks for nothing more."""
    given = declared(model, **more)
    planned = server.run(grafana_dashboard, check=True, **given)
    applied = server.run(grafana_dashboard, **given)
    assert "object" in applied, applied["msg"]
    assert (planned["object"]["action"], planned["diff"]) == (applied["object"]["action"], applied["diff"])
    server.wire.clear()
    again = server.run(grafana_dashboard, **given)
    assert again["object"]["action"] == "unchanged", again["diff"]
    assert server.wire.writes == []
    assert again["requests"] <= 3 + 1
    return server.dashboard("ct-e")["dashboard"]


def refusal(server, model, **more):
    """Why the dashboard is refused, in check mode and in a run, before anything is written."""
    server.wire.clear()
    messages = {server.run(grafana_dashboard, check=check, **declared(model, **more))["msg"] for check in (True, False)}
    assert server.wire.writes == []
    assert len(messages) == 1
    return messages.pop()


def test_an_input_of_another_plugin_is_never_the_prometheus_datasource(server):
    inputs = [*export()["__inputs"], {"name": "DS_LOKI", "type": "datasource", "pluginId": "loki"}]
    model = export(
        panel(1, datasource={"type": "loki", "uid": "${DS_LOKI}"}), panel(2, datasource="${DS_PROM}"), __inputs=inputs
    )
    message = refusal(server, model)
    assert message.startswith("dashboard 'ct-e': inputs: the model needs DS_LOKI (a datasource of the type loki)")
    assert "'ct-p' as loki, and the type of 'ct-p' is prometheus" in refusal(server, model, inputs={"DS_LOKI": "ct-p"})
    saved = applied_model(server, model, inputs={"DS_LOKI": "ct-loki"})
    assert [shown["datasource"] for shown in saved["panels"]] == [
        {"type": "loki", "uid": "ct-loki"},
        {"type": "prometheus", "uid": "ct-p"},
    ]
    assert applied_model(
        server, export(panel(1, datasource="${DS_LOKI}"), __inputs=inputs[1:]), datasource_uid="ct-loki"
    )


@pytest.mark.parametrize("path", queries.FILES, ids=lambda path: path.stem)
def test_the_dashboards_of_the_role_can_be_imported(server, path):
    exported = export_dashboards.export(path)
    saved = applied_model(server, exported, inputs={export_dashboards.INPUT: "ct-p"})
    assert references.datasources(saved) == {("ct-p", "prometheus")}
    assert [shown["title"] for shown in saved["panels"]] == [shown["title"] for shown in exported["panels"]]


def test_an_input_that_nothing_uses_is_not_asked_for(server):
    inputs = [*export()["__inputs"], {"name": "DS_LOKI", "type": "datasource", "pluginId": "loki"}]
    assert applied_model(server, export(panel(1, datasource="${DS_PROM}"), __inputs=inputs))


def test_inputs_replace_the_uids_and_names_of_another_servers_datasources(server):
    chosen = {
        "name": "ds",
        "type": "datasource",
        "query": "prometheus",
        "current": {"text": "Mine", "value": "PBFA97CFB590B2093"},
    }
    query = {"name": "host", "type": "query", "datasource": "EKS Prom", "query": "label_values(up, host)"}
    explore = {"internal": {"datasourceUid": "PBFA97CFB590B2093", "query": {}}, "title": "Explore", "url": ""}
    mixed = {"type": "datasource", "uid": "-- Mixed --"}
    targets = [
        {"refId": "A", "datasource": PROMETHEUS, "expr": "up"},
        {"refId": "B", "datasource": {"type": "prometheus", "uid": "${ds}"}, "expr": "up"},
    ]
    model = {
        "title": "CT Export",
        "schemaVersion": 39,
        "panels": [
            panel(1, datasource=PROMETHEUS, targets=targets[:1]),
            panel(
                2, datasource=mixed, targets=targets, fieldConfig={"defaults": {"links": [explore]}, "overrides": []}
            ),
            panel(3, datasource="EKS Prom", description="Of EKS Prom and PBFA97CFB590B2093"),
            {
                "id": 4,
                "type": "row",
                "collapsed": True,
                "panels": [panel(5, datasource={"type": "loki", "uid": "P8E80F9AEF21F6940"})],
            },
        ],
        "annotations": {"list": [{**ANNOTATION, "datasource": "EKS Prom"}]},
        "templating": {"list": [chosen, query]},
    }
    message = refusal(server, model)
    assert "dashboard 'ct-e': it refers to the datasource 'PBFA97CFB590B2093', which does not exist" in message
    assert "Give the uid of another datasource: inputs: {PBFA97CFB590B2093: uid}." in message
    assert "'EKS Prom', which does not exist" in message
    saved = applied_model(
        server, model, inputs={"PBFA97CFB590B2093": "ct-p", "EKS Prom": "ct-p", "P8E80F9AEF21F6940": "ct-loki"}
    )
    wanted = {"type": "prometheus", "uid": "ct-p"}
    first, second, third, row = saved["panels"]
    assert (first["datasource"], first["targets"][0]["datasource"]) == (wanted, wanted)
    assert (second["datasource"], [target["datasource"]["uid"] for target in second["targets"]]) == (
        mixed,
        ["ct-p", "${ds}"],
    )
    assert second["fieldConfig"]["defaults"]["links"][0]["internal"]["datasourceUid"] == "ct-p"
    assert (third["datasource"], third["description"]) == (wanted, "Of EKS Prom and PBFA97CFB590B2093")
    assert row["panels"][0]["datasource"] == {"type": "loki", "uid": "ct-loki"}
    assert saved["annotations"]["list"][0]["datasource"] == wanted
    assert saved["templating"]["list"][0]["current"]["value"] == "ct-p"
    assert saved["templating"]["list"][1]["datasource"] == wanted


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"panels": [panel(1, datasource="No such")]}, "it refers to the datasource 'No such', which does not exist"),
        ({"panels": [panel(1, targets=[{"refId": "A", "datasource": "No such"}])]}, "'No such', which does not exist"),
        ({"rows": [{"panels": [panel(1, datasource="No such")]}]}, "'No such', which does not exist"),
        ({"annotations": {"list": [{**ANNOTATION, "datasource": "No such"}]}}, "'No such', which does not exist"),
        (
            {"templating": {"list": [{"name": "v", "type": "query", "datasource": "No such"}]}},
            "'No such', which does not exist",
        ),
        ({"panels": [panel(1, datasource="$gone")]}, "its datasource $gone is neither a variable nor an input"),
        ({"panels": [panel(1, datasource="CT $gone")]}, "'CT $gone' has the variable gone, which does not exist"),
        (
            {
                "panels": [panel(1, datasource={"type": "loki", "uid": "${ds}"})],
                "templating": {"list": [{"name": "ds", "type": "datasource", "query": "prometheus"}]},
            },
            "queries the datasource '${ds}' as loki, and the type of '${ds}' is prometheus",
        ),
        (
            {"panels": [panel(1, datasource={"type": "loki", "uid": "ct-p"})]},
            "queries the datasource 'ct-p' as loki, and the type of 'ct-p' is prometheus",
        ),
        (
            {"panels": [panel(1, datasource={"type": "loki", "uid": "CT P"})]},
            "as loki, and the type of 'CT P' is prometheus",
        ),
    ],
)
def test_a_missing_datasource_or_one_of_another_type_is_refused_by_name(server, parts, problem):
    assert problem in refusal(server, {"title": "CT Export", **parts})


def test_datasources_that_every_grafana_has_and_names_are_taken(server):
    built_in = [
        {"type": "grafana", "uid": "-- Grafana --"},
        {"type": "datasource", "uid": "grafana"},
        "-- Mixed --",
        "-- Dashboard --",
        "default",
        None,
    ]
    taken = [
        *built_in,
        "CT P",
        {"type": "prometheus", "uid": "CT P"},
        {"uid": "ct-loki"},
        {"type": "__expr__", "uid": "__expr__"},
        {"type": "__expr__", "uid": "${DS_EXPRESSION}"},
        "Expression",
        {},
    ]
    saved = applied_model(
        server,
        {"title": "CT Export", "panels": [panel(number, datasource=source) for number, source in enumerate(taken)]},
    )
    assert [shown.get("datasource") for shown in saved["panels"]] == taken


@pytest.mark.parametrize("reference", ["$gone", "[[gone]]", "${gone}", {"type": "prometheus", "uid": "$gone"}])
def test_a_variable_that_is_lost_may_be_mapped(server, reference):
    model = {"title": "CT Export", "panels": [panel(1, datasource=reference, targets=[{"refId": "A", "expr": "up"}])]}
    assert "Give the uid of a datasource: inputs: {gone: uid}." in refusal(server, model)
    saved = applied_model(server, model, inputs={"gone": "ct-p"})
    assert saved["panels"][0]["datasource"] == {"type": "prometheus", "uid": "ct-p"}


def test_a_datasource_whose_name_has_a_variable_is_taken(server):
    variable = {"name": "letter", "type": "custom", "query": "P,Loki", "current": {"text": "P", "value": "P"}}
    sources = ["CT $letter", "CT ${letter:raw}", {"type": "prometheus", "uid": "ct-[[letter]]"}]
    panels = [panel(number, datasource=source) for number, source in enumerate(sources)]
    saved = applied_model(server, {"title": "CT Export", "panels": panels, "templating": {"list": [variable]}})
    assert [shown["datasource"] for shown in saved["panels"]] == sources


def test_a_uid_is_looked_for_before_a_name(server):
    named_like_a_uid = {"uid": "ct-q", "name": "ct-p", "type": "loki", "url": "http://loki.example.com:3100"}
    server.run(grafana_resources, datasources=[named_like_a_uid])
    source = {"type": "prometheus", "uid": "ct-p"}
    assert applied_model(server, {"title": "CT Export", "panels": [panel(1, datasource=source)]})


def test_one_datasource_of_an_unknown_type_is_not_taken_for_two_plugins(server):
    inputs = [{"name": "DS_LOKI", "type": "datasource", "pluginId": "loki"}, *export()["__inputs"]]
    loki = panel(1, datasource={"type": "loki", "uid": "${DS_LOKI}"})
    denied = answer(403, {"message": "Permissions needed: datasources:read"})
    server.wire.rule = lambda method, url, send: denied if url.endswith("/api/datasources") else None
    message = refusal(server, export(loki, panel(2, datasource="${DS_PROM}"), __inputs=inputs))
    assert "inputs: the model needs DS_LOKI (a datasource of the type loki)" in message
    assert "DS_PROM" not in message
    assert server.run(grafana_dashboard, **declared(export(loki, __inputs=inputs)))["changed"]


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        (
            {"DS_TYPO": "ct-p"},
            "inputs: 'DS_TYPO' is neither an input of the model nor a datasource that it refers to. The model has:"
            " DS_PROM, PBFA97CFB590B2093.",
        ),
        ({"DS_PROM": None}, "inputs: the value of 'DS_PROM' is null. Give text"),
        (
            {"DS_PROM": "ct-nowhere", "PBFA97CFB590B2093": "ct-p"},
            "'ct-nowhere', which does not exist. Declare the datasource, or correct datasource_uid or inputs.",
        ),
    ],
)
def test_inputs_that_cannot_be_used_are_refused(server, inputs, problem):
    assert problem in refusal(
        server, export(panel(1, datasource="${DS_PROM}"), panel(2, datasource=PROMETHEUS)), inputs=inputs
    )


@pytest.mark.parametrize("as_list", [False, True], ids=["an object", "a list, as in Grafana 9.0"])
def test_library_panels_of_an_export_are_part_of_the_dashboard(server, as_list):
    row = {
        "id": 3,
        "type": "row",
        "collapsed": True,
        "title": "Row",
        "panels": [library_panel(4, "ct-other", title="Own title", repeat="host")],
    }
    elements = {"ct-lib": element(), "ct-other": element("ct-other", "other", source="PBFA97CFB590B2093")}
    model = export(
        panel(1, datasource="${DS_PROM}"),
        library_panel(2),
        row,
        __elements=list(elements.values()) if as_list else elements,
    )
    assert "'PBFA97CFB590B2093', which does not exist" in refusal(server, model)
    saved = applied_model(server, model, inputs={"PBFA97CFB590B2093": "ct-p"})
    shown, in_row = saved["panels"][1], saved["panels"][2]["panels"][0]
    assert (shown["id"], shown["gridPos"]["y"], shown["type"], shown["title"]) == (2, 16, "stat", "From the library")
    assert shown["targets"][0] == {"refId": "A", "datasource": {"type": "prometheus", "uid": "ct-p"}, "expr": "up"}
    assert (in_row["id"], in_row["title"], in_row["repeat"], in_row["targets"][0]["expr"]) == (
        4,
        "Own title",
        "host",
        "other",
    )
    assert "libraryPanel" not in json.dumps(saved)

    changed = copy.deepcopy(model)
    changed["__elements"] = {**elements, "ct-lib": element(expr="down")}
    assert (
        applied_model(server, changed, inputs={"PBFA97CFB590B2093": "ct-p"})["panels"][1]["targets"][0]["expr"]
        == "down"
    )


def test_a_library_panel_that_is_nowhere_is_refused_by_name(server):
    row = {"id": 3, "type": "row", "collapsed": True, "panels": [library_panel(4, "ct-gone")]}
    message = refusal(
        server, export(library_panel(1), library_panel(2, "ct-none"), row, __elements={"ct-lib": element()})
    )
    missing = "'CT ct-none' (ct-none), 'CT ct-gone' (ct-gone)"
    assert (
        f"dashboard 'ct-e': its library panels {missing} are neither in the model's __elements nor in Grafana"
        in message
    )
    assert "ct-lib" not in message


def test_a_library_panel_of_the_server_stays_one(server):
    server.api("POST", "/api/library-elements", element(source="ct-p"))
    model = export(library_panel(1), library_panel(2, "ct-none"))
    assert "(ct-lib)" not in refusal(server, model)
    saved = applied_model(server, export(library_panel(1)))
    assert saved["panels"] == [library_panel(1)]


def test_gathered_library_panels_round_trip_and_survive_their_loss(server):
    server.api("POST", "/api/library-elements", element(source="ct-p"))
    server.save({**export(library_panel(1), panel(2, datasource="CT P")), "uid": "ct-e"})
    server.wait_for_search("ct-e")
    gathered = server.run(grafana_resources, state="gathered")["gathered"]
    (item,) = [dashboard for dashboard in gathered["dashboards"] if dashboard["uid"] == "ct-e"]
    assert item["model"]["__elements"]["ct-lib"]["model"]["targets"][0]["expr"] == "up"
    server.wire.clear()
    again = server.run(grafana_resources, dashboards=[item])
    assert not again["changed"], again["diff"]
    assert (server.wire.writes, again["requests"] <= 3 + 1) == ([], True)

    server.api("DELETE", "/api/dashboards/uid/ct-e")
    server.remove_library_panel("ct-lib")
    item["inputs"] = {"ct-p": "ct-p"}
    assert actions(server.run(grafana_resources, dashboards=[item])) == {"ct-e": "created"}
    shown = server.dashboard("ct-e")["dashboard"]["panels"][0]
    assert (shown["type"], shown["targets"][0]["expr"], "libraryPanel" in shown) == ("stat", "up", False)
    assert not server.run(grafana_resources, dashboards=[item])["changed"]


def test_a_library_panel_that_cannot_be_read_is_left_out_of_what_is_gathered(server):
    server.api("POST", "/api/library-elements", element(source="ct-p"))
    server.save({**export(library_panel(1)), "uid": "ct-e"})
    server.wait_for_search("ct-e")
    broken = answer(422, {"message": "library element is broken"})
    server.wire.rule = lambda method, url, send: broken if url.endswith("/api/library-elements/ct-lib") else None
    gathered = server.run(grafana_resources, state="gathered")["gathered"]
    (model,) = [item["model"] for item in gathered["dashboards"] if item["uid"] == "ct-e"]
    assert (model["panels"], "__elements" in model) == ([library_panel(1)], False)


def test_an_export_that_somebody_saved_as_it_was_round_trips(server):
    server.save({**export(panel(1, datasource="${DS_PROM}")), "uid": "ct-e"})
    server.wait_for_search("ct-e")
    gathered = server.run(grafana_resources, state="gathered")["gathered"]
    dashboards = [dashboard for dashboard in gathered["dashboards"] if dashboard["uid"] == "ct-e"]
    result = server.run(grafana_resources, dashboards=dashboards)
    assert not result["changed"], result["diff"]


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*.json")), ids=lambda path: path.stem)
def test_a_published_dashboard_is_taken_whole_or_refused_by_name(server, path):
    inputs = REPLACED.get(path.stem, {})
    if path.stem in REFUSED:
        assert REFUSED[path.stem] in refusal(server, path.read_text(), inputs=inputs)
    else:
        applied_model(server, path.read_text(), inputs=inputs)
