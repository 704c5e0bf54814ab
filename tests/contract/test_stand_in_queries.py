"""The stand-in's query endpoints, with a Prometheus of the test's own that answers one query."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab" / "images" / "grafana"))

from stand_in.app import create_app  # noqa: E402
from stand_in.query import legend  # noqa: E402
from stand_in.store import Store  # noqa: E402

SERIES = {"metric": {"__name__": "DCGM_FI_DEV_GPU_UTIL", "gpu": "0", "modelName": "A100"}}


class FakePrometheus(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        ranged = self.path.startswith("/api/v1/query_range")
        kind, result = ("matrix", {**SERIES, "values": [[100, "1"], [115, "2"]]}) if ranged else ("vector", {**SERIES, "value": [100, "42"]})
        self.answer({"status": "success", "data": {"resultType": kind, "result": [result]}})

    def do_GET(self):
        self.answer({"status": "success", "path": self.path})

    def answer(self, body):
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments):
        """Quiet."""


@pytest.fixture
def client():
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakePrometheus)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = create_app(Store(), "admin", "admin").test_client()
    body = {"name": "P", "uid": "p", "type": "prometheus", "access": "proxy", "url": f"http://127.0.0.1:{server.server_port}"}
    assert client.post("/api/datasources", json=body, auth=("admin", "admin")).status_code == 200
    yield client
    server.shutdown()
    server.server_close()


def ask(client, **target):
    query = {"refId": "A", "datasource": {"uid": "p"}, "expr": "DCGM_FI_DEV_GPU_UTIL", "legendFormat": "{{modelName}} - GPU {{gpu}}", **target}
    answer = client.post("/api/ds/query", json={"queries": [query], "from": "now-5m", "to": "now"}, auth=("admin", "admin"))
    assert answer.status_code == 200
    return answer.get_json()["results"]["A"]["frames"]


def test_an_instant_query_gives_a_frame_with_the_legend(client):
    (frame,) = ask(client, instant=True, range=False)
    assert frame["data"]["values"] == [[100000], [42.0]]
    assert frame["schema"]["fields"][1]["config"]["displayNameFromDS"] == "A100 - GPU 0"
    assert frame["schema"]["fields"][1]["labels"] == SERIES["metric"]


def test_a_range_query_gives_all_points(client):
    (frame,) = ask(client, range=True)
    assert frame["data"]["values"] == [[100000, 115000], [1.0, 2.0]]


def test_the_proxy_passes_path_and_query_on(client):
    answer = client.get("/api/datasources/proxy/uid/p/api/v1/query?query=1%2B1", auth=("admin", "admin"))
    assert answer.get_json() == {"status": "success", "path": "/api/v1/query?query=1%2B1"}


def test_save_and_test_reaches_prometheus(client):
    assert client.get("/api/datasources/uid/p/health", auth=("admin", "admin")).get_json()["status"] == "OK"


def test_every_answer_says_that_it_is_a_stand_in(client):
    assert client.get("/api/health").headers["X-Stand-In"] == "grafana"
    assert "stand-in for Grafana" in client.get("/login").get_data(as_text=True)


def test_five_wrong_passwords_lock_the_login(client):
    for _try in range(5):
        assert client.get("/api/org", auth=("admin", "wrong")).status_code == 401
    assert client.get("/api/org", auth=("admin", "admin")).status_code == 401


def test_state_is_kept_on_disk(tmp_path):
    first = create_app(Store(tmp_path / "state.json"), "admin", "first-password").test_client()
    assert first.post("/api/folders", json={"uid": "f", "title": "F"}, auth=("admin", "first-password")).status_code == 200
    second = create_app(Store(tmp_path / "state.json"), "admin", "another-password").test_client()
    assert second.get("/api/folders/f", auth=("admin", "first-password")).get_json()["title"] == "F"


def test_a_legend_without_a_pattern_is_the_series():
    assert legend("__auto", {"__name__": "up", "job": "j"}) == 'up{job="j"}'
