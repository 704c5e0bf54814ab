"""Effects of grafana_resources: objects in order, nothing on a rerun, drift reverted, nobody else's objects touched."""

from __future__ import annotations

import json

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.modules import (
    grafana_dashboard,
    grafana_datasource,
    grafana_folder,
    grafana_resources,
    grafana_service_account,
)
from server import actions

from tests.dashboards import queries

LEGEND = "{{modelName}} - GPU {{gpu}}"
FOREIGN = {"title": "Theirs", "panels": [], "schemaVersion": 39}


@pytest.fixture
def declared():
    return {
        "datasources": [
            {"uid": "ct-p", "name": "CT P", "url": "http://p.example.com:9090", "json_data": {"timeInterval": "5s"}},
            {"uid": "ct-q", "name": "CT Q", "url": "http://q.example.com:9090", "json_data": {"httpMethod": "POST"}},
        ],
        "folders": [{"uid": "ct-child", "title": "CT Child"}, {"uid": "ct-top", "title": "CT Top"}],
        "dashboards": [
            {
                "uid": "ct-gpus",
                "title": "CT GPUs",
                "folder_uid": "ct-child",
                "datasource_uid": "ct-p",
                "tags": ["gpu"],
                "refresh": "5s",
                "variables": [{"name": "host", "query": "label_values(up, host)", "multi": True, "include_all": True}],
                "panels": [
                    {
                        "title": "Utilization",
                        "query": "DCGM_FI_DEV_GPU_UTIL",
                        "legend": LEGEND,
                        "unit": "percent",
                        "min": 0,
                        "max": 100,
                    },
                    {
                        "title": "Power",
                        "type": "stat",
                        "query": "DCGM_FI_DEV_POWER_USAGE",
                        "thresholds": [{"value": 300, "color": "red"}],
                    },
                ],
            },
            {
                "uid": "ct-model",
                "folder_uid": "ct-top",
                "model": {"title": "CT Model", "panels": [], "schemaVersion": 36, "x": None, "y": 1.0},
            },
            {
                "uid": "ct-root",
                "title": "CT Root",
                "datasource_uid": "ct-q",
                "panels": [{"title": "Up", "query": "up"}],
            },
        ],
    }


def test_everything_is_created_in_order_and_a_rerun_writes_nothing(grafana, declared):
    first = grafana.run(grafana_resources, **declared)
    assert actions(first) == dict.fromkeys(
        ("ct-top", "ct-child", "ct-p", "ct-q", "ct-gpus", "ct-model", "ct-root"), "created"
    )
    kinds = [path.split("/")[2] for _method, path in grafana.wire.writes]
    assert kinds == ["folders"] * 2 + ["datasources"] * 2 + ["dashboards"] * 3
    dashboards = [shown for shown in first["objects"] if shown["kind"] == "dashboard"]
    assert all(shown["url"].startswith(grafana.url) and shown["version"] for shown in dashboards)

    grafana.wait_for_search("ct-child", "ct-top")
    grafana.wire.clear()
    second = grafana.run(grafana_resources, **declared)
    assert not second["changed"], second["diff"]
    assert set(actions(second).values()) == {"unchanged"}
    assert grafana.wire.writes == []
    assert second["requests"] == len(grafana.wire.requests) <= 3 + len(declared["dashboards"])
    assert len(grafana.wire.connections) == 1


def test_the_roles_dashboards_are_kept_as_they_are_written(grafana, declared):
    items = [yaml.safe_load(path.read_text()) for path in queries.FILES]
    dashboards = [
        {**item, "uid": f"ct-{item['uid']}", "folder_uid": "ct-top", "datasource_uid": "ct-p"} for item in items
    ]
    first = grafana.run(grafana_resources, **{**declared, "dashboards": dashboards})
    uids = [dashboard["uid"] for dashboard in dashboards]
    assert {uid: action for uid, action in actions(first).items() if uid in uids} == dict.fromkeys(uids, "created")

    grafana.wait_for_search("ct-child", "ct-top")
    grafana.wire.clear()
    second = grafana.run(grafana_resources, **{**declared, "dashboards": dashboards})
    assert not second["changed"], second["diff"]
    assert grafana.wire.writes == []


@pytest.mark.parametrize("count", [4, 30])
def test_an_unchanged_set_costs_a_request_for_each_dashboard_and_three_more(grafana, declared, count):
    dashboards = [
        {**declared["dashboards"][0], "uid": f"ct-{number}", "title": f"CT {number}"} for number in range(count)
    ]
    small = {"datasources": declared["datasources"][:1], "folders": declared["folders"][:1], "dashboards": dashboards}
    grafana.run(grafana_resources, **small)
    grafana.wait_for_search("ct-child")
    for check in (True, False):
        grafana.wire.clear()
        result = grafana.run(grafana_resources, check=check, **small)
        assert not result["changed"], result["diff"]
        assert (result["requests"], grafana.wire.writes) == (3 + count, [])
        assert len(grafana.wire.requests) == 3 + count


def test_datasources_with_secrets_cost_one_request_each(grafana, declared):
    declared["datasources"][0].update(
        basic_auth_user="reader", secure_json_data={"basicAuthPassword": "hunter22-secret"}
    )
    grafana.run(grafana_resources, **declared)
    grafana.wait_for_search("ct-child", "ct-top")
    second = grafana.run(grafana_resources, **declared)
    assert not second["changed"], second["diff"]
    assert second["requests"] <= 3 + len(declared["dashboards"]) + 1


def test_check_mode_makes_the_same_plan_and_writes_nothing(grafana, declared):
    planned = grafana.run(grafana_resources, check=True, **declared)
    assert grafana.wire.writes == []
    applied = grafana.run(grafana_resources, **declared)
    assert actions(planned) == actions(applied)
    assert planned["diff"] == applied["diff"]

    declared["folders"][0]["title"] = "CT Renamed"
    declared["datasources"][0]["url"] = "http://other.example.com:9090"
    declared["dashboards"][0]["panels"][0]["unit"] = "percentunit"
    declared["dashboards"][1]["state"] = "absent"
    declared["dashboards"][2]["folder_uid"] = "ct-top"
    grafana.wire.clear()
    planned = grafana.run(grafana_resources, check=True, **declared)
    assert grafana.wire.writes == []
    assert actions(planned) == {
        "ct-top": "unchanged",
        "ct-child": "renamed",
        "ct-p": "updated",
        "ct-q": "unchanged",
        "ct-gpus": "updated",
        "ct-root": "moved",
        "ct-model": "deleted",
    }
    applied = grafana.run(grafana_resources, **declared)
    assert (actions(planned), planned["diff"]) == (actions(applied), applied["diff"])
    assert {diff["before_header"] for diff in applied["diff"]} == {
        *("folder ct-child", "datasource ct-p", "dashboard ct-gpus", "dashboard ct-root", "dashboard ct-model")
    }
    assert not grafana.run(grafana_resources, **declared)["changed"]


def test_drift_is_restored(grafana, declared):
    grafana.run(grafana_resources, **declared)
    model = grafana.dashboard("ct-gpus")["dashboard"]
    model["panels"][0]["title"] = "by hand"
    grafana.save(model, "ct-child")
    grafana.api("PUT", "/api/folders/ct-top", {"title": "by hand", "overwrite": True})
    datasource = grafana.api("GET", "/api/datasources/uid/ct-p")
    grafana.api("PUT", "/api/datasources/uid/ct-p", {**datasource, "url": "http://hand.example.com"})
    result = grafana.run(grafana_resources, **declared)
    assert {uid: action for uid, action in actions(result).items() if action != "unchanged"} == {
        "ct-gpus": "updated",
        "ct-top": "renamed",
        "ct-p": "updated",
    }
    panel = grafana.dashboard("ct-gpus")["dashboard"]["panels"][0]
    assert (panel["title"], panel["targets"][0]["legendFormat"]) == ("Utilization", LEGEND)
    assert grafana.api("GET", "/api/datasources/uid/ct-p")["url"] == "http://p.example.com:9090"
    assert not grafana.run(grafana_resources, **declared)["changed"]


@pytest.mark.parametrize(
    "edit",
    [
        lambda model: model["panels"][0]["fieldConfig"]["defaults"].update(decimals=2),
        lambda model: model["panels"][0]["targets"][0].update(expr="up"),
        lambda model: model["panels"].append({**model["panels"][0], "id": 99, "title": "another"}),
        lambda model: model["panels"].reverse(),
        lambda model: model.update(description="by hand"),
        lambda model: model.update(tags=[]),
        lambda model: model["templating"]["list"].clear(),
        lambda model: model.update(editable=False),
        lambda model: model["panels"][0].update(transparent=True),
    ],
)
def test_whatever_somebody_changes_in_grafana_is_drift(grafana, declared, edit):
    grafana.run(grafana_resources, **declared)
    model = grafana.dashboard("ct-gpus")["dashboard"]
    edit(model)
    grafana.save(model, "ct-child")
    assert actions(grafana.run(grafana_resources, **declared))["ct-gpus"] == "updated"
    assert not grafana.run(grafana_resources, **declared)["changed"]


def test_what_grafana_adds_or_migrates_is_no_drift(grafana, declared):
    grafana.run(grafana_resources, **declared)
    model = grafana.dashboard("ct-gpus")["dashboard"]
    model = {key: model[key] for key in sorted(model, reverse=True)} | {"liveNow": False, "gnetId": None}
    model["annotations"]["list"].append(
        {"builtIn": 1, "name": "Annotations & Alerts", "type": "dashboard", "enable": True}
    )
    model["templating"]["list"][0].update(current={"text": "gpu1", "value": "gpu1"}, options=[])
    for panel in model["panels"]:
        panel.update(pluginVersion="12.4.0", transparent=False, links=[])
        del panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"]
    grafana.save(model, "ct-child")
    migrated = {**grafana.dashboard("ct-model")["dashboard"], "schemaVersion": 42}
    grafana.save({key: value for key, value in migrated.items() if value is not None}, "ct-top")
    grafana.wire.clear()
    result = grafana.run(grafana_resources, **declared)
    assert not result["changed"], result["diff"]
    assert grafana.wire.writes == []


def test_whether_built_in_annotations_are_shown_counts_where_the_model_says_so(grafana):
    def declare(**annotation):
        built_in = {"builtIn": 1, "name": "Annotations & Alerts", "type": "dashboard", **annotation}
        model = {"title": "CT D", "panels": [], "annotations": {"list": [built_in]}}
        return grafana.run(grafana_resources, dashboards=[{"uid": "ct-d", "model": model}])

    declare(enable=True, datasource="-- Grafana --")
    assert not declare(enable=True, datasource={"type": "grafana", "uid": "-- Grafana --"})["changed"]
    assert actions(declare(enable=False)) == {"ct-d": "updated"}
    assert not declare(enable=False)["changed"]


def test_an_empty_option_takes_away_what_the_model_has(grafana):
    model = {"title": "CT D", "panels": [], "refresh": "1m", "description": "of the export"}
    item = {"uid": "ct-d", "model": model}
    grafana.run(grafana_resources, dashboards=[item])
    emptied = {**item, "refresh": "", "description": ""}
    assert actions(grafana.run(grafana_resources, dashboards=[emptied])) == {"ct-d": "updated"}
    saved = grafana.dashboard("ct-d")["dashboard"]
    assert (saved["refresh"], saved["description"]) == ("", "")
    assert not grafana.run(grafana_resources, dashboards=[emptied])["changed"]


def test_null_as_datasource_uid_is_the_default(grafana, declared):
    item = {"uid": "ct-null", "title": "CT Null", "datasource_uid": None, "panels": [{"title": "Up", "query": "up"}]}
    result = grafana.run(grafana_resources, dashboards=[item])
    assert "it refers to the datasource 'prometheus', which does not exist" in result["msg"]


def test_ignored_paths_are_neither_compared_nor_written(grafana, declared):
    item = declared["dashboards"][0]
    item["ignore_paths"] = ["time", "templating.list[*].current", "panels[0].title"]
    grafana.run(grafana_resources, **declared)
    model = grafana.dashboard("ct-gpus")["dashboard"]
    model["time"]["from"] = "now-7d"
    model["templating"]["list"][0]["current"] = {"text": "gpu1", "value": "gpu1"}
    model["panels"][0]["title"] = "by hand"
    grafana.save(model, "ct-child")
    assert not grafana.run(grafana_resources, **declared)["changed"]
    item["description"] = "now described"
    assert actions(grafana.run(grafana_resources, **declared))["ct-gpus"] == "updated"
    kept = grafana.dashboard("ct-gpus")["dashboard"]
    assert (kept["time"]["from"], kept["panels"][0]["title"], kept["description"]) == (
        "now-7d",
        "by hand",
        "now described",
    )
    assert kept["templating"]["list"][0]["current"]["value"] == "gpu1"


def test_an_ignored_part_stays_with_its_variable(grafana, declared):
    item = declared["dashboards"][0]
    item["ignore_paths"] = ["templating.list[*].current"]
    grafana.run(grafana_resources, **declared)
    model = grafana.dashboard("ct-gpus")["dashboard"]
    model["templating"]["list"][0]["current"] = {"text": "gpu1", "value": "gpu1"}
    grafana.save(model, "ct-child")
    item["variables"].insert(0, {"name": "job", "query": "label_values(up, job)"})
    grafana.run(grafana_resources, **declared)
    job, host = grafana.dashboard("ct-gpus")["dashboard"]["templating"]["list"]
    assert (job.get("current"), host["current"]["value"]) == (None, "gpu1")
    assert not grafana.run(grafana_resources, **declared)["changed"]


def test_a_datasource_keeps_what_is_not_asked_for(grafana, declared):
    declared["datasources"][0]["secure_json_data"] = {"httpHeaderValue1": "hunter22-secret"}
    grafana.run(grafana_resources, **declared)
    stored = grafana.api("GET", "/api/datasources/uid/ct-p")
    settings = {**stored["jsonData"], "byHand": 1}
    grafana.api("PUT", "/api/datasources/uid/ct-p", {**stored, "withCredentials": True, "jsonData": settings})
    assert not grafana.run(grafana_resources, **declared)["changed"]
    declared["datasources"][0]["json_data"] = {"httpMethod": "POST", "timeInterval": None}
    assert actions(grafana.run(grafana_resources, **declared))["ct-p"] == "updated"
    kept = grafana.api("GET", "/api/datasources/uid/ct-p")
    assert kept["jsonData"] == {"byHand": 1, "httpMethod": "POST"}
    assert (kept["withCredentials"], kept["secureJsonFields"]) == (True, {"httpHeaderValue1": True})
    assert not grafana.run(grafana_resources, **declared)["changed"]


def test_no_other_becomes_default_unasked_and_one_does_when_asked(grafana, declared):
    declared["datasources"][0]["is_default"] = False
    declared["datasources"][1]["is_default"] = True
    grafana.run(grafana_resources, **declared)
    defaults = {datasource["uid"] for datasource in grafana.api("GET", "/api/datasources") if datasource["isDefault"]}
    assert defaults == {"ct-q"}
    assert not grafana.run(grafana_resources, **declared)["changed"]


def test_an_object_of_the_same_title_is_not_taken_over(grafana, declared):
    grafana.run(grafana_resources, folders=declared["folders"])
    grafana.save({**FOREIGN, "uid": "ct-theirs", "title": "CT GPUs"}, "ct-child")
    before = grafana.dashboard("ct-theirs")["dashboard"]
    grafana.run(grafana_resources, **declared)
    assert grafana.dashboard("ct-theirs")["dashboard"] == before


def test_a_datasource_of_the_same_name_is_an_error_and_the_others_continue(grafana, declared):
    grafana.api(
        "POST",
        "/api/datasources",
        {"uid": "ct-theirs", "name": "CT P", "type": "prometheus", "access": "proxy", "url": "http://x"},
    )
    del declared["dashboards"][0]
    result = grafana.run(grafana_resources, **declared)
    assert result["failed"]
    assert "datasource 'ct-p': the server has another one named 'CT P', with the uid 'ct-theirs'" in result["msg"]
    assert actions(result)["ct-q"] == "created"
    assert "ct-p" not in actions(result)
    assert grafana.api("GET", "/api/datasources/uid/ct-theirs")["url"] == "http://x"


def test_things_are_removed_by_uid(grafana, declared):
    grafana.run(grafana_resources, **declared)
    gone = {kind: [{"uid": item["uid"], "state": "absent"} for item in items] for kind, items in declared.items()}
    result = grafana.run(grafana_resources, **gone)
    assert set(actions(result).values()) == {"deleted"}, result
    assert not grafana.run(grafana_resources, **gone)["changed"]
    uids = [datasource["uid"] for datasource in grafana.api("GET", "/api/datasources")]
    assert [uid for uid in uids if uid.startswith("ct-")] == []


def test_a_folder_that_holds_something_is_not_removed(grafana, declared):
    grafana.run(grafana_resources, **declared)
    grafana.save({**FOREIGN, "uid": "ct-theirs"}, "ct-top")
    grafana.wait_for_search("ct-theirs", "ct-model")
    result = grafana.run(
        grafana_resources,
        folders=[{"uid": "ct-top", "state": "absent"}],
        dashboards=[{"uid": "ct-model", "state": "absent"}],
    )
    assert result["failed"]
    assert "folder 'ct-top'" in result["msg"]
    assert "Theirs (ct-theirs)" in result["msg"]
    assert actions(result) == {"ct-model": "deleted"}
    assert grafana.dashboard("ct-theirs")["meta"]["folderUid"] == "ct-top"


def test_a_folder_goes_where_the_absent_dashboards_in_it_are_gone(grafana, declared):
    grafana.run(grafana_resources, folders=declared["folders"])
    grafana.wait_for_search("ct-top")
    dashboards = [{"uid": "ct-gone", "folder_uid": "ct-top", "state": "absent"}]
    result = grafana.run(grafana_resources, folders=[{"uid": "ct-top", "state": "absent"}], dashboards=dashboards)
    assert actions(result) == {"ct-top": "deleted", "ct-gone": "unchanged"}


def test_folders_go_from_the_deepest_up_and_not_past_somebody_elses_dashboard(grafana):
    version = grafana.api("GET", "/api/health").get("version", "12")
    if int(version.split(".")[0]) < 11:
        return
    folders = [{"uid": "ct-c", "title": "CT C", "parent_uid": "ct-p"}, {"uid": "ct-p", "title": "CT P"}]
    grafana.run(grafana_resources, folders=folders)
    grafana.save({**FOREIGN, "uid": "ct-theirs"}, "ct-c")
    grafana.wait_for_search("ct-theirs")
    absent = [{"uid": "ct-c", "state": "absent"}, {"uid": "ct-p", "state": "absent"}]
    result = grafana.run(grafana_resources, folders=absent)
    assert "folder 'ct-c': left unchanged" in result["msg"]
    assert "folder 'ct-p': left unchanged" in result["msg"]
    assert grafana.dashboard("ct-theirs")["meta"]["folderUid"] == "ct-c"
    grafana.api("DELETE", "/api/dashboards/uid/ct-theirs")
    assert set(actions(grafana.run(grafana_resources, folders=absent)).values()) == {"deleted"}


def test_a_datasource_gets_another_uid_and_keeps_its_name(grafana):
    grafana.run(grafana_resources, datasources=[{"uid": "ct-p", "name": "CT P", "url": "http://p.example.com"}])
    both = [{"uid": "ct-q", "name": "CT P", "url": "http://p.example.com"}, {"uid": "ct-p", "state": "absent"}]
    assert actions(grafana.run(grafana_resources, datasources=both)) == {"ct-p": "deleted", "ct-q": "created"}
    assert not grafana.run(grafana_resources, datasources=both)["changed"]


def test_the_default_moves_in_one_run(grafana, declared):
    declared["datasources"][0]["is_default"] = True
    grafana.run(grafana_resources, **declared)
    declared["datasources"][0].update(is_default=None, url="http://other.example.com")
    declared["datasources"][1]["is_default"] = True
    assert grafana.run(grafana_resources, **declared)["changed"]
    again = grafana.run(grafana_resources, **declared)
    assert not again["changed"], again["diff"]


def test_prune_removes_what_has_the_mark_and_nothing_else(grafana, declared):
    ours = {**declared, "owner": "ct-team", "prune": True}
    ours["folders"] = [{"uid": "ct-team-old", "title": "CT Old"}, *declared["folders"]]
    grafana.run(grafana_resources, **ours)
    grafana.save({**FOREIGN, "uid": "ct-theirs", "tags": ["ct-other-team"]}, "ct-top")
    grafana.wait_for_search("ct-theirs", "ct-gpus", "ct-model", "ct-root", "ct-team-old")
    assert not grafana.run(grafana_resources, **ours)["changed"]
    ours["dashboards"] = declared["dashboards"][:1]
    ours["datasources"] = declared["datasources"][:1]
    ours["folders"] = [declared["folders"][0]]
    result = grafana.run(grafana_resources, **ours)
    assert {uid for uid, action in actions(result).items() if action == "deleted"} == {
        "ct-model",
        "ct-root",
        "ct-q",
        "ct-team-old",
    }
    assert grafana.dashboard("ct-theirs")["meta"]["folderUid"] == "ct-top"
    assert not grafana.run(grafana_resources, **ours)["changed"]


def test_prune_keeps_a_marked_folder_with_somebody_elses_dashboard(grafana):
    grafana.run(grafana_resources, folders=[{"uid": "ct-team-x", "title": "CT X"}])
    grafana.save({**FOREIGN, "uid": "ct-theirs"}, "ct-team-x")
    grafana.wait_for_search("ct-theirs")
    result = grafana.run(grafana_resources, owner="ct-team", prune=True)
    assert "folder 'ct-team-x'" in result["msg"]
    assert grafana.dashboard("ct-theirs")["meta"]["folderUid"] == "ct-team-x"


def test_what_was_gathered_can_be_declared_without_a_change(grafana, declared):
    declared["datasources"][0].update(
        basic_auth_user="reader", secure_json_data={"basicAuthPassword": "hunter22-secret"}
    )
    grafana.run(grafana_resources, **declared)
    dangling = {
        "type": "timeseries",
        "title": "x",
        "datasource": {"type": "prometheus", "uid": "ct-nowhere"},
        "targets": [{"expr": "up"}],
    }
    grafana.save({**FOREIGN, "uid": "ct-theirs", "panels": [dangling]}, "ct-child")
    grafana.wait_for_search("ct-theirs", "ct-gpus", "ct-model", "ct-root", "ct-child", "ct-top")
    grafana.wire.clear()
    gathered = grafana.run(grafana_resources, state="gathered")["gathered"]
    assert grafana.wire.writes == []
    assert {dashboard["uid"] for dashboard in gathered["dashboards"]} >= {"ct-theirs", "ct-gpus", "ct-model", "ct-root"}
    result = grafana.run(grafana_resources, **gathered)
    assert not result["changed"], result["diff"]
    assert "failed" not in result
    assert grafana.wire.writes == []


def test_exports_of_every_kind_are_taken(grafana, declared):
    grafana.run(grafana_resources, datasources=declared["datasources"])
    source = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
    panel = {
        "id": 1,
        "type": "timeseries",
        "title": "T",
        "datasource": source,
        "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
    }
    old_panel = {**panel, "id": 2, "datasource": "${DS_OTHER}"}
    export = {
        "__inputs": [
            {"name": "DS_PROMETHEUS", "type": "datasource", "pluginId": "prometheus"},
            {"name": "DS_OTHER", "type": "datasource", "pluginId": "prometheus"},
            {"name": "VAR_JOB", "type": "constant", "value": "node"},
        ],
        "__requires": [],
        "id": 4711,
        "version": 12,
        "title": "CT Export",
        "description": "job ${VAR_JOB}, ${modelName} and {{modelName}}",
        "panels": [panel, old_panel],
    }
    model = grafana.run(
        grafana_resources, dashboards=[{"uid": "ct-model", "model": {"title": "CT Before", "panels": []}}]
    )
    assert actions(model) == {"ct-model": "created"}
    answer = grafana.dashboard("ct-model")
    envelope = {
        "apiVersion": "dashboard.grafana.app/v1beta1",
        "kind": "Dashboard",
        "metadata": {"name": "ct-k8s", "resourceVersion": "5"},
        "spec": {"title": "CT k8s", "panels": [], "schemaVersion": 42},
    }
    dashboards = [
        {"uid": "ct-export", "datasource_uid": "ct-p", "inputs": {"DS_OTHER": "ct-q"}, "model": export},
        {"uid": "ct-copy", "title": "CT Copy", "model": answer},
        {"model": json.dumps(envelope)},
        {"uid": "ct-com", "model": {"id": 1860, "slug": "ct-com", "json": {"title": "CT Com", "panels": []}}},
    ]
    result = grafana.run(grafana_resources, dashboards=dashboards)
    assert actions(result) == dict.fromkeys(("ct-export", "ct-copy", "ct-k8s", "ct-com"), "created")
    assert grafana.dashboard("ct-com")["dashboard"]["title"] == "CT Com"
    saved = grafana.dashboard("ct-export")["dashboard"]
    assert [panel["datasource"]["uid"] for panel in saved["panels"]] == ["ct-p", "ct-q"]
    assert saved["description"] == "job node, ${modelName} and {{modelName}}"
    assert "__inputs" not in saved
    assert grafana.dashboard("ct-copy")["dashboard"]["title"] == "CT Copy"
    assert not grafana.run(grafana_resources, dashboards=dashboards)["changed"]


def test_single_objects(grafana):
    steps = [
        (grafana_folder, {"uid": "ct-f", "title": "CT F"}),
        (grafana_datasource, {"uid": "ct-d", "name": "CT D", "ds_url": "http://d.example.com"}),
        (
            grafana_dashboard,
            {
                "uid": "ct-b",
                "title": "CT B",
                "folder_uid": "ct-f",
                "datasource_uid": "ct-d",
                "panels": [{"title": "Up", "query": "up"}],
            },
        ),
    ]
    for module, given in steps:
        assert grafana.run(module, **given)["object"]["action"] == "created"
        assert grafana.run(module, **given)["object"]["action"] == "unchanged"
    for module, given in reversed(steps):
        assert grafana.run(module, uid=given["uid"], state="absent")["object"]["action"] == "deleted"
    refused = grafana.run(grafana_dashboard, uid="a b", title="x", panels=[])
    assert refused["msg"].startswith("uid: 'a b'")


@pytest.mark.parametrize(
    ("module", "given", "words"),
    [
        (grafana_dashboard, {"uid": "ct-b", "title": "CT B"}, "neither panels nor model"),
        (
            grafana_dashboard,
            {"uid": "ct-b", "model": {"title": "CT B"}, "variables": [{"name": "x"}]},
            "give either model, or panels",
        ),
        (
            grafana_folder,
            {"uid": "ct-f", "title": "CT F", "parent_uid": "ct-x"},
            "parent_uid: there is no folder 'ct-x'",
        ),
        (grafana_datasource, {"uid": "ct-d", "name": "CT D", "ds_url": ""}, "ds_url: empty"),
        (grafana_service_account, {"name": " ", "token_file": "/nonexistent/token"}, "name: empty"),
    ],
)
def test_errors_of_single_objects_name_options_that_the_module_has(grafana, module, given, words):
    assert grafana.run(module, **given)["msg"].startswith(words)
    assert grafana.wire.writes == []


def test_a_folders_title_in_place_of_its_uid_is_answered_with_the_uid(grafana):
    grafana.run(grafana_folder, uid="ct-f", title="CT F")
    grafana.wait_for_search("ct-f")
    refused = grafana.run(grafana_dashboard, uid="ct-b", title="CT B", folder_uid="CT F", panels=[])
    assert refused["msg"] == "folder_uid: there is no folder 'CT F'. It is a title. Give the uid, 'ct-f'."


def test_folders_move_and_nest(grafana, declared):
    """Nested folders need Grafana 11, or 10 with a feature flag. The task reports the refusal of older servers."""
    version = grafana.api("GET", "/api/health").get("version", "12")
    if int(version.split(".")[0]) < 11:
        return
    declared["folders"][0]["parent_uid"] = "ct-top"
    grafana.run(grafana_resources, **declared)
    assert grafana.api("GET", "/api/folders/ct-child")["parentUid"] == "ct-top"
    grafana.wait_for_search("ct-child", "ct-top")
    second = grafana.run(grafana_resources, **declared)
    assert not second["changed"], second["diff"]
    assert second["requests"] <= 3 + len(declared["dashboards"])
    grafana.api("POST", "/api/folders/ct-child/move", {"parentUid": ""})
    assert actions(grafana.run(grafana_resources, **declared))["ct-child"] == "moved"
    declared["folders"][0]["parent_uid"] = None
    declared["folders"][0]["title"] = "CT Moved"
    assert actions(grafana.run(grafana_resources, **declared))["ct-child"] == "moved"
    stored = grafana.api("GET", "/api/folders/ct-child")
    assert (stored["title"], stored.get("parentUid") or "") == ("CT Moved", "")


def test_provisioned_objects_are_named_and_the_others_continue(provisioned):
    model = provisioned.dashboard("prov-dash")["dashboard"]
    unchanged = provisioned.run(grafana_resources, dashboards=[{"uid": "prov-dash", "model": model}])
    assert not unchanged["changed"]
    result = provisioned.run(
        grafana_resources,
        datasources=[
            {"uid": "prov-ds", "name": "other", "url": "http://other"},
            {"uid": "ct-p", "name": "CT P", "url": "http://p"},
        ],
        dashboards=[{"uid": "prov-dash", "title": "other", "panels": []}],
    )
    assert "datasource 'prov-ds': it comes from a provisioning file" in result["msg"]
    assert "dashboard 'prov-dash': it comes from the provisioning file" in result["msg"]
    assert actions(result) == {"ct-p": "created"}


@pytest.mark.parametrize("check", [True, False])
def test_the_name_of_a_provisioned_datasource_does_not_become_free(provisioned, check):
    """Neither check mode nor a run takes the name of what cannot be removed."""
    (stored,) = [listed for listed in provisioned.api("GET", "/api/datasources") if listed["readOnly"]]
    datasources = [
        {"uid": stored["uid"], "name": stored["name"], "state": "absent"},
        {"uid": "ct-p", "name": stored["name"], "url": "http://p.example.com:9090"},
    ]
    result = provisioned.run(grafana_resources, check=check, datasources=datasources)
    assert f"datasource 'ct-p': the server has another one named '{stored['name']}'" in result["msg"]
    assert f"datasource '{stored['uid']}': it comes from a provisioning file" in result["msg"]
    assert actions(result) == {}
