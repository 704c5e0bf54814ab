"""Accounts with less than an administrator's rights: what they may do is done, and the missing permission is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.modules import grafana_folder, grafana_resources
from proxy import answer
from server import Grafana, actions

FOLDER = {"uid": "ct-f", "title": "CT F"}
DASHBOARD = {
    "uid": "ct-d",
    "title": "CT D",
    "folder_uid": "ct-f",
    "datasource_uid": "ct-p",
    "panels": [{"title": "Up", "query": "up"}],
}
DATASOURCE = {"uid": "ct-p", "name": "CT P", "url": "http://p.example.com:9090"}
DENIED = {"message": "You'll need additional permissions to perform this action. Permissions needed: datasources:read"}


@pytest.fixture
def token_of(grafana: Grafana) -> Iterator[Callable[[str], str]]:
    """Makes a service account with a role and returns its token."""
    made = []

    def make(role: str) -> str:
        account = grafana.api("POST", "/api/serviceaccounts", {"name": f"ct-{role}", "role": role})
        made.append(account["id"])
        return grafana.api("POST", f"/api/serviceaccounts/{account['id']}/tokens", {"name": "ct"})["key"]

    yield make
    for identifier in made:
        grafana.api("DELETE", f"/api/serviceaccounts/{identifier}")


def test_an_editor_creates_a_folder_with_dashboards(grafana, token_of):
    grafana.run(grafana_resources, datasources=[DATASOURCE])
    declared = {"token": token_of("Editor"), "folders": [FOLDER], "dashboards": [DASHBOARD]}
    planned = grafana.run(grafana_resources, check=True, **declared)
    assert actions(planned) == {"ct-f": "created", "ct-d": "created"}
    assert actions(grafana.run(grafana_resources, **declared)) == actions(planned)
    grafana.wait_for_search("ct-f", "ct-d")
    assert not grafana.run(grafana_resources, **declared)["changed"]


def test_an_editor_declares_a_folder_absent(grafana, token_of):
    token = token_of("Editor")
    assert grafana.run(grafana_folder, token=token, uid="ct-f", state="absent")["object"]["action"] == "unchanged"
    grafana.run(grafana_folder, token=token, **FOLDER)
    grafana.wait_for_search("ct-f")
    assert grafana.run(grafana_folder, token=token, uid="ct-f", state="absent")["object"]["action"] == "deleted"


def test_an_editor_keeps_a_datasource_and_may_not_change_it(grafana, token_of):
    grafana.run(grafana_resources, datasources=[DATASOURCE])
    declared = {"token": token_of("Editor"), "folders": [FOLDER], "dashboards": [DASHBOARD]}
    assert actions(grafana.run(grafana_resources, datasources=[DATASOURCE], **declared))["ct-p"] == "unchanged"
    result = grafana.run(
        grafana_resources,
        datasources=[{**DATASOURCE, "url": "http://other"}, {**DATASOURCE, "uid": "ct-q", "name": "CT Q"}],
        **declared,
    )
    assert result["failed"]
    assert "datasource 'ct-p'" in result["msg"]
    assert "datasources:write" in result["msg"]
    assert "datasources:create" in result["msg"]
    assert "ct-d" in actions(result)


def test_a_viewer_reads_what_is_missing(grafana, token_of):
    grafana.run(grafana_resources, datasources=[DATASOURCE])
    dashboards = [DASHBOARD, {**DASHBOARD, "uid": "ct-root", "folder_uid": None}]
    token = token_of("Viewer")
    for check in (True, False):
        result = grafana.run(grafana_resources, check=check, token=token, folders=[FOLDER], dashboards=dashboards)
        assert result["failed"]
        assert "folder 'ct-f'" in result["msg"]
        assert "folders:create" in result["msg"]
        assert "dashboard 'ct-root'" in result["msg"]
        assert "dashboards:create" in result["msg"]
        assert not result["changed"]


def test_dashboards_are_written_without_the_right_to_read_datasources(grafana):
    grafana.run(grafana_resources, datasources=[DATASOURCE], folders=[FOLDER])
    grafana.wire.rule = lambda method, url, send: answer(403, DENIED) if "/api/datasources" in url else None
    assert actions(grafana.run(grafana_resources, dashboards=[DASHBOARD])) == {"ct-d": "created"}
    result = grafana.run(grafana_resources, datasources=[DATASOURCE], dashboards=[{**DASHBOARD, "title": "CT Other"}])
    assert "datasource 'ct-p': " in result["msg"]
    assert "Permissions needed: datasources:read" in result["msg"]
    assert actions(result) == {"ct-d": "renamed"}


def test_dashboards_are_gathered_without_the_right_to_read_datasources(grafana, monkeypatch):
    warnings = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: warnings.append(text))
    grafana.run(grafana_resources, datasources=[DATASOURCE], folders=[FOLDER], dashboards=[DASHBOARD])
    grafana.wait_for_search("ct-f", "ct-d")
    grafana.wire.rule = lambda method, url, send: answer(403, DENIED) if "/api/datasources" in url else None
    result = grafana.run(grafana_resources, state="gathered")
    assert result["gathered"]["datasources"] == []
    assert "ct-d" in {dashboard["uid"] for dashboard in result["gathered"]["dashboards"]}
    (warning,) = warnings
    assert "left out" in warning and "Permissions needed: datasources:read" in warning


def test_a_folder_that_the_account_may_not_read_is_named(grafana):
    grafana.run(grafana_resources, folders=[FOLDER])
    denied = {"message": "You'll need additional permissions to perform this action. Permissions needed: folders:read"}

    def rule(method, url, send):
        if "/api/search" in url:
            return answer(200, [])
        return answer(403, denied) if method == "GET" and url.endswith("/api/folders/ct-f") else None

    grafana.wire.rule = rule
    result = grafana.run(grafana_resources, folders=[FOLDER], dashboards=[{**DASHBOARD, "panels": []}])
    assert "folder 'ct-f': " in result["msg"]
    assert "Permissions needed: folders:read" in result["msg"]
    assert actions(result) == {"ct-d": "created"}


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (
            "Access denied to the folder",
            "Access denied to the folder. Permissions needed:"
            " dashboards:create or dashboards:write, for the folder too.",
        ),
        ("Cannot save here", "Cannot save here. Use"),
    ],
)
def test_a_denial_that_does_not_name_the_permission_gets_its_name(grafana, message, named):
    grafana.wire.rule = lambda method, url, send: (
        answer(403, {"message": message}) if url.endswith("/api/dashboards/db") else None
    )
    assert named in grafana.run(grafana_resources, dashboards=[{"uid": "ct-d", "title": "CT D", "panels": []}])["msg"]
