"""What a server keeps in another form than it was sent, and typing errors that it takes."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import client, retries
from ansible_collections.mlops.gpu_monitoring.plugins.modules import grafana_datasource, grafana_resources
from proxy import answer
from server import actions

DATASOURCE = {"uid": "ct-p", "name": "CT P", "url": "http://p.example.com:9090"}
PANEL = {"title": "Up", "query": "up"}
MODEL_PANEL = {"id": 1, "type": "timeseries", "title": "T"}


@pytest.fixture
def warnings(monkeypatch):
    """The warnings of modules."""
    texts = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: texts.append(text))
    return texts


def dashboard(*panels, **given):
    return {"uid": "ct-d", "title": "CT D", "datasource_uid": "ct-p", "panels": list(panels), **given}


def model(*panels, **given):
    return {"uid": "ct-d", "model": {"title": "CT D", "panels": list(panels), **given}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("testdata", "grafana-testdata-datasource"),
        ("phlare", "grafana-pyroscope-datasource"),
        ("postgres", "grafana-postgresql-datasource"),
    ],
)
def test_both_ids_of_a_datasource_plugin_mean_the_same(grafana, old, new):
    """Servers from 10.3 on know the plugin by its new id."""
    item = {"uid": "ct-t", "name": "CT T"}
    for first, second in ((old, new), (new, old)):
        assert actions(grafana.run(grafana_resources, datasources=[{**item, "type": first}])) == {"ct-t": "created"}
        for datasource_type in (first, second):
            again = grafana.run(grafana_resources, datasources=[{**item, "type": datasource_type}])
            assert not again["changed"], again["diff"]
        grafana.run(grafana_resources, datasources=[{**item, "state": "absent"}])


def test_integers_beyond_those_of_a_float_are_no_difference(grafana):
    declared = model(
        {**MODEL_PANEL, "maxDataPoints": 2**53 + 1, "options": {"big": 12345678901234567891, "list": [-(2**60) - 1]}}
    )
    grafana.run(grafana_resources, dashboards=[declared])
    again = grafana.run(grafana_resources, dashboards=[declared])
    assert not again["changed"], again["diff"]
    declared["model"]["panels"][0]["maxDataPoints"] = 2**54
    assert grafana.run(grafana_resources, check=True, dashboards=[declared])["changed"]


def test_basic_authentication_can_be_switched_off(grafana):
    secret = {"basicAuthPassword": "hunter22-secret"}
    grafana.run(
        grafana_resources, datasources=[{**DATASOURCE, "basic_auth_user": "reader", "secure_json_data": secret}]
    )
    off = {**DATASOURCE, "basic_auth_user": "", "secure_json_data": {"basicAuthPassword": None}}
    planned = grafana.run(grafana_resources, check=True, datasources=[off])
    applied = grafana.run(grafana_resources, datasources=[off])
    assert actions(planned) == actions(applied) == {"ct-p": "updated"}
    assert planned["diff"] == applied["diff"]
    assert "-basicAuth: true\n+basicAuth: false\n" in applied["diff"][0]["prepared"]
    stored = grafana.api("GET", "/api/datasources/uid/ct-p")
    assert (stored["basicAuth"], stored["secureJsonFields"]) == (False, {})
    assert not grafana.run(grafana_resources, datasources=[off])["changed"]
    on = {**DATASOURCE, "basic_auth_user": "reader", "secure_json_data": secret}
    assert actions(grafana.run(grafana_resources, datasources=[on])) == {"ct-p": "updated"}
    assert grafana.api("GET", "/api/datasources/uid/ct-p")["basicAuth"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"datasources": [{**DATASOURCE, "url": "p.example.com:9090"}]},
            "its url 'p.example.com:9090' is not an HTTP URL. Write it like http://p.example.com:9090",
        ),
        ({"datasources": [{**DATASOURCE, "url": "htp://p"}]}, "its url 'htp://p' is not an HTTP URL"),
        ({"datasources": [{**DATASOURCE, "type": "graphite", "url": "htp://p"}]}, "its url 'htp://p' is not"),
        ({"datasources": [{**DATASOURCE, "url": "me:hunter22@p:9090"}]}, "its url '***@p:9090' is not an HTTP URL"),
        ({"datasources": [{**DATASOURCE, "url": "http://me:hunter22@p "}]}, "'http://***@p ' has a blank at an end"),
        ({"datasources": [{**DATASOURCE, "url": "http://p:9090 "}]}, "has a blank at an end"),
        (
            {"datasources": [{**DATASOURCE, "url": None}]},
            "datasource 'ct-p': its url is missing, and Grafana refuses to change",
        ),
        ({"datasources": [{**DATASOURCE, "name": ""}]}, "datasources[0].name: empty for 'ct-p'"),
        ({"datasources": [{**DATASOURCE, "name": " "}]}, "datasources[0].name: empty"),
        ({"datasources": [{**DATASOURCE, "name": "n" * 191}]}, "has 191 characters. Give at most 190"),
        ({"datasources": [{**DATASOURCE, "type": ""}]}, "datasources[0].type: empty"),
        (
            {"datasources": [{**DATASOURCE, "json_data": {"httpHeaderName1": "X", "httpHeaderValue1": "hunter22"}}]},
            "datasources[0].json_data.httpHeaderValue1: the value is a secret",
        ),
        (
            {"datasources": [{**DATASOURCE, "type": "prometeus"}]},
            "datasource 'ct-p': type: this Grafana lists no datasource plugin 'prometeus'. Write prometheus",
        ),
        ({"datasources": [{**DATASOURCE, "type": "Prometheus"}]}, "Write prometheus"),
        ({"folders": [{"uid": "ct-f", "title": " "}]}, "folders[0].title: empty for 'ct-f'"),
        (
            {"dashboards": [dashboard({**PANEL, "unit": "decmbyts"})]},
            "panels[0].unit: Grafana has no unit 'decmbyts'. Write decmbytes",
        ),
        ({"dashboards": [dashboard({**PANEL, "unit": "watts"})]}, "Write watt, or suffix:watts to show the text"),
        (
            {"dashboards": [dashboard({"title": "T", "queries": [{"expr": "up", "unit": "Percent"}]})]},
            "panels[0].queries[0].unit: Grafana has no unit 'Percent'. Write percent",
        ),
        ({"dashboards": [dashboard({**PANEL, "min": 100, "max": 0})]}, "panels[0].max: 0.0 is not above min, 100.0"),
        ({"dashboards": [dashboard({**PANEL, "decimals": -1})]}, "panels[0].decimals: -1 is below 0"),
        (
            {
                "dashboards": [
                    dashboard(
                        {**PANEL, "thresholds": [{"value": 90, "color": "red"}, {"value": 70, "color": "orange"}]}
                    )
                ]
            },
            "panels[0].thresholds: the values 90, 70 do not ascend",
        ),
        ({"dashboards": [dashboard(time_from="now-1hour")]}, "dashboards[0].time_from: 'now-1hour' is not a time"),
        (
            {"dashboards": [model({**MODEL_PANEL, "type": "timeserie"})]},
            "panel 'T': this Grafana lists no panel type 'timeserie'. Write timeseries",
        ),
        (
            {"dashboards": [model(MODEL_PANEL, {**MODEL_PANEL, "title": "U"})]},
            "panel 'T' and panel 'U' have the same id, 1",
        ),
        (
            {
                "dashboards": [
                    model(
                        MODEL_PANEL, {"id": 2, "type": "row", "title": "R", "panels": [{**MODEL_PANEL, "title": "U"}]}
                    )
                ]
            },
            "panel 'T' and panel 'U' have the same id, 1",
        ),
    ],
)
def test_a_typing_error_is_refused_before_anything_is_written(grafana, given, words):
    for check in (True, False):
        result = grafana.run(grafana_resources, check=check, **given)
        assert result["failed"]
        assert words in result["msg"]
        assert "hunter22" not in str(result)
    assert grafana.wire.writes == []


def test_what_a_plugin_may_know_better_is_a_warning(grafana, warnings):
    datasource = {"uid": "ct-p", "name": "CT P", "type": "ct-own-datasource", "url": "localhost:1"}
    panel = {**MODEL_PANEL, "type": "ct-own-panel", "fieldConfig": {"defaults": {"unit": "decmbyts"}, "overrides": []}}
    result = grafana.run(grafana_resources, datasources=[datasource], dashboards=[model(panel)])
    assert actions(result) == {"ct-p": "created", "ct-d": "created"}
    shown = " ".join(warnings)
    assert "this Grafana lists no datasource plugin 'ct-own-datasource'" in shown
    assert "panel 'T': this Grafana lists no panel type 'ct-own-panel'" in shown
    assert "Grafana has no unit 'decmbyts' and shows it as text. Did you mean decmbytes?" in shown
    grafana.wire.clear()
    warnings.clear()
    again = grafana.run(grafana_resources, datasources=[datasource], dashboards=[model(panel)])
    assert not again["changed"]
    assert warnings == []
    assert len(grafana.wire.requests) == 3


def test_a_database_without_a_url_is_a_warning(grafana, warnings):
    """Grafana creates the datasource, and answers 400 to each change of it (requiredURL in validation.go)."""
    datasource = {"uid": "ct-p", "name": "CT P", "type": "mysql"}
    assert actions(grafana.run(grafana_resources, datasources=[datasource])) == {"ct-p": "created"}
    assert "datasource 'ct-p': its url is missing" in " ".join(warnings)
    warnings.clear()
    assert not grafana.run(grafana_resources, datasources=[datasource])["changed"]
    assert warnings == []


def test_a_missing_variable_is_a_warning(grafana, warnings):
    variables = [{"name": "host", "type": "custom", "values": ["a"]}]
    queries = [
        {
            "expr": (
                'label_replace(up{host=~"$host",job="${hots:regex}"}[$__rate_interval], "gpu", "$1", "x",'
                ' "([[:digit:]]+)$")'
            )
        },
        {"expr": 'up{host="[[hots]]"}'},
    ]
    panels = [{"title": "Up", "queries": queries, "repeat": "host"}, {"title": "Row", "type": "row", "repeat": "hosts"}]
    grafana.run(grafana_resources, datasources=[DATASOURCE], dashboards=[dashboard(*panels, variables=variables)])
    assert warnings == [
        "dashboard 'ct-d': there is no variable 'hots', which panel 'Up' names. Add it, or correct the name.",
        "dashboard 'ct-d': there is no variable 'hosts', which panel 'Row' names. Add it, or correct the name.",
    ]


@pytest.mark.parametrize(
    "time",
    ["now", "now-6h", "now/d", "now-1d/d", "now-1M/fQ", "1767225600000", "2026-11-01", "2026-11-01T00:00:00.000Z"],
)
def test_times_that_grafana_reads_are_taken(grafana, time):
    assert grafana.run(grafana_resources, check=True, dashboards=[dashboard(time_from=time, time_to="now")])["changed"]


def test_panels_that_grafana_migrates_and_databases_are_taken(grafana, warnings):
    panels = [
        {"id": number, "type": kind, "title": kind}
        for number, kind in enumerate(("graph", "singlestat", "table-old", "row"), 1)
    ]
    database = {"uid": "ct-t", "name": "CT T", "type": "mysql", "url": "localhost:3306", "database": "d", "user": "u"}
    result = grafana.run(grafana_resources, datasources=[database], dashboards=[model(*panels)])
    assert actions(result) == {"ct-t": "created", "ct-d": "created"}
    assert warnings == []


def test_the_module_for_one_datasource_names_the_option_alone(grafana):
    result = grafana.run(grafana_datasource, uid="ct-p", name="", ds_url="http://p.example.com")
    assert result["msg"] == "name: empty for 'ct-p'. Give the datasource a name."
    result = grafana.run(grafana_datasource, uid="ct-p", name="CT P", ds_url="")
    assert result["msg"].startswith("ds_url: empty, which Grafana does not take")


@pytest.mark.parametrize(
    "unit",
    [
        *("cores", "MiB", "Mbps", "MBps", "kbps", "bit/s", "bytes/s", "tokens/s"),
        *("req/s", "mS", "V", "°C", "currencyARS", "$unit"),
    ],
)
def test_text_that_is_a_unit_of_its_own_is_shown_as_it_is(grafana, warnings, unit):
    """Grafana's own page takes such text as a custom unit."""
    panel = {"title": "Up", "queries": [{"expr": "up", "unit": unit}]}
    grafana.run(grafana_resources, datasources=[DATASOURCE], dashboards=[dashboard(panel)])
    assert warnings == []
    stored = grafana.dashboard("ct-d")["dashboard"]["panels"][0]["fieldConfig"]["overrides"][0]["properties"]
    assert {"id": "unit", "value": unit} in stored


@pytest.mark.parametrize("kind", ["graphite", "influxdb", "elasticsearch", "zipkin"])
def test_a_url_without_a_scheme_is_a_warning_where_grafanas_proxy_adds_it(grafana, warnings, kind):
    given = {**DATASOURCE, "type": kind, "url": "p.example.com:8086"}
    assert actions(grafana.run(grafana_resources, datasources=[given])) == {"ct-p": "created"}
    words = "has no scheme, and only some queries work without one. Write it like http://p.example.com:8086."
    assert warnings == [f"datasource 'ct-p': its url 'p.example.com:8086' {words}"]


def test_a_url_that_a_browser_uses_may_be_a_path(grafana, warnings):
    given = {**DATASOURCE, "access": "direct", "url": "/prometheus"}
    assert actions(grafana.run(grafana_resources, datasources=[given])) == {"ct-p": "created"}
    assert warnings == []


@pytest.mark.parametrize("given", [{"url": "p.example.com:9090"}, {}], ids=["declared", "left as it is"])
def test_a_url_without_a_scheme_that_grafana_has_already_is_left_as_it_is(grafana, given):
    stored = {"uid": "ct-p", "name": "CT P", "type": "prometheus", "access": "proxy", "url": "p.example.com:9090"}
    grafana.api("POST", "/api/datasources", stored)
    changed = {"uid": "ct-p", "name": "CT P", "json_data": {"timeInterval": "5s"}, **given}
    assert actions(grafana.run(grafana_resources, datasources=[changed])) == {"ct-p": "updated"}
    assert grafana.api("GET", "/api/datasources/uid/ct-p")["url"] == "p.example.com:9090"


def test_a_password_in_the_url_of_a_datasource_is_not_in_the_diff(grafana):
    first = grafana.run(grafana_resources, datasources=[{**DATASOURCE, "url": "http://me:hunter22@p:9090"}])
    second = grafana.run(grafana_resources, datasources=[{**DATASOURCE, "url": "http://me:hunter23@q:9090"}])
    assert '+url: "http://********@p:9090"' in first["diff"][0]["prepared"]
    assert '-url: "http://********@p:9090"\n+url: "http://********@q:9090"' in second["diff"][0]["prepared"]
    assert "hunter2" not in str((first, second))
    assert grafana.api("GET", "/api/datasources/uid/ct-p")["url"] == "http://me:hunter23@q:9090"


def test_the_id_that_the_server_knows_is_sent_again_after_a_failure(grafana, monkeypatch):
    """A server from before 10.3 keeps the new id, which it does not know, and its queries fail."""
    sent = []

    def rule(method, url, send):
        if "/api/plugins" in url:
            return answer(200, [{"id": "testdata", "type": "datasource"}])
        return answer(500, {"message": "database is locked"}) if method == "POST" and len(sent) == 1 else None

    post = client.Client.post

    def recorded(self, path, body):
        sent.append(body["type"])
        return post(self, path, body, tries=1)

    monkeypatch.setattr(client.Client, "post", recorded)
    monkeypatch.setattr(retries, "PAUSE_SECONDS", 0.001)
    grafana.wire.rule = rule
    given = {"uid": "ct-t", "name": "CT T", "type": "grafana-testdata-datasource"}
    assert actions(grafana.run(grafana_resources, datasources=[given])) == {"ct-t": "created"}
    assert sent == ["testdata", "testdata"]


def test_what_the_account_may_not_read_about_plugins_is_not_checked(grafana, warnings):
    def rule(method, url, send):
        hidden = urlsplit(url).path in ("/api/plugins", "/api/frontend/settings")
        return answer(403, {"message": "Access denied"}) if hidden else None

    grafana.wire.rule = rule
    datasource = {**DATASOURCE, "type": "ct-own"}
    panel = {**MODEL_PANEL, "type": "ct-own"}
    result = grafana.run(grafana_resources, datasources=[datasource], dashboards=[model(panel)])
    assert actions(result) == {"ct-p": "created", "ct-d": "created"}
    assert warnings == []


def test_the_settings_of_the_web_pages_are_read_once(grafana):
    grafana.run(grafana_resources, dashboards=[model(MODEL_PANEL)])
    grafana.wire.clear()
    changed = grafana.run(grafana_resources, dashboards=[model({**MODEL_PANEL, "title": "U"})])
    assert actions(changed) == {"ct-d": "updated"}
    assert grafana.wire.requests.count(("GET", "/api/frontend/settings")) == 1
