"""Several hosts that run one task at once, and datasources that take each other's names in one run."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import retries
from ansible_collections.mlops.gpu_monitoring.plugins.modules import grafana_resources
from proxy import answer
from server import actions

DECLARED = {
    "datasources": [{"uid": "ct-p", "name": "CT P", "url": "http://p.example.com:9090"}],
    "folders": [{"uid": "ct-f", "title": "CT F"}],
    "dashboards": [
        {
            "uid": "ct-d",
            "title": "CT D",
            "folder_uid": "ct-f",
            "datasource_uid": "ct-p",
            "panels": [{"title": "Up", "query": "up"}],
        }
    ],
}
CHANGED = {
    "datasources": [{"uid": "ct-p", "name": "CT P", "url": "http://other.example.com:9090"}],
    "folders": [{"uid": "ct-f", "title": "CT Other"}],
    "dashboards": [{**DECLARED["dashboards"][0], "description": "other"}],
}
ABSENT = {kind: [{"uid": item["uid"], "state": "absent"} for item in items] for kind, items in DECLARED.items()}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(retries, "PAUSE_SECONDS", 0.001)


def another_host_first(trouble=None):
    """A rule: another host sends each write just before this host. The first try of this host may then fail."""
    seen = set()

    def rule(method, url, send):
        key = (method, urlsplit(url).path)
        if method == "GET" or key in seen:
            return None
        seen.add(key)
        send()
        return trouble

    return rule


@pytest.mark.parametrize("declared", [DECLARED, CHANGED, ABSENT], ids=["create", "update", "remove"])
def test_what_another_host_has_just_done_is_no_change(grafana, declared):
    if declared is not DECLARED:
        grafana.run(grafana_resources, **DECLARED)
        grafana.wait_for_search("ct-f", "ct-d")
    grafana.wire.rule = another_host_first()
    result = grafana.run(grafana_resources, **declared)
    assert actions(result) == dict.fromkeys(("ct-f", "ct-p", "ct-d"), "unchanged")
    assert (result["changed"], result["diff"]) == (False, [])
    grafana.wire.rule = None
    assert not grafana.run(grafana_resources, **declared)["changed"]


@pytest.mark.parametrize("message", ["database is locked", "Failed to add datasource"])
def test_a_failed_write_beside_another_host_is_no_change(grafana, message):
    grafana.wire.rule = another_host_first(answer(500, {"message": message}))
    result = grafana.run(grafana_resources, **DECLARED)
    assert not result["changed"], result["diff"]
    assert "failed" not in result


def test_what_is_left_after_another_host_is_reported_as_it_is_written(grafana):
    """Another host has made another dashboard of the same uid."""
    done = []

    def rule(method, url, send):
        if method == "POST" and url.endswith("/db") and not done:
            done.append(True)
            grafana.save({"uid": "ct-d", "title": "CT D", "panels": []}, "ct-f")

    grafana.wire.rule = rule
    assert actions(grafana.run(grafana_resources, **DECLARED))["ct-d"] == "updated"
    assert grafana.dashboard("ct-d")["dashboard"]["panels"]


def named(**names):
    """Datasources by the last letter of their uids."""
    sources = {
        uid: {"uid": f"ct-{uid}", "name": f"CT {name}", "url": f"http://{uid}.example.com"}
        for uid, name in names.items()
    }
    return list(sources.values())


def names_of(grafana):
    return {
        source["uid"][3:]: source["name"][3:]
        for source in grafana.api("GET", "/api/datasources")
        if source["uid"].startswith("ct-")
    }


@pytest.mark.parametrize(
    "names",
    [
        {"a": "B", "b": "A", "c": "C"},
        {"a": "B", "b": "C", "c": "A"},
        {"a": "B", "b": "D", "c": "C"},
        {"a": "X", "b": "Y", "c": "B", "d": "A"},
    ],
    ids=["swapped", "in a circle", "in a chain", "taken by a new one"],
)
def test_names_of_datasources_move_in_one_run(grafana, names):
    before = named(a="A", b="B", c="C")
    before[0].update(secure_json_data={"httpHeaderValue1": "hunter22-secret"}, basic_auth_user="reader")
    grafana.run(grafana_resources, datasources=before)
    after = named(**names)
    planned = grafana.run(grafana_resources, check=True, datasources=after)
    result = grafana.run(grafana_resources, datasources=after)
    assert actions(result) == actions(planned)
    assert set(actions(result).values()) <= {"renamed", "created", "unchanged"}
    assert names_of(grafana) == names
    kept = grafana.api("GET", "/api/datasources/uid/ct-a")
    assert (kept["secureJsonFields"], kept["basicAuthUser"]) == ({"httpHeaderValue1": True}, "reader")
    assert not grafana.run(grafana_resources, datasources=after)["changed"]


def test_a_name_is_given_back_where_the_swap_fails(grafana):
    grafana.run(grafana_resources, datasources=named(a="A", b="B"))

    def rule(method, url, send):
        return answer(400, {"message": "no"}) if (method, urlsplit(url).path[-4:]) == ("PUT", "ct-a") else None

    grafana.wire.rule = rule
    assert grafana.run(grafana_resources, datasources=named(a="B", b="A"))["failed"]
    assert names_of(grafana) == {"a": "A", "b": "B"}


def test_a_name_of_a_datasource_that_cannot_be_renamed_is_an_error(grafana):
    foreign = {"uid": "ct-x", "name": "CT X", "type": "prometheus", "access": "proxy", "url": "http://x"}
    grafana.api("POST", "/api/datasources", foreign)
    grafana.run(grafana_resources, datasources=named(a="A", b="B"))
    for check in (True, False):
        result = grafana.run(grafana_resources, check=check, datasources=named(a="X", b="A"))
        assert "datasource 'ct-a': the server has another one named 'CT X'" in result["msg"]
        assert "datasource 'ct-b': the name 'CT A' is that of 'ct-a', which cannot be renamed" in result["msg"]
        assert actions(result) == {}
    assert names_of(grafana) == {"a": "A", "b": "B", "x": "X"}


def test_the_default_moves_while_names_are_swapped(grafana):
    before, after = named(a="A", b="B"), named(a="B", b="A")
    before[0]["is_default"] = after[1]["is_default"] = True
    grafana.run(grafana_resources, datasources=before)
    grafana.run(grafana_resources, datasources=after)
    assert [source["uid"] for source in grafana.api("GET", "/api/datasources") if source["isDefault"]] == ["ct-b"]
    assert not grafana.run(grafana_resources, datasources=after)["changed"]
