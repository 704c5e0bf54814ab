"""Whose objects they are: prune removes what a task declared, and nothing that people or other tools made."""

from __future__ import annotations

import json
import time

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import mark
from ansible_collections.mlops.gpu_monitoring.plugins.modules import grafana_resources
from proxy import answer
from server import Grafana, actions

FOREIGN = {"title": "Theirs", "panels": [], "schemaVersion": 39}
FOLDER = {"uid": "ct-f", "title": "CT F"}
OURS = {"owner": "ct-team", "prune": True}


def a_dashboard(uid="ct-d", folder_uid="ct-f"):
    return {"uid": uid, "title": f"CT {uid}", "folder_uid": folder_uid, "panels": []}


def deleted(result):
    return {uid for uid, action in actions(result).items() if action == "deleted"}


def spared(result):
    return {shown["uid"]: shown["reason"] for shown in result["spared"]}


def wait_for_mark(grafana, uid, folder_uid):
    """Wait until Grafana's search shows the mark, since it may lag behind."""
    deadline = time.monotonic() + 10
    wanted = mark.of("ct-team", uid, folder_uid)
    while wanted not in [tag for hit in grafana.api("GET", "/api/search?limit=5000") for tag in hit.get("tags") or []]:
        assert time.monotonic() < deadline, f"after 10 s the search does not show {wanted}"
        time.sleep(0.1)


@pytest.fixture
def ours(grafana: Grafana) -> Grafana:
    """A server with our folder and dashboard ct-d in it."""
    grafana.run(grafana_resources, folders=[FOLDER], dashboards=[a_dashboard()], **OURS)
    grafana.wait_for_search("ct-f", "ct-d")
    return grafana


@pytest.fixture
def warnings(monkeypatch) -> list[str]:
    """The warnings of the modules that a test runs."""
    shown: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, warning: shown.append(warning))
    return shown


def test_prune_spares_dashboards_that_have_only_the_tag_and_does_not_warn(ours, warnings):
    for uid, folder in (("ct-in-ours", "ct-f"), ("ct-at-the-top", "")):
        ours.save({**FOREIGN, "uid": uid, "tags": ["ct-team"]}, folder)
    ours.wait_for_search("ct-in-ours", "ct-at-the-top")
    result = ours.run(grafana_resources, folders=[FOLDER], **OURS)
    assert deleted(result) == {"ct-d"}
    assert set(spared(result)) == {"ct-in-ours", "ct-at-the-top"}
    assert ours.dashboard("ct-in-ours")["dashboard"]["title"] == "Theirs"
    for check in (True, False):
        again = ours.run(grafana_resources, check=check, folders=[FOLDER], **OURS)
        assert not again["changed"]
        assert set(spared(again).values()) == {"it has the tag of the owner, but no mark"}
        assert set(spared(again)) == {"ct-in-ours", "ct-at-the-top"}
    assert warnings == []


@pytest.mark.parametrize("folder", ["ct-f", "ct-theirs"])
def test_prune_spares_a_copy_with_all_tags(ours, folder, warnings):
    ours.run(grafana_resources, folders=[{"uid": "ct-theirs", "title": "CT Theirs"}])
    model = ours.dashboard("ct-d")["dashboard"]
    ours.save({**model, "uid": "ct-copy", "title": "Copy"}, folder)
    ours.wait_for_search("ct-copy")
    result = ours.run(grafana_resources, folders=[FOLDER], **OURS)
    assert deleted(result) == {"ct-d"}
    assert "no mark for this uid in this folder" in spared(result)["ct-copy"]
    (warning,) = warnings
    assert warning.startswith("prune: left as they are: dashboard 'ct-copy' (Copy): it has a mark, but")
    assert "Remove the tag managed-by:ct-team:... from a dashboard that is to stay." in warning
    assert ours.dashboard("ct-copy")["meta"]["folderUid"] == folder


def test_prune_spares_what_somebody_moved_away(ours):
    ours.run(grafana_resources, folders=[{"uid": "ct-theirs", "title": "CT Theirs"}])
    ours.save(ours.dashboard("ct-d")["dashboard"], "ct-theirs")
    ours.wait_for_search("ct-theirs")
    result = ours.run(grafana_resources, folders=[FOLDER], **OURS)
    assert (deleted(result), set(spared(result))) == (set(), {"ct-d"})
    assert ours.dashboard("ct-d")["meta"]["folderUid"] == "ct-theirs"


def test_owners_of_one_long_beginning_do_not_hear_of_each_other(grafana):
    first, second = f"ct-{'x' * 30}-a", f"ct-{'x' * 30}-b"
    grafana.run(grafana_resources, dashboards=[a_dashboard(folder_uid=None)], owner=first, prune=True)
    grafana.wait_for_search("ct-d")
    result = grafana.run(grafana_resources, owner=second, prune=True)
    assert (result["changed"], result["spared"]) == (False, [])


def test_prune_keeps_the_folders_above_a_declared_dashboard(grafana):
    if int(grafana.api("GET", "/api/health").get("version", "12").split(".")[0]) < 11:
        pytest.skip("Grafana nests folders from version 11 on")
    folders = [{"uid": "ct-team-a", "title": "CT A"}, {"uid": "ct-team-b", "title": "CT B", "parent_uid": "ct-team-a"}]
    dashboards = [a_dashboard(folder_uid="ct-team-b")]
    grafana.run(grafana_resources, folders=folders, dashboards=dashboards, **OURS)
    grafana.wait_for_search("ct-d", "ct-team-b")
    result = grafana.run(grafana_resources, dashboards=dashboards, **OURS)
    assert "failed" not in result, result["msg"]
    assert actions(result) == {"ct-d": "unchanged"}
    assert deleted(grafana.run(grafana_resources, **OURS)) == {"ct-d", "ct-team-a", "ct-team-b"}


def test_prune_leaves_the_name_of_a_datasource_to_another_one(grafana):
    source = {"uid": "ct-p", "name": "CT P", "url": "http://p.example.com"}
    grafana.run(grafana_resources, datasources=[source], **OURS)
    declared = {"datasources": [{**source, "uid": "ct-q"}], **OURS}
    planned = grafana.run(grafana_resources, check=True, **declared)
    result = grafana.run(grafana_resources, **declared)
    assert actions(result) == actions(planned) == {"ct-p": "deleted", "ct-q": "created"}
    assert not grafana.run(grafana_resources, **declared)["changed"]


def test_a_folder_stays_with_a_declared_dashboard_that_cannot_be_read(grafana):
    folder = {"uid": "ct-team-f", "title": "CT F"}
    grafana.run(grafana_resources, folders=[folder], dashboards=[a_dashboard(folder_uid="ct-team-f")], **OURS)
    grafana.wait_for_search("ct-d", "ct-team-f")
    grafana.wire.rule = lambda method, url, send: answer(406, {"message": "v2"}) if url.endswith("/uid/ct-d") else None
    for check in (True, False):
        result = grafana.run(grafana_resources, check=check, dashboards=[a_dashboard(folder_uid="general")], **OURS)
        assert "folder 'ct-team-f': left unchanged" in result["msg"]
    assert grafana.api("GET", "/api/folders/ct-team-f")["title"] == "CT F"


def test_prune_spares_what_was_declared_in_a_folder_of_somebody_else(grafana):
    grafana.run(grafana_resources, folders=[{"uid": "ct-theirs", "title": "CT Theirs"}])
    grafana.wait_for_search("ct-theirs")
    declared = [a_dashboard(folder_uid="ct-theirs"), a_dashboard("ct-top", None)]
    grafana.run(grafana_resources, dashboards=declared, **OURS)
    assert not grafana.run(grafana_resources, dashboards=declared, **OURS)["changed"]
    grafana.wait_for_search("ct-d", "ct-top")
    result = grafana.run(grafana_resources, **OURS)
    assert (deleted(result), set(spared(result))) == ({"ct-top"}, {"ct-d"})
    assert grafana.dashboard("ct-d")["meta"]["folderUid"] == "ct-theirs"


def test_prune_lists_in_check_mode_what_goes(ours):
    ours.save({**FOREIGN, "uid": "ct-theirs", "tags": ["ct-team"]}, "ct-f")
    ours.wait_for_search("ct-theirs")
    ours.wire.clear()
    result = ours.run(grafana_resources, folders=[FOLDER], check=True, **OURS)
    assert (deleted(result), set(spared(result))) == ({"ct-d"}, {"ct-theirs"})
    assert [diff["before_header"] for diff in result["diff"]] == ["dashboard ct-d"]
    assert ours.wire.writes == []
    assert ours.dashboard("ct-d")


def test_a_dashboard_that_is_declared_in_another_folder_is_moved_with_its_mark(ours):
    folders = [FOLDER, {"uid": "ct-g", "title": "CT G"}]
    result = ours.run(grafana_resources, folders=folders, dashboards=[a_dashboard(folder_uid="ct-g")], **OURS)
    assert actions(result)["ct-d"] == "moved"
    wait_for_mark(ours, "ct-d", "ct-g")
    assert deleted(ours.run(grafana_resources, folders=folders, **OURS)) == {"ct-d"}


def test_a_mark_survives_a_save_in_the_user_interface(ours):
    model = ours.dashboard("ct-d")["dashboard"]
    ours.save(
        {key: value for key, value in model.items() if key in ("uid", "title", "tags", "panels", "schemaVersion")},
        "ct-f",
    )
    assert deleted(ours.run(grafana_resources, folders=[FOLDER], **OURS)) == {"ct-d"}


def test_a_declared_dashboard_with_only_the_tag_gets_the_mark_once(grafana):
    grafana.run(grafana_resources, folders=[FOLDER], dashboards=[{**a_dashboard(), "tags": ["ct-team"]}])
    grafana.wait_for_search("ct-f", "ct-d")
    declared = {"folders": [FOLDER], "dashboards": [a_dashboard()]}
    first = grafana.run(grafana_resources, **declared, **OURS)
    assert actions(first)["ct-d"] == "updated"
    assert first["spared"] == []
    assert not grafana.run(grafana_resources, **declared, **OURS)["changed"]
    wait_for_mark(grafana, "ct-d", "ct-f")
    assert deleted(grafana.run(grafana_resources, folders=[FOLDER], **OURS)) == {"ct-d"}


def test_a_dashboard_from_an_export_of_another_has_its_own_mark(ours):
    export = ours.dashboard("ct-d")["dashboard"]
    declared = [a_dashboard(), {"uid": "ct-e", "title": "CT E", "folder_uid": "ct-f", "model": export}]
    ours.run(grafana_resources, folders=[FOLDER], dashboards=declared, **OURS)
    ours.wait_for_search("ct-e")
    assert not ours.run(grafana_resources, folders=[FOLDER], dashboards=declared, **OURS)["changed"]
    result = ours.run(grafana_resources, folders=[FOLDER], dashboards=declared[:1], **OURS)
    assert deleted(result) == {"ct-e"}


def test_a_dashboard_without_folder_uid_stays_where_it_is(ours):
    ours.run(grafana_resources, folders=[{"uid": "ct-theirs", "title": "CT Theirs"}])
    ours.save(ours.dashboard("ct-d")["dashboard"], "ct-theirs")
    declared = {key: value for key, value in a_dashboard().items() if key != "folder_uid"}
    assert not ours.run(grafana_resources, dashboards=[declared], owner="ct-team")["changed"]
    result = ours.run(grafana_resources, dashboards=[{**declared, "title": "CT Other"}], owner="ct-team")
    assert [(shown["action"], shown["folder_uid"]) for shown in result["objects"]] == [("renamed", "ct-theirs")]
    assert ours.dashboard("ct-d")["meta"]["folderUid"] == "ct-theirs"
    moved = ours.run(grafana_resources, dashboards=[{**declared, "title": "CT Other", "folder_uid": "general"}])
    assert [(shown["action"], shown["folder_uid"]) for shown in moved["objects"]] == [("updated", "")]
    assert not ours.dashboard("ct-d")["meta"].get("folderUid")


def test_an_unchanged_set_with_prune_needs_no_more_requests(ours):
    declared = {"folders": [FOLDER], "dashboards": [a_dashboard()]}
    result = ours.run(grafana_resources, **declared, **OURS)
    assert not result["changed"]
    assert result["requests"] == 3 + len(declared["dashboards"])


def test_prune_spares_objects_of_provisioning_files(provisioned_for_team):
    result = provisioned_for_team.run(grafana_resources, **OURS)
    assert "failed" not in result
    assert not result["changed"]
    reason = "it comes from a provisioning file of the server"
    assert spared(result) == {"prov-dash": reason, "prov-ds": reason}


def manage(grafana, kind, uid, spec, folder=""):
    """Make an object as kubectl does, which needs Grafana 12."""
    group = f"{kind}.grafana.app"
    versions = [
        group_["preferredVersion"]["version"]
        for group_ in grafana.api("GET", "/apis")["groups"]
        if group_["name"] == group
    ]
    if not versions:
        pytest.skip("Grafana knows managers from version 12 on")
    named = {
        "grafana.app/managedBy": "kubectl",
        "grafana.app/managerId": "ct-manager",
        **({"grafana.app/folder": folder} if folder else {}),
    }
    body = {"metadata": {"name": uid, "annotations": named}, "spec": spec}
    grafana.wire.named.add(uid)
    grafana.api("POST", f"/apis/{group}/{versions[0]}/namespaces/default/{kind}s", body)


def test_a_dashboard_of_a_file_that_allows_updates_is_written_and_never_removed(ours):
    """As with allowUiUpdates of the provider, which a real server's files decide."""

    def rule(method, url, send):
        if not url.endswith("/api/dashboards/uid/ct-d"):
            return None
        if method == "DELETE":
            return answer(400, {"message": "provisioned dashboard cannot be deleted"})
        given = send()
        stored = json.loads(given.body)
        stored["meta"]["provisionedExternalId"] = "d.json"
        return answer(given.status, stored)

    item = a_dashboard()
    ours.wire.rule = rule
    ours.wire.clear()
    pruned = ours.run(grafana_resources, folders=[FOLDER], **OURS)
    assert spared(pruned) == {item["uid"]: "it comes from a provisioning file of the server"}
    absent = ours.run(grafana_resources, dashboards=[{"uid": item["uid"], "state": "absent"}])
    assert "it comes from the provisioning file d.json" in absent["msg"]
    assert ours.wire.writes == []
    described = {**item, "description": "now described"}
    assert (
        actions(ours.run(grafana_resources, folders=[FOLDER], dashboards=[described], owner="ct-team"))["ct-d"]
        == "updated"
    )


def test_a_dashboard_that_another_tool_manages_is_refused_unless_allowed(grafana):
    manage(grafana, "dashboard", "ct-m", {"title": "CT M", "panels": [], "schemaVersion": 41})
    declared = [{"uid": "ct-m", "title": "CT Mine", "panels": []}, {"uid": "ct-n", "title": "CT N", "panels": []}]
    for check in (True, False):
        result = grafana.run(grafana_resources, check=check, dashboards=declared)
        assert "dashboard 'ct-m': kubectl 'ct-manager' manages it" in result["msg"]
        assert actions(result) == {"ct-n": "created"}
    assert grafana.dashboard("ct-m")["dashboard"]["title"] == "CT M"
    absent = grafana.run(grafana_resources, dashboards=[{"uid": "ct-m", "state": "absent"}])
    assert "manages it" in absent["msg"]
    assert actions(grafana.run(grafana_resources, dashboards=declared, allow_managed=True))["ct-m"] == "updated"


def test_a_folder_that_another_tool_manages_is_refused(grafana):
    manage(grafana, "folder", "ct-f", {"title": "CT F"})
    assert not grafana.run(grafana_resources, folders=[FOLDER])["changed"]
    result = grafana.run(grafana_resources, folders=[{**FOLDER, "title": "CT Mine"}])
    assert "folder 'ct-f': kubectl 'ct-manager' manages it" in result["msg"]
    assert grafana.api("GET", "/api/folders/ct-f")["title"] == "CT F"


def test_prune_spares_what_another_tool_manages(grafana):
    marked = ["ct-team", mark.of("ct-team", "ct-m", "")]
    manage(grafana, "dashboard", "ct-m", {"title": "CT M", "panels": [], "schemaVersion": 41, "tags": marked})
    manage(grafana, "folder", "ct-team-f", {"title": "CT F"})
    grafana.wait_for_search("ct-m", "ct-team-f")
    result = grafana.run(grafana_resources, **OURS)
    assert spared(result) == dict.fromkeys(("ct-m", "ct-team-f"), "kubectl 'ct-manager' manages it")
    assert not result["changed"]


def test_a_manager_without_a_name_is_named_by_its_kind(ours):
    groups = answer(200, {"groups": [{"name": "dashboard.grafana.app", "versions": [{"version": "v0alpha1"}]}]})
    managed = answer(200, {"metadata": {"annotations": {"grafana.app/managedBy": "terraform"}}})
    ours.wire.rule = lambda method, url, send: (
        groups if url.endswith("/apis") else managed if "/dashboards/ct-d" in url else None
    )
    result = ours.run(grafana_resources, dashboards=[{**a_dashboard(), "title": "CT Mine"}], **{**OURS, "prune": False})
    assert "dashboard 'ct-d': Terraform manages it" in result["msg"]


def test_managers_are_asked_for_only_before_a_write(ours):
    ours.wire.clear()
    ours.run(grafana_resources, folders=[FOLDER], dashboards=[a_dashboard()], **OURS)
    assert not [path for _method, path in ours.wire.requests if path.startswith("/apis")]
