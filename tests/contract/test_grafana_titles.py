"""Titles that several dashboards of a folder want: Grafana before 11.3 gives each title once."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.modules import grafana_resources
from proxy import answer
from server import actions

TAKEN = {"message": "A dashboard with the same name in the folder already exists", "status": "name-exists"}


def dashboard(uid, title):
    return {"uid": uid, "title": title, "panels": []}


@pytest.fixture
def strict(grafana):
    """The server, which takes a title once in a folder as Grafana 10.4 does."""

    def rule(method, url, send):
        if url.endswith("/api/health"):
            return answer(200, {"database": "ok", "version": "10.4.3"})
        if method == "POST" and url.endswith("/api/dashboards/db"):
            model = grafana.wire.bodies[-1]["dashboard"]
            held = [hit["uid"] for hit in grafana.api("GET", "/api/search") if hit["title"] == model["title"]]
            return answer(412, TAKEN) if set(held) - {model["uid"]} else None
        return None

    major, minor = grafana.api("GET", "/api/health")["version"].split(".")[:2]
    if (int(major), int(minor)) >= (11, 3):
        grafana.wire.rule = rule
    return grafana


def test_titles_that_move_on_and_those_of_removed_dashboards_are_free(strict):
    strict.run(
        grafana_resources, dashboards=[dashboard("ct-a", "CT A"), dashboard("ct-b", "CT B"), dashboard("ct-c", "CT C")]
    )
    declared = [
        dashboard("ct-a", "CT B"),
        dashboard("ct-b", "CT C"),
        dashboard("ct-new", "CT A"),
        {"uid": "ct-c", "state": "absent"},
    ]
    expected = {"ct-a": "renamed", "ct-b": "renamed", "ct-new": "created", "ct-c": "deleted"}
    planned = strict.run(grafana_resources, check=True, dashboards=declared)
    applied = strict.run(grafana_resources, dashboards=declared)
    assert "failed" not in applied, applied["msg"]
    assert actions(planned) == actions(applied) == expected
    assert strict.dashboard("ct-a")["dashboard"]["title"] == "CT B"
    assert not strict.run(grafana_resources, dashboards=declared)["changed"]


def test_a_title_that_somebody_elses_dashboard_keeps_is_refused_in_check_mode_too(strict):
    strict.save({"uid": "ct-theirs", "title": "CT A", "panels": []})
    strict.wire.clear()
    for check in (True, False):
        result = strict.run(
            grafana_resources, check=check, dashboards=[dashboard("ct-a", "CT A"), dashboard("ct-b", "CT B")]
        )
        assert "dashboard 'ct-a': 'ct-theirs' has the title 'CT A' in the same folder" in result["msg"]
        assert actions(result) == {"ct-b": "created"}
    assert [path for _method, path in strict.wire.writes] == ["/api/dashboards/db"]


def test_titles_in_a_circle_are_refused_in_check_mode_too(strict):
    strict.run(grafana_resources, dashboards=[dashboard("ct-a", "CT A"), dashboard("ct-b", "CT B")])
    strict.wire.clear()
    swapped = [dashboard("ct-a", "CT B"), dashboard("ct-b", "CT A"), dashboard("ct-c", "CT C")]
    for check in (True, False):
        result = strict.run(grafana_resources, check=check, dashboards=swapped)
        assert "dashboard 'ct-a': another dashboard has the title 'CT B' and gives it up in a circle" in result["msg"]
        assert actions(result) == {"ct-c": "created"}
    assert len(strict.wire.writes) == 1


def test_a_newer_grafana_takes_titles_in_a_circle(grafana):
    major, minor = grafana.api("GET", "/api/health")["version"].split(".")[:2]
    if (int(major), int(minor)) < (11, 3):
        pytest.skip("Grafana takes a title several times from version 11.3 on")
    grafana.run(grafana_resources, dashboards=[dashboard("ct-a", "CT A"), dashboard("ct-b", "CT B")])
    result = grafana.run(grafana_resources, dashboards=[dashboard("ct-a", "CT B"), dashboard("ct-b", "CT A")])
    assert actions(result) == {"ct-a": "renamed", "ct-b": "renamed"}


def test_dashboards_of_one_title_that_grafana_has_already_can_be_changed(grafana):
    major, minor = grafana.api("GET", "/api/health")["version"].split(".")[:2]
    if (int(major), int(minor)) < (11, 3):
        pytest.skip("Grafana takes a title several times from version 11.3 on")
    for uid in ("ct-a", "ct-b"):
        grafana.save(dashboard(uid, "CT Same"))
    described = {**dashboard("ct-a", "CT Same"), "description": "now described"}
    result = grafana.run(grafana_resources, dashboards=[described, dashboard("ct-b", "CT Same")])
    assert actions(result)["ct-a"] == "updated"
    third = grafana.run(grafana_resources, dashboards=[described, dashboard("ct-c", "CT Same")])
    assert "'ct-a' and 'ct-c' have the same title" in third["msg"]
