from __future__ import annotations

import copy
import json

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import compare, dashboard, desired, plan
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present
from ansible_collections.mlops.gpu_monitoring.plugins.modules.grafana_resources import ARGUMENTS, PANEL


def filled(arguments, given):
    return {**{name: copy.deepcopy(argument.get("default")) for name, argument in arguments.items()}, **given}


def a_panel(**given):
    return filled(PANEL, {"title": "P", "query": "up", **given})


def a_dashboard(**given):
    return filled(ARGUMENTS["dashboards"]["options"], {"uid": "d", "title": "D", "panels": [a_panel()], **given})


def a_datasource(**given):
    return filled(ARGUMENTS["datasources"]["options"], {"uid": "prometheus", "name": "Prometheus", "url": "http://p:9090", **given})


def a_folder(**given):
    return filled(ARGUMENTS["folders"]["options"], {"uid": "f", "title": "F", **given})


def options(**given):
    return {"datasources": [], "folders": [], "dashboards": [], **given}


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


@pytest.mark.parametrize("kind", dashboard.TYPES)
def test_every_type_of_panel_is_complete(kind):
    (made,) = dashboard.model(a_dashboard(panels=[a_panel(type=kind, unit="percent", min=0.0, thresholds=[{"value": 80.0, "color": "red"}])]))[
        "panels"
    ]
    assert made["type"] == kind
    assert made["options"]
    assert made["fieldConfig"]["defaults"]["unit"] == "percent"
    assert made["fieldConfig"]["defaults"]["thresholds"]["steps"][-1] == {"color": "red", "value": 80.0}
    assert made["targets"][0]["instant"] == (kind == "table")


EXPORT = {
    "__inputs": [{"name": "DS_PROM", "type": "datasource", "pluginId": "prometheus"}],
    "__requires": [],
    "id": 7,
    "title": "Exported",
    "panels": [{"datasource": {"type": "prometheus", "uid": "${DS_PROM}"}, "targets": [{"legendFormat": "{{gpu}}"}]}],
}


@pytest.mark.parametrize("wrap", [lambda model: model, json.dumps, lambda model: {"dashboard": model, "meta": {}}])
def test_a_json_model_in_each_form(wrap):
    made = dashboard.model(a_dashboard(title=None, panels=None, model=wrap(EXPORT), datasource_uid="mine"))
    assert made["title"] == "Exported"
    assert made["uid"] == "d"
    assert made["panels"] == [{"datasource": {"type": "prometheus", "uid": "mine"}, "targets": [{"legendFormat": "{{gpu}}"}]}]
    assert not {"id", "__inputs", "__requires"} & set(made)


def test_a_dashboard_that_grafana_gave_back_means_the_same():
    wanted = dict(dashboard.model(a_dashboard()), uid="d")
    given_back = {**wanted, "id": 12, "version": 3}
    assert compare.canonical_dashboard(given_back) == compare.canonical_dashboard(wanted)


@pytest.mark.parametrize(("one", "other"), [({"a": 1.0}, {"a": 1}), ({"a": None}, {}), ({"a": [{"b": None}]}, {"a": [{}]})])
def test_what_means_the_same(one, other):
    assert compare.canonical(one) == compare.canonical(other)


def test_a_number_that_is_no_whole_one_and_an_order_differ():
    assert compare.canonical({"a": 1.5}) != compare.canonical({"a": 1})
    assert compare.canonical([1, 2]) != compare.canonical([2, 1])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"folders": [a_folder(uid="bad uid")]}, "folders[0].uid: 'bad uid'"),
        ({"folders": [a_folder(uid="x" * 41)]}, "1 to 40"),
        ({"folders": [a_folder(), a_folder()]}, "folders: the uid 'f' is given twice"),
        ({"datasources": [a_datasource(), a_datasource(uid="other")]}, "datasources[0].name: 'Prometheus' is given twice"),
        ({"dashboards": [a_dashboard(title="")]}, "dashboards[0].title: empty"),
        ({"dashboards": [a_dashboard(refresh="5 sec")]}, "dashboards[0].refresh: '5 sec'"),
        ({"dashboards": [a_dashboard(model={"title": "M"})]}, "either panels or model"),
        ({"dashboards": [a_dashboard(panels=None, title=None, model="{")]}, "model: not JSON"),
        ({"dashboards": [a_dashboard(panels=None, title=None, model="[]")]}, "a JSON object is needed, not list"),
        ({"dashboards": [a_dashboard(panels=[a_panel(width=25)])]}, "dashboards[0].panels[0].width: 25"),
        ({"dashboards": [a_dashboard(panels=[a_panel(x=20, y=0)])]}, "beyond the grid"),
        ({"dashboards": [a_dashboard(panels=[a_panel(query=None)])]}, "give either query or queries"),
    ],
)
def test_bad_input_is_refused_by_its_place(given, words):
    with pytest.raises(GrafanaError) as failure:
        desired.check(options(**given))
    assert words in str(failure.value)


def test_references_must_lead_somewhere():
    with pytest.raises(GrafanaError, match=r"dashboards\[0\].folder_uid: there is no folder 'nowhere'"):
        desired.check_references(options(dashboards=[a_dashboard(folder_uid="nowhere")]), set(), {"prometheus"})
    with pytest.raises(GrafanaError, match="datasource 'prometheus', which is not there"):
        desired.check_references(options(dashboards=[a_dashboard()]), set(), set())
    desired.check_references(options(dashboards=[a_dashboard(folder_uid="f")], folders=[a_folder()], datasources=[a_datasource()]), set(), set())


def test_folders_come_after_their_parents():
    folders = [a_folder(uid="c", parent_uid="b"), a_folder(uid="b", parent_uid="a"), a_folder(uid="a")]
    assert [one["uid"] for one in desired.top_down(folders)] == ["a", "b", "c"]
    with pytest.raises(GrafanaError, match="its own ancestor"):
        desired.top_down([a_folder(uid="a", parent_uid="b"), a_folder(uid="b", parent_uid="a")])


def test_the_order_of_a_plan():
    given = options(dashboards=[a_dashboard(folder_uid="f")], folders=[a_folder()], datasources=[a_datasource()])
    assert [(one.kind, one.action) for one in plan.make(given, Present())] == [
        ("folder", "created"),
        ("datasource", "created"),
        ("dashboard", "created"),
    ]


def stored(item, **more):
    change = plan.make(options(datasources=[item]), Present())[0]
    return {**change.body, "id": 1, "orgId": 1, "version": 1, "readOnly": False, "secureJsonFields": {}, **more}


def change_of(item, there):
    return plan.make(options(datasources=[item]), Present(datasources={item["uid"]: there}, datasource_names={there["name"]: there["uid"]}))[0]


def test_a_datasource_may_have_more_than_is_asked_for():
    item = a_datasource(json_data={"timeInterval": "5s"})
    there = stored(item, jsonData={"timeInterval": "5s", "httpMethod": "POST"}, isDefault=True)
    assert not change_of(item, there).changed


def test_an_update_repeats_what_a_put_would_reset():
    item = a_datasource(json_data={"timeInterval": "5s"})
    there = stored(item, jsonData={"timeInterval": "15s", "httpMethod": "POST"}, isDefault=True, basicAuth=True, basicAuthUser="u")
    change = change_of(item, there)
    assert change.action == "updated"
    assert change.body["jsonData"] == {"timeInterval": "5s", "httpMethod": "POST"}
    assert (change.body["isDefault"], change.body["basicAuthUser"], change.body["uid"], change.body["version"]) == (True, "u", "prometheus", 1)
    assert change.diff()["before"] != change.diff()["after"]


def test_a_secret_is_sent_when_it_is_missing_and_never_shown():
    item = a_datasource(secure_json_data={"basicAuthPassword": "hunter22"})
    change = change_of(item, stored(item))
    assert change.body["secureJsonData"] == {"basicAuthPassword": "hunter22"}
    assert "hunter22" not in json.dumps(change.diff())
    assert "<set>" in change.diff()["after"]
    assert not change_of(item, stored(item, secureJsonFields={"basicAuthPassword": True})).changed


def test_a_name_that_another_datasource_has_is_not_taken_over():
    (change,) = plan.make(options(datasources=[a_datasource()]), Present(datasource_names={"Prometheus": "old"}))
    assert "has one of this name with the uid 'old'" in change.error


def test_a_provisioned_datasource_is_left_alone():
    item = a_datasource()
    assert "provisioning file" in change_of(item, stored(item, readOnly=True, url="http://other")).error


def present_dashboard(item, folder_uid="", **more):
    model = {**dashboard.model(item), "uid": item["uid"], "id": 3, "version": 2}
    return Present(dashboards={item["uid"]: {"dashboard": {**model, **more}, "meta": {"folderUid": folder_uid, "version": 2, "url": "/d/d/d"}}})


@pytest.mark.parametrize(
    ("folder", "more", "action"),
    [("", {}, "unchanged"), ("other", {}, "moved"), ("", {"title": "by hand"}, "updated"), ("", {"panels": []}, "updated")],
)
def test_what_happens_to_a_dashboard(folder, more, action):
    item = a_dashboard()
    (change,) = plan.make(options(dashboards=[item]), present_dashboard(item, folder, **more))
    assert change.action == action
    if action != "unchanged":
        assert (change.body["overwrite"], change.body["folderUid"]) == (True, "")


def test_absent_things_are_removed_last_and_only_if_they_are_there():
    item = a_dashboard(state="absent")
    assert plan.make(options(dashboards=[item]), Present())[0].action == "unchanged"
    changes = plan.make(options(dashboards=[item], folders=[a_folder()]), present_dashboard(a_dashboard()))
    assert [(one.kind, one.action) for one in changes] == [("folder", "created"), ("dashboard", "deleted")]


@pytest.mark.parametrize(
    ("there", "action"), [({"title": "F", "parentUid": ""}, "unchanged"), ({"title": "Old"}, "renamed"), ({"title": "F", "parentUid": "up"}, "moved")]
)
def test_what_happens_to_a_folder(there, action):
    assert plan.make(options(folders=[a_folder()]), Present(folders={"f": {"uid": "f", **there}}))[0].action == action
