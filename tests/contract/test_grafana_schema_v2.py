"""Dashboards that somebody saves in the v2 schema, as the web pages of Grafana 13 do."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.modules import grafana_resources
from server import actions

GROUP = "/apis/dashboard.grafana.app"
FOLDER = {"uid": "ct-f", "title": "CT F"}
DASHBOARD = {"uid": "ct-d", "title": "CT D", "folder_uid": "ct-f", "panels": [{"title": "Up", "type": "row"}]}
SPEC = {
    "title": "CT by hand",
    "annotations": [],
    "cursorSync": "Off",
    "elements": {},
    "layout": {"kind": "GridLayout", "spec": {"items": []}},
    "links": [],
    "preload": False,
    "tags": [],
    "timeSettings": {
        "autoRefresh": "",
        "autoRefreshIntervals": [],
        "fiscalYearStartMonth": 0,
        "from": "now-6h",
        "hideTimepicker": False,
        "timezone": "browser",
        "to": "now",
    },
    "variables": [],
}


@pytest.fixture
def saved(grafana):
    """The server, on which somebody saved the declared dashboard in the v2 schema."""
    groups = (grafana.api("GET", "/apis", expect=False) or {}).get("groups") or []
    versions = {group["name"]: [version["version"] for version in group["versions"]] for group in groups}
    if "v2beta1" not in versions.get("dashboard.grafana.app", []):
        pytest.skip("Grafana knows the v2 schema from version 12 on")
    grafana.run(grafana_resources, folders=[FOLDER], dashboards=[DASHBOARD])
    path = f"{GROUP}/v2beta1/namespaces/default/dashboards/ct-d"
    stored = grafana.api("GET", path)
    metadata = {"name": "ct-d", "namespace": "default", "annotations": {"grafana.app/folder": "ct-f"}}
    if "resourceVersion" in stored["metadata"]:
        metadata["resourceVersion"] = stored["metadata"]["resourceVersion"]
    body = {"apiVersion": "dashboard.grafana.app/v2beta1", "kind": "Dashboard", "metadata": metadata, "spec": SPEC}
    grafana.api("PUT", path, body)
    return grafana


def test_a_save_in_the_v2_schema_is_drift(saved):
    for check in (True, False):
        result = saved.run(grafana_resources, check=check, folders=[FOLDER], dashboards=[DASHBOARD])
        assert "failed" not in result, result["msg"]
        assert actions(result)["ct-d"] == "updated"
    answer = saved.dashboard("ct-d")
    assert (answer["dashboard"]["title"], answer["meta"]["folderUid"]) == ("CT D", "ct-f")
    assert not saved.run(grafana_resources, folders=[FOLDER], dashboards=[DASHBOARD])["changed"]


def test_a_dashboard_in_the_v2_schema_can_be_removed(saved):
    assert actions(saved.run(grafana_resources, dashboards=[{"uid": "ct-d", "state": "absent"}])) == {"ct-d": "deleted"}


def test_a_dashboard_in_the_v2_schema_is_left_out_of_what_is_gathered(saved):
    saved.wait_for_search("ct-d")
    gathered = saved.run(grafana_resources, state="gathered")["gathered"]
    assert "ct-d" not in [item["uid"] for item in gathered["dashboards"]]
