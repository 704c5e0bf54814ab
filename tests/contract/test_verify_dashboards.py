"""The report about a dashboard matches what Grafana shows to a user. The Prometheus belongs to the test."""

from __future__ import annotations

import re
import time
from collections import Counter
from http.server import ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.dashboards import Dashboards
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.decide import Drawable
from json_handler import JsonHandler
from proxy import answer

PROM = {"type": "prometheus", "uid": "ct-p"}
SERIES = {
    'tgi_queue_size{container="here"}': [{"__name__": "tgi_queue_size", "container": "here"}],
    "group by (container) (tgi_request_count)": [{"container": "here"}],
    "group by (host) (up)": [{"host": "gpu1"}, {"host": "gpu2"}],
    'x{host=~"(gpu1|gpu2)"}': [{"host": "gpu1"}],
    'label_replace(DCGM_FI_DEV_POWER_USAGE, "instance", "$1", "instance", "(.*):9400.*")': [{"instance": "gpu1"}],
    'DCGM_FI_DEV_POWER_USAGE{instance="gpu1:9400"}': [{"instance": "gpu1:9400"}],
    "rate(cpu[1m])": [{"cpu": "0"}],
    "up": [{"__name__": "up", "job": "node", "host": "gpu1"}],
}


class Prometheus(JsonHandler):
    """A stand-in for Prometheus: it has the series above, and refuses what is neither a query nor a selector."""

    asked: Counter[str] = Counter()

    def do_POST(self):
        self.answer_query(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))

    def do_GET(self):
        self.answer_query(parse_qs(urlsplit(self.path).query))

    def answer_query(self, given):
        path = urlsplit(self.path).path
        status, data = 200, []
        if path.endswith("/query"):
            query = given["query"][0]
            self.asked[query] += 1
            at = float(given.get("time", [time.time()])[0])
            result = [{"metric": labels, "value": [at, "1"]} for labels in SERIES.get(query, [])]
            data = {"resultType": "vector", "result": result}
            if query == "scalar(up)":
                data = {"resultType": "scalar", "result": [at, "7"]}
            status = 400 if "((" in query or "$__" in query else 200
        elif path.endswith("/labels"):
            data = ["__name__", "job"]
        elif "(" in given.get("match[]", [""])[0]:
            status = 400
        failed = {"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end of input"}
        self.answer({"status": "success", "data": data} if status == 200 else failed, status)


@pytest.fixture
def look(grafana):
    """Saves a dashboard and says what it shows."""
    Prometheus.asked = Counter()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Prometheus)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    source = {
        "uid": "ct-p",
        "name": "CT P",
        "type": "prometheus",
        "access": "proxy",
        "url": f"http://127.0.0.1:{server.server_port}",
    }
    grafana.api("POST", "/api/datasources", source)
    options = {
        "url": grafana.url,
        "username": grafana.username,
        "password": grafana.password,
        "token": None,
        "org_id": None,
    }
    tls = {"validate_certs": True, "ca_path": None, "client_cert": None, "client_key": None}
    dashboards = Dashboards(Client({**options, **tls, "timeout": 10, "use_proxy": False, "login_help": None}), [])

    def shown(*given, variables=(), hosts=(), **more):
        model = {
            "uid": "ct-d",
            "title": "CT D",
            "schemaVersion": 39,
            "panels": list(given),
            "templating": {"list": list(variables)},
            **more,
        }
        grafana.save(model)
        grafana.wire.clear()
        result = dashboards.look(["ct-d"], Drawable(list(hosts), []))
        assert not result["error"]
        return result["dashboards"]["ct-d"]

    yield shown
    server.shutdown()
    server.server_close()


def panel(expression, title="P", **more):
    target = {"refId": "A", "datasource": PROM, "expr": expression}
    return {"id": 1, "type": "timeseries", "title": title, "datasource": PROM, "targets": [target], **more}


def variable(name, query, **more):
    return {"name": name, "type": "query", "datasource": PROM, "query": query, "refresh": 1, **more}


SAVED = {"current": {"text": "of-the-author", "value": "of-the-author"}}
SERVICE = variable("service", {"query": "label_values(tgi_request_count, container)", "refId": "A"}, **SAVED)


def test_the_authors_value_gives_way_to_one_that_is_there(look):
    shown = look(panel('tgi_queue_size{container="$service"}'), variables=[SERVICE])
    assert (shown["panels"], shown["faults"]) == (1, [])


def test_a_value_that_is_kept_may_find_nothing(look):
    shown = look(
        panel('tgi_queue_size{container="$service"}'),
        variables=[variable("service", "label_values(nothing, container)", **SAVED)],
    )
    assert shown["faults"] == [("P", "")]


def test_all_is_every_option(look):
    everything = variable(
        "host", "label_values(up, host)", multi=True, includeAll=True, current={"text": "All", "value": ["$__all"]}
    )
    assert look(panel('x{host=~"$host"}'), variables=[everything])["faults"] == []


def test_query_result_and_its_regular_expression(look):
    query = 'query_result(label_replace(DCGM_FI_DEV_POWER_USAGE, "instance", "$1", "instance", "(.*):9400.*"))'
    hostname = variable(
        "hostname", query, regex='/.*instance="([^"]*).*/', current={"text": "$hostname", "value": "$hostname"}
    )
    shown = look(panel('DCGM_FI_DEV_POWER_USAGE{instance="$hostname:9400"}'), variables=[hostname])
    assert shown["faults"] == []


def test_the_result_of_a_scalar_is_its_number(look):
    assert look(panel("$number"), variables=[variable("number", "query_result(scalar(up))")])["faults"] == [("P", "")]
    assert Prometheus.asked["7"] == 1


def test_an_interval_set_to_auto(look):
    interval = {
        "name": "interval",
        "type": "interval",
        "query": "30s,1m",
        "auto": True,
        "auto_count": 50,
        "auto_min": "1m",
    }
    interval["current"] = {"text": "auto", "value": "$__auto_interval_interval"}
    assert (
        look(panel("rate(cpu[$interval])"), variables=[interval], time={"from": "now-15m", "to": "now"})["faults"] == []
    )


def test_a_datasource_variable_of_another_server(look):
    source = {
        "name": "ds",
        "type": "datasource",
        "query": "prometheus",
        "current": {"text": "Mimir", "value": "PBFA97CFB590B2093"},
        "regex": "CT P",
    }
    reference = {"type": "prometheus", "uid": "${ds}"}
    assert look(panel("up", datasource=reference), variables=[source])["faults"] == []


def test_rows_of_old_models(look):
    shown = look(rows=[{"title": "R", "panels": [panel("up"), panel("nothing", "Empty")]}], schemaVersion=12)
    assert (shown["panels"], shown["faults"]) == (2, [("Empty", "")])


def test_a_library_panel_has_the_queries_that_grafana_keeps(look, grafana):
    grafana.wire.named.add("ct-lib")
    element = {"uid": "ct-lib", "name": "CT Lib", "kind": 1, "folderUid": "", "model": panel("nothing", "Shared")}
    grafana.api("POST", "/api/library-elements", element)
    references = [
        {"id": place, "libraryPanel": {"uid": uid, "name": uid}} for place, uid in enumerate(["ct-lib", "ct-gone"], 1)
    ]
    assert look(*references)["faults"] == [("Shared", ""), ("ct-gone", "its library panel ct-gone is not in Grafana")]


def test_a_library_panel_that_cannot_be_read_is_no_good_panel(look, grafana):
    given = {"/api/library-elements/ct-lib": answer(403, {"message": "access denied"})}
    grafana.wire.rule = lambda method, url, send: given.get(urlsplit(url).path)
    [(title, problem)] = look({"id": 1, "libraryPanel": {"uid": "ct-lib", "name": "CT Lib"}})["faults"]
    assert title == "CT Lib"
    assert problem.startswith("its library panel CT Lib cannot be read: ")
    assert "access denied" in problem


@pytest.mark.parametrize(("version", "faults"), [("11.2.9", [("P", "")]), ("11.3.0", []), ("", [])])
def test_scenes_ask_for_variables_that_are_never_refreshed(look, grafana, version, faults):
    health = answer(200, {"database": "ok", **({"version": version} if version else {})})
    grafana.wire.rule = lambda method, url, send: health if urlsplit(url).path == "/api/health" else None
    never = {**SERVICE, "refresh": 0}
    assert look(panel('tgi_queue_size{container="$service"}'), variables=[never])["faults"] == faults


def test_a_dashboard_of_schema_v2_is_read_as_grafana_converts_it(look, grafana):
    place = "/apis/dashboard.grafana.app/{}/namespaces/default/dashboards/ct-d"
    refused = {"message": f"dashboard api version not supported, use {place.format('v2beta1')} instead"}
    converted = {
        "kind": "Dashboard",
        "spec": {"title": "CT V2", "schemaVersion": 42, "panels": [panel("nothing", "Empty")]},
    }
    given = {"/api/dashboards/uid/ct-d": answer(406, refused), place.format("v1beta1"): answer(200, converted)}
    grafana.wire.rule = lambda method, url, send: given.get(urlsplit(url).path)
    assert look(panel("up")) == {"title": "CT V2", "panels": 1, "faults": [("Empty", "")], "unchecked": []}


def test_labels_of_what_is_no_selector_are_refused_by_prometheus(look):
    hosts = variable("host", 'label_values(label_replace(up, "host", "$1", "instance", "(.*)"), host)')
    assert look(panel('x{host=~"$host"}'), variables=[hosts])["faults"] == [("P", "")]


def test_names_of_labels(look):
    assert look(panel("$label"), variables=[variable("label", "label_names()", regex="/job/")])["faults"] == [("P", "")]
    assert Prometheus.asked["job"] == 1


def test_what_prometheus_refuses(look):
    [(title, problem)] = look(panel("sum(("))["faults"]
    assert title == "P"
    assert re.fullmatch(r"POST /api/ds/query was answered with 400: .*parse error: unexpected end of input.*", problem)
    assert "results" not in problem


def test_what_several_panels_ask_is_asked_once(look):
    shown = look(*[panel('tgi_queue_size{container="$service"}')] * 5, variables=[SERVICE])
    assert (shown["panels"], shown["faults"]) == (5, [])
    assert Prometheus.asked == {"group by (container) (tgi_request_count)": 1, 'tgi_queue_size{container="here"}': 1}


def test_an_absolute_time_range_is_asked_at_its_end(look, grafana):
    times = {"from": "2024-01-24T10:00:00.000Z", "to": "2024-01-24T11:00:00.000Z"}
    look(panel("up"), variables=[variable("host", "label_values(up, host)")], time=times)
    asked = [(body["from"], body["to"]) for body in grafana.wire.bodies if "queries" in body]
    assert asked == [("1706093700000", "1706094000000")] * 2
