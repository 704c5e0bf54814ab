"""What goes wrong between a module and Grafana: bad input, refusals, broken connections, races, redirects, proxies."""

from __future__ import annotations

from threading import Event
from urllib.parse import urlsplit

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import client, retries, writes
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.modules import grafana_resources
from proxy import Dropped, Reset, answer, cut
from server import Grafana, actions

DATASOURCE = {"uid": "ct-p", "name": "CT P", "url": "http://p.example.com:9090"}
FOLDER = {"uid": "ct-f", "title": "CT F"}
PANEL = {"title": "Up", "query": "up"}
DASHBOARD = {"uid": "ct-d", "title": "CT D", "folder_uid": "ct-f", "datasource_uid": "ct-p", "panels": [PANEL]}
DECLARED = {"datasources": [DATASOURCE], "folders": [FOLDER], "dashboards": [DASHBOARD]}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(retries, "PAUSE_SECONDS", 0.001)


def dashboard(**changes):
    return {"dashboards": [{**DASHBOARD, **changes}], "datasources": [DATASOURCE], "folders": [FOLDER]}


def model(**changes):
    return dashboard(panels=None, model={"title": "CT M", "panels": [{"type": "timeseries", "title": "T", **changes}]})


def table(*settings):
    panel = {
        "type": "table",
        "title": "T",
        "query": "up",
        "legend": "Up",
        "columns": ["host"],
        "column_settings": [*settings],
    }
    return dashboard(panels=[panel])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"folders": [{"uid": "a b", "title": "A"}]}, "folders[0].uid: 'a b' is not a uid"),
        ({"folders": [{"uid": "ct-" + "x" * 40, "title": "A"}]}, "is not a uid. Use 1 to 40"),
        ({"folders": [{"uid": "general", "title": "A"}]}, "folders[0].uid: 'general' is reserved"),
        ({"folders": [FOLDER, {**FOLDER, "title": "B"}]}, "folders: the uid 'ct-f' is given twice"),
        (
            {"folders": [FOLDER, {**FOLDER, "uid": "ct-g"}]},
            "'ct-f' and 'ct-g' have the same title, 'CT F', in the same folder",
        ),
        (
            {"folders": [{**FOLDER, "parent_uid": "ct-nowhere"}]},
            "folders[0].parent_uid: there is no folder 'ct-nowhere'",
        ),
        (
            {"folders": [{**FOLDER, "parent_uid": "ct-g"}, {"uid": "ct-g", "title": "G", "parent_uid": "ct-f"}]},
            "is its own ancestor",
        ),
        ({"datasources": [DATASOURCE, {**DATASOURCE, "uid": "ct-q"}]}, "datasources: the name 'CT P' is given twice"),
        ({"datasources": [{**DATASOURCE, "url": ""}]}, "datasources[0].url: empty"),
        (
            {"datasources": [{**DATASOURCE, "secure_json_data": {"a": 5}}]},
            "datasources[0].secure_json_data.a: must be text",
        ),
        ({"datasources": [{"uid": "ct-p"}]}, "name"),
        (dashboard(folder_uid="ct-nowhere"), "dashboards[0].folder_uid: there is no folder 'ct-nowhere'"),
        (
            dashboard(datasource_uid="ct-nowhere"),
            "dashboard 'ct-d': it refers to the datasource 'ct-nowhere', which does not exist",
        ),
        (dashboard(datasource_uid="$ds"), "its datasource $ds is neither a variable nor an input"),
        (
            dashboard(variables=[{"name": "host", "query": "label_values(up, host)", "all_value": ".*"}]),
            "dashboards[0].variables[0].all_value: 'host' cannot have all values selected. Set include_all: true.",
        ),
        (dashboard(refresh="5 sec"), "dashboards[0].refresh: '5 sec' is not an interval"),
        (dashboard(title=" "), "dashboards[0].title"),
        (dashboard(uid=None), "dashboards[0].uid: missing"),
        (dashboard(tags=["x" * 51]), "dashboards[0].tags"),
        (dashboard(panels=[{**PANEL, "width": 25}]), "dashboards[0].panels[0].width: 25 does not fit"),
        (
            dashboard(panels=[{**PANEL, "x": 13, "y": 0}]),
            "dashboards[0].panels[0].x: 13 with width 12 is beyond the grid",
        ),
        (dashboard(panels=[{**PANEL, "x": 1}]), "x and y go together"),
        (dashboard(panels=[{"title": "T"}]), "give either query or queries"),
        (dashboard(panels=[{**PANEL, "type": "row"}]), "a row is a heading and has no query"),
        (
            dashboard(panels=[{**PANEL, "sort": "host"}]),
            "dashboards[0].panels[0] ('Up').sort: only a table has columns",
        ),
        (
            dashboard(panels=[{**PANEL, "links": [{"title": "L", "url": "/d/x", "column": "host"}]}]),
            "only a table has columns",
        ),
        (
            dashboard(panels=[{**PANEL, "column_settings": [{"column": "host"}]}]),
            "('Up').column_settings: only a table has columns",
        ),
        (table({"column": "gpu"}), "column_settings[0].column: the table has no column 'gpu'. It has: host, Up."),
        (table({"column": "host"}, {"column": "host"}), "column_settings[1].column: 'host' is given twice"),
        (
            table({"column": "Up", "name": "Is up"}),
            "column_settings[0].name: 'Up' has the values of a query. Set the legend",
        ),
        (table({"column": "Up", "width": 0}), "column_settings[0].width: 0 is not a width. Give 1 pixel or more."),
        (
            dashboard(panels=[{**PANEL, "type": "stat", "soft_max": 1}]),
            "('Up').soft_max: only a time series has an axis",
        ),
        (
            dashboard(panels=[{**PANEL, "max": 5, "soft_max": 1}]),
            "('Up').soft_max: max ends the axis at 5. Give either",
        ),
        (
            dashboard(panels=[{"title": "T", "type": "table", "queries": [{"expr": "up"}]}]),
            "a query has no legend, which names its column",
        ),
        (dashboard(panels=[], links=[{"title": "L"}]), "dashboards[0].links[0] ('L'): give either tag or url"),
        (dashboard(variables=[{"name": "host"}]), "dashboards[0].variables[0].query: missing for 'host'"),
        (dashboard(panels=None), "dashboards[0]: neither panels nor model"),
        (dashboard(panels=None, model={"title": "T", "__inputs": ["x"]}), "an entry of its __inputs has no name"),
        (dashboard(model={"title": "T"}), "give either model, or panels, variables, annotations and links"),
        (dashboard(panels=None, model="{"), "dashboards[0].model: not JSON"),
        (dashboard(panels=None, model={}), "dashboards[0].model: not a dashboard"),
        (
            dashboard(panels=None, model={"kind": "ConfigMap", "data": {"x.json": "{}"}}),
            "It has data, kind. Give the JSON model",
        ),
        (
            dashboard(panels=None, model={"apiVersion": "v1", "kind": "DashboardList", "items": []}),
            "model: not a dashboard",
        ),
        (
            dashboard(panels=None, model={"panels": {"a": {}}}),
            "dashboards[0].model: its panels are a dict. Give a list",
        ),
        (dashboard(panels=None, model={"title": ["T"]}), "dashboards[0].model: its title is a list. Give text"),
        (dashboard(panels=None, model={"elements": {}, "layout": {}, "title": "T"}), "v2 schema"),
        (
            dashboard(panels=None, model={"title": "T"}, inputs={"DS_X": "ct-p"}),
            "dashboard 'ct-d': inputs: 'DS_X' is neither an input",
        ),
        (dashboard(inputs={"DS_X": "ct-p"}), "dashboards[0].inputs: only a model has inputs"),
        (dashboard(ignore_paths=["panels[x"]), "ignore_paths"),
        (model(targets=[{"refId": "", "expr": "up"}]), "dashboard 'ct-d': panel 'T': a query has an empty refId"),
        (model(targets=[{"refId": "A"}, {"refId": "A"}]), "two queries have the same refId"),
        (model(gridPos={"x": 20, "y": 0, "w": 8, "h": 4}), "x 20 and w 8 of its gridPos are beyond the grid"),
        ({"prune": True}, "prune: only objects with a mark are removed, so it needs owner"),
        ({"owner": "our team"}, "owner: 'our team' cannot be a mark"),
        ({"timeout": 0}, "timeout: 0 is not a valid time"),
        ({"wait": -1}, "wait: -1 is not a valid time"),
        ({"token": ""}, "token: empty"),
        ({"token": "two words"}, "token: empty, or with characters that no token has"),
    ],
)
def test_bad_input_is_one_clear_error_and_writes_nothing(grafana, given, words):
    grafana.run(grafana_resources, datasources=[DATASOURCE])
    grafana.wire.clear()
    result = grafana.run(grafana_resources, **given)
    assert result["failed"]
    assert words in result["msg"]
    assert grafana.wire.writes == []


@pytest.mark.parametrize(("refresh", "minimum"), [("1s", "5s"), ("10s", "1m")])
def test_a_refresh_below_the_servers_minimum_is_refused_before_grafana_changes_it(grafana, refresh, minimum):
    def rule(method, url, send):
        return answer(200, {"minRefreshInterval": minimum}) if urlsplit(url).path == "/api/frontend/settings" else None

    grafana.wire.rule = rule
    result = grafana.run(grafana_resources, **dashboard(refresh=refresh))
    assert f"dashboard 'ct-d': refresh {refresh} is below the server's minimum of {minimum}" in result["msg"]
    assert grafana.wire.writes == []


def test_a_wrong_password_is_tried_once(grafana):
    """With a name that nobody has, since Grafana counts wrong passwords by name and locks that after five."""
    result = grafana.run(grafana_resources, password="another", username="ct-nobody", **DECLARED)
    assert "refuses username 'ct-nobody' and this password" in result["msg"]
    assert [path for _method, path in grafana.wire.requests] == ["/api/health", "/api/datasources"]
    assert not grafana.run(grafana_resources, **DECLARED).get("failed")


def test_credentials_refused_half_way_end_the_run_and_what_was_written_is_reported(grafana):
    grafana.wire.rule = lambda method, url, send: (
        answer(401, {"message": "Unauthorized"}) if method == "POST" and "datasources" in url else None
    )
    result = grafana.run(grafana_resources, **DECLARED)
    assert actions(result) == {"ct-f": "created"}
    assert (result["failed"], result["changed"]) == (True, True)
    assert "datasource 'ct-p'" in result["msg"]
    assert "dashboard 'ct-d': left out" in result["msg"]
    assert [path for method, path in grafana.wire.writes] == ["/api/folders", "/api/datasources"]


def test_a_failed_folder_leaves_out_what_lies_in_it_and_nothing_else(grafana):
    grafana.wire.rule = lambda method, url, send: (
        answer(403, {"message": "Access denied"}) if method == "POST" and "folders" in url else None
    )
    root = {"uid": "ct-root", "title": "CT Root", "datasource_uid": "ct-p", "panels": []}
    result = grafana.run(grafana_resources, **{**DECLARED, "dashboards": [DASHBOARD, root]})
    assert "folder 'ct-f'" in result["msg"]
    assert "dashboard 'ct-d': left out, since its folder 'ct-f' failed" in result["msg"]
    assert actions(result) == {"ct-p": "created", "ct-root": "created"}


def refuse(method, words):
    """A rule that refuses requests of a method whose URL has these words."""
    denied = answer(403, {"message": "Access denied"})
    return lambda sent_method, url, send: denied if sent_method == method and words in url else None


@pytest.mark.parametrize("way", ["moved", "deleted", "pruned"])
def test_a_folder_stays_while_something_is_still_in_it(grafana, way):
    owner = {"owner": "ct-team", "prune": True} if way == "pruned" else {}
    folder = {"uid": "ct-team-f", "title": "CT F"}
    inside = {**DASHBOARD, "folder_uid": "ct-team-f"}
    grafana.run(grafana_resources, datasources=[DATASOURCE], folders=[folder], dashboards=[inside], **owner)
    grafana.wait_for_search("ct-d")
    then = {
        "moved": {"folders": [{**folder, "state": "absent"}], "dashboards": [{**inside, "folder_uid": "general"}]},
        "deleted": {"folders": [{**folder, "state": "absent"}], "dashboards": [{"uid": "ct-d", "state": "absent"}]},
        "pruned": {},
    }[way]
    grafana.wire.rule = refuse("POST" if way == "moved" else "DELETE", "/api/dashboards")
    result = grafana.run(grafana_resources, datasources=[DATASOURCE], **then, **owner)
    assert "dashboard 'ct-d': " in result["msg"]
    assert "folder 'ct-team-f': left unchanged, since dashboard 'ct-d' is still in it" in result["msg"]
    assert grafana.dashboard("ct-d")["meta"]["folderUid"] == "ct-team-f"


def test_a_folder_with_what_the_search_does_not_show_stays(grafana, monkeypatch):
    monkeypatch.setattr(writes, "COUNT_PAUSES_SECONDS", (0.0, 0.0))
    grafana.run(grafana_resources, folders=[FOLDER])
    grafana.wire.rule = lambda method, url, send: (
        answer(200, {"dashboard": 0, "librarypanel": 2}) if url.endswith("/counts") else None
    )
    for check in (True, False):
        result = grafana.run(grafana_resources, check=check, folders=[{"uid": "ct-f", "state": "absent"}])
        assert "folder 'ct-f': left unchanged, since Grafana would remove with it 2 librarypanel" in result["msg"]
    assert grafana.api("GET", "/api/folders/ct-f")["title"] == "CT F"


@pytest.mark.parametrize(
    "counted", [None, answer(404, {"message": "Not found"}), answer(200, {"dashboard": 0, "alertrule": 0})]
)
def test_a_folder_with_a_library_panel_stays_whether_grafana_counts_them_or_not(grafana, monkeypatch, counted):
    """Grafana 9 has no counts, 10.0 none of library panels. Both remove library panels that no dashboard shows."""
    monkeypatch.setattr(writes, "COUNT_PAUSES_SECONDS", (0.0, 0.0))
    grafana.run(grafana_resources, folders=[FOLDER])
    element = {
        "uid": "ct-lib",
        "name": "CT Library",
        "kind": 1,
        "folderUid": "ct-f",
        "model": {"type": "text", "title": "Text"},
    }
    grafana.api("POST", "/api/library-elements", element)
    grafana.wire.rule = lambda method, url, send: counted if url.endswith("/counts") else None
    for check in (True, False):
        result = grafana.run(grafana_resources, check=check, folders=[{"uid": "ct-f", "state": "absent"}])
        assert "folder 'ct-f': left unchanged, since Grafana would remove with it 1 library" in result["msg"]
    grafana.remove_library_panel("ct-lib")
    assert actions(grafana.run(grafana_resources, folders=[{"uid": "ct-f", "state": "absent"}])) == {"ct-f": "deleted"}


def test_a_removal_that_fails_is_reported_with_what_was_written(grafana):
    grafana.run(grafana_resources, owner="ct-team", **DECLARED)
    grafana.wait_for_search("ct-d")
    grafana.wire.rule = lambda method, url, send: (
        answer(500, {"message": "broken"}) if method == "DELETE" and "dashboards" in url else None
    )
    result = grafana.run(grafana_resources, owner="ct-team", prune=True, folders=[{"uid": "ct-new", "title": "CT New"}])
    assert "dashboard 'ct-d': DELETE /api/dashboards/uid/ct-d was answered with 500" in result["msg"]
    assert actions(result) == {"ct-new": "created", "ct-p": "deleted"}


def test_one_object_that_cannot_be_read_does_not_stop_the_others(grafana):
    grafana.run(grafana_resources, **DECLARED)
    grafana.wire.rule = lambda method, url, send: (
        answer(406, {"message": "stored as v2"}) if url.endswith("/uid/ct-d") else None
    )
    result = grafana.run(grafana_resources, **{**DECLARED, "folders": [{**FOLDER, "title": "CT Other"}]})
    assert result["msg"].startswith(
        "dashboard 'ct-d': GET /api/dashboards/uid/ct-d was answered with 406: stored as v2"
    )
    assert actions(result) == {"ct-f": "renamed", "ct-p": "unchanged"}
    gathered = grafana.run(grafana_resources, state="gathered")["gathered"]
    assert "ct-d" not in {dashboard["uid"] for dashboard in gathered["dashboards"]}


def test_a_proxy_that_asks_for_a_password_is_asked_once(grafana):
    grafana.wire.rule = lambda method, url, send: answer(401, {"message": "who are you"})
    assert "refuses username" in grafana.run(grafana_resources, **DECLARED)["msg"]
    assert len(grafana.wire.requests) == 1


def locked():
    """The answer of a server whose SQLite database is busy with another write."""
    return answer(500, {"message": "database is locked"})


@pytest.mark.parametrize(
    "trouble",
    [
        lambda: answer(503, {"message": "starting"}),
        lambda: answer(502, "<html>bad gateway</html>"),
        lambda: answer(429, {"message": "slow down"}, Retry_After="0"),
        locked,
        lambda: cut(answer(200, {"message": "half of it"})),
        Dropped,
        Reset,
    ],
    ids=["503", "502", "429", "locked", "truncated", "dropped", "reset"],
)
@pytest.mark.parametrize("arrives", [False, True], ids=["lost", "arrived"])
def test_a_passing_trouble_is_got_over(grafana, trouble, arrives):
    """Every request meets the trouble once, before it arrives at Grafana or after it did its work there."""
    seen = set()

    def rule(method, url, send):
        key = (method, urlsplit(url).path)
        if key in seen or key[1] == "/api/health":
            return None
        seen.add(key)
        if arrives:
            send()
        problem = trouble()
        if isinstance(problem, Exception):
            raise problem
        return problem

    grafana.wire.rule = rule
    result = grafana.run(grafana_resources, **DECLARED)
    # A locked database has written nothing: another host wrote the present content.
    action = "unchanged" if arrives and trouble is locked else "created"
    assert actions(result) == dict.fromkeys(("ct-f", "ct-p", "ct-d"), action)
    grafana.wire.rule = None
    assert not grafana.run(grafana_resources, **DECLARED)["changed"]


def test_a_title_with_a_blank_at_an_end_costs_no_request(grafana):
    folder = {"uid": "ct-f", "title": " CT F "}
    grafana.run(grafana_resources, folders=[folder])
    grafana.wait_for_search("ct-f")
    grafana.wire.clear()
    assert actions(grafana.run(grafana_resources, folders=[folder])) == {"ct-f": "unchanged"}
    assert len(grafana.wire.requests) == 2


HEALTH = {"database": "ok", "version": "11.0.0", "commit": "of-the-test"}


@pytest.mark.parametrize("check", [True, False])
def test_a_grafana_before_11_without_the_toggle_makes_no_folder_at_the_top_level(grafana, check):
    """Grafana 10 takes parentUid, and makes the folder at the top level."""
    grafana.run(grafana_resources, folders=[FOLDER, {"uid": "ct-g", "title": "CT G"}])
    grafana.wire.clear()
    settings = {"buildInfo": {"version": "10.4.3"}, "featureToggles": {"nestedFolderPicker": True}}

    def rule(method, url, send):
        if url.endswith("/api/health"):
            return answer(200, {**HEALTH, "version": "10.4.3"})
        return answer(200, settings) if url.endswith("/api/frontend/settings") else None

    grafana.wire.rule = rule
    nested = [
        {"uid": "ct-g", "title": "CT G", "parent_uid": "ct-f"},
        {"uid": "ct-h", "title": "CT H", "parent_uid": "ct-f"},
    ]
    inside = {"uid": "ct-d", "title": "CT D", "folder_uid": "ct-h", "panels": [], "datasource_uid": "ct-p"}
    result = grafana.run(grafana_resources, check=check, folders=[FOLDER, *nested], dashboards=[inside])
    assert "folder 'ct-g': it cannot be put into 'ct-f'. This Grafana does not nest folders" in result["msg"]
    assert "dashboard 'ct-d': left out, since its folder 'ct-h' failed" in result["msg"]
    assert actions(result) == {"ct-f": "unchanged"}
    assert grafana.wire.writes == []
    settings["featureToggles"]["nestedFolders"] = True
    assert actions(grafana.run(grafana_resources, check=True, folders=[FOLDER, *nested])) == {
        "ct-f": "unchanged",
        "ct-g": "moved",
        "ct-h": "created",
    }


def test_a_grafana_without_nested_folders_is_named(grafana):
    """As Grafana 11 with the feature toggle off."""
    grafana.run(grafana_resources, folders=[FOLDER, {"uid": "ct-g", "title": "CT G"}])
    grafana.wire.clear()

    def rule(method, url, send):
        if url.endswith("/api/health"):
            return answer(200, HEALTH)
        if url.endswith("/move"):
            return answer(404, {"message": "To use this service, you need to activate nested folder feature."})
        if url.endswith("/api/folders/ct-h") and ("POST", "/api/folders") in grafana.wire.requests[:-1]:
            return answer(200, {"uid": "ct-h", "title": "CT H"})
        return (
            answer(200, {"uid": "ct-h", "title": "CT H", "url": "/x", "parentUid": "ct-f"})
            if method == "POST"
            else None
        )

    grafana.wire.rule = rule
    folders = [
        FOLDER,
        {"uid": "ct-g", "title": "CT G", "parent_uid": "ct-f"},
        {"uid": "ct-h", "title": "CT H", "parent_uid": "ct-f"},
    ]
    message = grafana.run(grafana_resources, folders=folders)["msg"]
    assert "folder 'ct-g': it cannot be moved. This Grafana does not nest folders" in message
    assert "folder 'ct-h': it was made at the top level instead of in 'ct-f'" in message


def test_a_save_of_somebody_else_in_between_is_read_and_restored(grafana):
    grafana.run(grafana_resources, **DECLARED)
    done = []

    def rule(method, url, send):
        if method == "POST" and not done:
            done.append(True)
            current = grafana.dashboard("ct-d")["dashboard"]
            grafana.save({**current, "description": "in between"}, "ct-f")

    grafana.wire.rule = rule
    result = grafana.run(grafana_resources, **dashboard(description="declared"))
    assert actions(result)["ct-d"] == "updated", result
    assert grafana.dashboard("ct-d")["dashboard"]["description"] == "declared"
    assert len([path for method, path in grafana.wire.writes if path == "/api/dashboards/db"]) == 2 + 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (answer(413, "<html>413 Request Entity Too Large</html>"), "Let the proxy or web server pass larger bodies"),
        (
            answer(403, {"message": "dashboard Quota reached"}),
            "Quota reached. Raise the quota in Grafana's section [quota]",
        ),
    ],
)
def test_a_limit_is_named_with_what_raises_it(grafana, given, words):
    grafana.wire.rule = lambda method, url, send: given if method == "POST" else None
    result = grafana.run(grafana_resources, dashboards=[{"uid": "ct-d", "title": "CT D", "panels": []}])
    assert words in result["msg"]
    assert "Use an account" not in result["msg"]


def test_a_server_that_never_stops_conflicting_is_reported(grafana):
    grafana.run(grafana_resources, **DECLARED)
    grafana.wire.clear()
    grafana.wire.rule = lambda method, url, send: (
        answer(412, {"message": "changed by someone else"}) if method == "POST" else None
    )
    result = grafana.run(grafana_resources, **dashboard(description="declared"))
    assert "dashboard 'ct-d': POST /api/dashboards/db was answered with 412: changed by someone else" in result["msg"]
    assert len(grafana.wire.writes) == 2


def elsewhere(grafana):
    """Another address on Grafana's host, and a rule that redirects from there."""
    base = grafana.wire.listen()

    def rule(method, url, send):
        return answer(302, Location=url.replace(base, grafana.url, 1)) if url.startswith(base) else None

    return base, rule


def test_a_redirect_keeps_the_method(grafana):
    base, grafana.wire.rule = elsewhere(grafana)
    result = grafana.run(grafana_resources, url=base, **DECLARED)
    assert actions(result) == dict.fromkeys(("ct-f", "ct-p", "ct-d"), "created")
    assert len([request for request in grafana.wire.requests if request == ("GET", "/api/health")]) == 2
    assert grafana.dashboard("ct-d")["dashboard"]["title"] == "CT D"


def test_a_redirect_to_another_host_gets_no_credentials(grafana):
    grafana.wire.rule = lambda method, url, send: answer(302, Location="http://evil.example.com" + urlsplit(url).path)
    result = grafana.run(grafana_resources, **DECLARED)
    assert "redirects GET /api/health to http://evil.example.com/api/health" in result["msg"]
    assert len(grafana.wire.requests) == 1


def test_a_login_page_in_between_is_named(grafana):
    grafana.wire.rule = lambda method, url, send: answer(200, "<html>log in</html>") if "datasources" in url else None
    assert (
        "text/html instead of JSON. Check for a proxy or a login page in between"
        in grafana.run(grafana_resources, **DECLARED)["msg"]
    )


def test_a_sub_path_is_kept(grafana):
    base = f"{grafana.url}/grafana"
    grafana.wire.rule = lambda method, url, send: send(url.replace(base, grafana.url, 1))
    result = grafana.run(grafana_resources, url=base + "/", **DECLARED)
    assert {path.startswith("/grafana/api/") for _method, path in grafana.wire.requests} == {True}
    assert {shown["url"].startswith(base) for shown in result["objects"]} == {True}


def test_a_sub_path_in_the_path_that_grafana_gives_is_not_doubled():
    change = Change("dashboard", "d", "D", {}, path="/grafana/d/d/d")
    assert change.report("http://h:3000/grafana")["url"] == "http://h:3000/grafana/d/d/d"
    assert change.report("http://h:3000")["url"] == "http://h:3000/grafana/d/d/d"


def test_nothing_answers():
    nowhere = Grafana("http://127.0.0.1:1", "admin", "password-of-none")
    assert (
        "no Grafana answers at http://127.0.0.1:1 after 1 s"
        in nowhere.run(grafana_resources, wait=1, **DECLARED)["msg"]
    )
    planned = nowhere.run(grafana_resources, check=True, **DECLARED)
    assert set(actions(planned).values()) == {"created"}


def test_it_waits_for_a_grafana_that_starts(grafana):
    troubles = [Dropped(), answer(503, {"database": "failing"})]

    def rule(method, url, send):
        if not troubles:
            return None
        trouble = troubles.pop(0)
        if isinstance(trouble, Exception):
            raise trouble
        return trouble

    grafana.wire.rule = rule
    assert actions(grafana.run(grafana_resources, **DECLARED))["ct-d"] == "created"


def test_an_answer_that_comes_too_late_is_asked_for_again(grafana):
    """The first try of a write arrives and its answer does not come in time."""
    over, late = Event(), []

    def rule(method, url, send):
        if method != "POST" or late:
            return None
        late.append(send())
        over.wait(30)
        return late[0]

    grafana.wire.rule = rule
    result = grafana.run(grafana_resources, timeout=1, **DECLARED)
    over.set()
    assert actions(result) == dict.fromkeys(("ct-f", "ct-p", "ct-d"), "created")
    assert len([path for _method, path in grafana.wire.writes if path == "/api/folders"]) == 2


@pytest.fixture
def proxy_of_the_environment(monkeypatch):
    """Sets the proxy that the environment names."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    return lambda url: [monkeypatch.setenv(name, url) for name in ("http_proxy", "https_proxy", "all_proxy")]


def test_a_proxy_of_the_environment_is_not_used_unasked(grafana, proxy_of_the_environment):
    proxy_of_the_environment("http://127.0.0.1:1")
    assert actions(grafana.run(grafana_resources, **DECLARED))["ct-d"] == "created"
    message = grafana.run(grafana_resources, use_proxy=True, wait=0, **DECLARED)["msg"]
    assert "use_proxy: no connection through the proxy http://127.0.0.1:1 after 0 s: connection refused" in message


def test_a_proxy_of_the_environment_is_used_when_asked_for(grafana, proxy_of_the_environment):
    proxy_of_the_environment(grafana.wire.listen())
    result = grafana.run(grafana_resources, url="http://grafana.invalid:3000", use_proxy=True, **DECLARED)
    assert actions(result)["ct-d"] == "created"
    assert result["requests"] == len(grafana.wire.requests)


def test_the_proxy_of_the_environment_is_not_asked(grafana, monkeypatch):
    """As sudo reads one from /etc/environment on many hosts."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    result = grafana.run(grafana_resources, folders=[{"uid": "ct-proxy", "title": "CT proxy"}])
    assert result["changed"], result


MANY = [
    {"uid": f"ct-{number}", "title": f"CT {number}", "datasource_uid": "ct-p", "panels": []} for number in range(32)
]


def test_of_many_dashboards_the_one_that_cannot_be_read_fails_alone(grafana):
    grafana.run(grafana_resources, datasources=[DATASOURCE], dashboards=MANY)
    grafana.wire.clear()
    grafana.wire.rule = lambda method, url, send: (
        answer(403, {"message": "Access denied"}) if url.endswith("/ct-7") else None
    )
    result = grafana.run(grafana_resources, datasources=[DATASOURCE], dashboards=MANY)
    assert "dashboard 'ct-7'" in result["msg"]
    assert "ct-8" not in result["msg"]
    assert list(actions(result)) == ["ct-p", *(item["uid"] for item in MANY if item["uid"] != "ct-7")]
    assert set(actions(result).values()) == {"unchanged"}
    assert grafana.wire.writes == []
    assert 1 < len(grafana.wire.connections) <= client.MOST_READERS


def test_credentials_refused_while_many_dashboards_are_read_do_not_lock_the_account(grafana):
    grafana.run(grafana_resources, datasources=[DATASOURCE], dashboards=MANY)
    refused = []

    def rule(method, url, send):
        if len(grafana.wire.requests) < 20:
            return None
        refused.append(url)
        return answer(401, {"message": "Invalid username or password"})

    grafana.wire.clear()
    grafana.wire.rule = rule
    result = grafana.run(grafana_resources, datasources=[DATASOURCE], dashboards=MANY)
    assert "refuses username" in result["msg"]
    assert 1 <= len(refused) <= client.MOST_READERS < 5
    assert grafana.wire.writes == []


def test_a_server_that_goes_away_while_many_dashboards_are_read_ends_the_run(grafana):
    grafana.run(grafana_resources, datasources=[DATASOURCE], dashboards=MANY)

    def rule(method, url, send):
        if len(grafana.wire.requests) >= 20:
            raise Dropped
        return

    grafana.wire.clear()
    grafana.wire.rule = rule
    result = grafana.run(grafana_resources, datasources=[DATASOURCE], dashboards=MANY)
    assert result["failed"]
    assert "/api/dashboards/uid/ct-" in result["msg"]
    assert grafana.wire.writes == []
