"""The client against a server of the test's own that plays a script: the exact requests, in order."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import client as client_module
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError, NotAllowed, NotReachable


class Script:
    """Answers to give, (status, body) in order, and the requests that came."""

    def __init__(self):
        self.answers, self.requests = [], []

    def answer(self, status, body, **headers):
        self.answers.append((status, body, headers))


@pytest.fixture
def script():
    return Script()


@pytest.fixture
def url(script):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            script.requests.append((self.command, self.path, json.loads(body) if body else None, dict(self.headers)))
            status, answer, headers = script.answers.pop(0)
            content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

        def log_message(self, *_arguments):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    assert script.answers == [], "answers that nobody asked for"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(client_module.time, "sleep", lambda _seconds: None)


def test_a_sub_path_an_organization_and_a_token_are_sent(url, script):
    script.answer(200, [])
    assert Client(f"{url}/grafana/", token="t", org_id=7).get("/api/datasources") == []
    (request,) = script.requests
    assert request[:2] == ("GET", "/grafana/api/datasources")
    assert request[3]["Authorization"] == "Bearer t"
    assert request[3]["X-Grafana-Org-Id"] == "7"


def test_a_netrc_file_does_not_override_the_token(url, script, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login intruder password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    script.answer(200, {})
    Client(url, token="t").get("/api/org")
    assert script.requests[0][3]["Authorization"] == "Bearer t"


def test_not_found_is_none(url, script):
    script.answer(404, {"message": "no"})
    assert Client(url, "u", "p").get("/api/folders/x") is None


@pytest.mark.parametrize(("status", "body"), [(503, "busy"), (502, "<html>"), (429, {}), (500, {"message": "database is locked"})])
@pytest.mark.parametrize("method", ["get", "put", "post"])
def test_a_busy_server_is_asked_again(url, script, status, body, method):
    script.answer(status, body)
    script.answer(200, {"ok": True})
    call = getattr(Client(url, "u", "p"), method)
    assert call("/api/x", *([] if method == "get" else [{}])) == {"ok": True}
    assert len(script.requests) == 2


def test_a_server_that_stays_busy_is_given_up(url, script):
    for _try in range(client_module.TRIES):
        script.answer(503, {"message": "starting"})
    with pytest.raises(GrafanaError, match="503: starting"):
        Client(url, "u", "p").get("/api/x")


def test_the_first_refusal_of_the_password_ends_it(url, script):
    script.answer(401, {"message": "Invalid username or password"})
    with pytest.raises(NotAllowed, match="username 'u' and this password.*locks an account after five") as failure:
        Client(url, "u", "p-secret").get("/api/x")
    assert "p-secret" not in str(failure.value)
    assert len(script.requests) == 1


def test_a_missing_permission_is_said(url, script):
    script.answer(403, {"message": "denied"})
    with pytest.raises(NotAllowed, match="forbids PUT /api/x: denied"):
        Client(url, "u", "p").put("/api/x", {})


def test_a_redirect_does_not_turn_a_post_into_a_get(url, script):
    script.answer(301, "", Location="https://other/")
    with pytest.raises(GrafanaError, match="redirects POST /api/x to https://other/"):
        Client(url, "u", "p").post("/api/x", {"a": 1})
    assert [request[0] for request in script.requests] == ["POST"]


def test_the_page_of_a_proxy_is_no_answer(url, script):
    script.answer(200, "<html>", **{"Content-Type": "text/html"})
    with pytest.raises(GrafanaError, match="text/html instead of JSON.*proxy"):
        Client(url, "u", "p").get("/api/x")


def test_waiting_ends_when_the_database_is_ready(url, script):
    script.answer(503, {"database": "failing"})
    script.answer(200, {"database": "ok", "version": "12.4.0"})
    assert Client(url, "u", "p").wait(5) == "12.4.0"


def test_nobody_at_the_url(url, script):
    with pytest.raises(NotReachable, match=r"url: no Grafana answers at http://127\.0\.0\.1:1 after 0 s: connection refused\. Check"):
        Client("http://127.0.0.1:1", "u", "p").wait(0)
