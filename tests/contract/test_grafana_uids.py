"""A folder and a dashboard of one uid: Grafana 11 and older keep both in one table, and give one for the other."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.modules import grafana_resources
from proxy import answer
from server import actions

FOLDER = {"uid": "ct-f", "title": "CT F"}
INSIDE = {"uid": "ct-d", "title": "CT D", "folder_uid": "ct-f", "panels": []}
SAME = {"uid": "ct-f", "title": "CT Same", "folder_uid": "ct-f", "panels": []}


@pytest.fixture
def in_one_table(grafana):
    """The server, which finds and removes folders as dashboards as Grafana 10.4 does."""

    def rule(method, url, send):
        if url.endswith("/api/health"):
            return answer(200, {"database": "ok", "version": "10.4.3"})
        if url.endswith("/api/dashboards/uid/ct-f") and folder_exists():
            if method == "DELETE":
                return send(url.replace("/api/dashboards/uid/", "/api/folders/"))
            meta = {"isFolder": True, "url": "/dashboards/f/ct-f/ct-f", "version": 1, "folderUid": ""}
            return answer(200, {"meta": meta, "dashboard": {"id": 2, "title": "CT F", "uid": "ct-f", "version": 1}})
        return None

    def folder_exists():
        return "title" in (grafana.api("GET", "/api/folders/ct-f", expect=False) or {})

    if int(grafana.api("GET", "/api/health")["version"].partition(".")[0]) >= 12:
        grafana.wire.rule = rule
    return grafana


def test_a_folder_is_never_removed_as_a_dashboard(in_one_table):
    in_one_table.run(grafana_resources, folders=[FOLDER], dashboards=[INSIDE])
    in_one_table.wire.clear()
    for check in (True, False):
        result = in_one_table.run(grafana_resources, check=check, dashboards=[{"uid": "ct-f", "state": "absent"}])
        assert actions(result) == {"ct-f": "unchanged"}
    assert in_one_table.wire.writes == []
    assert in_one_table.dashboard("ct-d")["meta"]["folderUid"] == "ct-f"


def test_a_dashboard_with_the_uid_of_a_folder_is_refused(in_one_table):
    for check in (True, False, False):
        result = in_one_table.run(grafana_resources, check=check, folders=[FOLDER], dashboards=[INSIDE, SAME])
        assert "dashboard 'ct-f': a folder has this uid" in result["msg"]
        assert actions(result).keys() == {"ct-f", "ct-d"}
    assert in_one_table.api("GET", "/api/folders/ct-f")["title"] == "CT F"
