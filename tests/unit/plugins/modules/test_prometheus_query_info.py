"""The module against an HTTP server that answers what a test puts into it, in the form of Prometheus' HTTP API."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import socket
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import pytest
import trustme
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.until import describe, unmet
from ansible_collections.mlops.gpu_monitoring.plugins.modules import prometheus_query_info

from tests import examples

PASSWORD = "correct-horse-battery"


def vector(*values: str, **more: Any) -> tuple[int, dict[str, Any]]:
    """A good answer with one series for each value."""
    result = [
        {"metric": {"__name__": "up", "host": f"gpu{number}"}, "value": [1772366400.5, value]}
        for number, value in enumerate(values, 1)
    ]
    return 200, {"status": "success", "data": {"resultType": "vector", "result": result}, **more}


def error(status: int, text: str) -> tuple[int, dict[str, Any]]:
    """A refusal as Prometheus writes it."""
    return status, {"status": "error", "errorType": "bad_data", "error": text}


class Server:
    """Gives the answers in order, the last one again and again, and remembers requests."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = [vector("1")]
        self.headers: dict[str, str] = {}
        self.requests: list[tuple[str, dict[str, str], dict[str, list[str]]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                outer.requests.append((self.path, dict(self.headers), form))
                status, body = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                content = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **outer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_arguments: Any) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def run(self, check: bool = False, **given: Any) -> dict[str, Any]:
        """The module's result; its output must not hold the password."""
        output = io.StringIO()
        arguments = {"url": self.url, "query": "up", **given, "_ansible_check_mode": check}
        with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
            prometheus_query_info.main()
        result = json.loads(output.getvalue())
        # From 2.22 on, ansible-core takes this out of the result on the controller, and masks these values there.
        result.pop("_ansible_new_secrets", None)
        assert PASSWORD not in json.dumps({key: value for key, value in result.items() if key != "invocation"})
        return result


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with running(Server()) as made:
        yield made


@pytest.mark.parametrize("check", [False, True])
def test_series_come_with_labels_value_and_time(server, check, monkeypatch):
    warned: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: warned.append(text))
    server.answers = [vector("1", "0.25", infos=["PromQL info: no counter"], warnings=["PromQL warning: mixed"])]
    result = server.run(check)
    assert not result["changed"]
    assert result["series"] == [
        {"labels": {"__name__": "up", "host": "gpu1"}, "value": 1.0, "timestamp": 1772366400.5},
        {"labels": {"__name__": "up", "host": "gpu2"}, "value": 0.25, "timestamp": 1772366400.5},
    ]
    assert result["infos"] == ["PromQL info: no counter"]
    assert warned == ["Prometheus: PromQL warning: mixed"]
    assert [(path, form) for path, _headers, form in server.requests] == [("/api/v1/query", {"query": ["up"]})]


def test_the_moment_is_asked_for(server):
    server.run(time="2026-03-01T12:00:00Z")
    assert server.requests[0][2]["time"] == ["2026-03-01T12:00:00Z"]


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf"])
def test_what_json_cannot_hold_is_null(server, text):
    server.answers = [vector(text)]
    assert server.run()["series"][0]["value"] is None


def test_a_scalar_is_one_series_without_labels(server):
    server.answers = [(200, {"status": "success", "data": {"resultType": "scalar", "result": [5, "2"]}})]
    assert server.run()["series"] == [{"labels": {}, "value": 2.0, "timestamp": 5.0}]


def test_a_user_and_a_password_are_sent(server):
    assert not server.run(url_username="me", url_password=PASSWORD).get("failed")
    sent = server.requests[0][1]["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == f"me:{PASSWORD}"


def test_a_token_is_sent_without_the_end_of_line_of_its_file(server):
    assert not server.run(token=f"{PASSWORD}\n").get("failed")
    assert server.requests[0][1]["Authorization"] == f"Bearer {PASSWORD}"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error(400, 'parse error: unexpected "}"'), ["query:", 'parse error: unexpected "}"']),
        (error(422, "many-to-many matching not allowed"), ["422", "many-to-many"]),
        ((401, "Unauthorized"), ["refuses", "401", "url_username", "token"]),
        ((404, "404 page not found"), ["/api/v1/query", "sub-path"]),
        ((503, "Service Unavailable"), ["503", "Service Unavailable"]),
        ((200, "<html>Log in</html>"), ["not answered as Prometheus does", "login page"]),
        ((200, ["what"]), ["not answered as Prometheus does"]),
        ((200, {"status": "success", "data": {"resultType": "matrix", "result": []}}), ["matrix", "rate()"]),
        (
            (
                200,
                {
                    "status": "success",
                    "data": {"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {}]}]},
                },
            ),
            ["histogram_quantile()"],
        ),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(server, answer, words):
    server.answers = [answer]
    result = server.run()
    assert result["failed"]
    assert [word for word in words if word not in result["msg"]] == [], result["msg"]


def test_a_redirect_is_not_followed_with_the_password(server):
    server.answers, server.headers = [(302, "")], {"Location": "http://elsewhere.example.com/"}
    message = server.run(url_username="me", url_password=PASSWORD)["msg"]
    assert "redirects to http://elsewhere.example.com/" in message
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"url": "127.0.0.1:9090"}, "url: '127.0.0.1:9090' is not a URL"),
        ({"timeout": 0}, "timeout: 0 is not a valid time"),
        ({"token": "two words"}, "token: empty"),
        ({"until": {"interval": 0}}, "until.interval: 0 is not a valid interval"),
        ({"token": "abc", "url_username": "me", "url_password": "pw"}, "mutually exclusive"),
        ({"url_username": "me"}, "required together"),
    ],
)
def test_options_that_cannot_be_are_refused(server, given, words):
    assert words in server.run(**given)["msg"]
    assert not server.requests


def test_nothing_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    lone = Server()
    lone.http.server_close()
    assert f"no Prometheus answers at {url}: connection refused" in lone.run(url=url)["msg"]


def test_a_proxy_of_the_environment_is_used_only_when_asked_for(server, monkeypatch):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert server.run()["series"]
    assert f"no Prometheus answers at {server.url}: connection refused" in server.run(use_proxy=True)["msg"]
    monkeypatch.setenv("http_proxy", server.url)
    assert server.run(url="http://prometheus.invalid:9090", use_proxy=True)["series"]
    assert server.requests[-1][0] == "http://prometheus.invalid:9090/api/v1/query"


class TestUntil:
    def test_waits_while_prometheus_starts_and_the_answer_is_not_there(self, server):
        server.answers = [(503, "Service Unavailable"), vector(), vector("0", "1"), vector("1", "1")]
        result = server.run(until={"min_series": 2, "min_value": 1, "interval": 0.01})
        assert [sample["value"] for sample in result["series"]] == [1, 1]
        assert len(server.requests) == 4

    def test_fails_with_the_last_answer(self, server):
        server.answers = [vector("1", "0")]
        message = server.run(until={"min_value": 1, "timeout": 0.5, "interval": 0.01})["msg"]
        assert message == (
            "query: after 0.5 s 'up' does not meet until: 1 of 2 series are not at least 1. The last answer:"
            ' up{host="gpu2"} 0.'
        )
        assert len(server.requests) > 1

    def test_without_time_it_asks_once(self, server):
        server.answers = [vector()]
        assert "there are 0 series, not at least 1" in server.run(until={"timeout": 0})["msg"]
        assert len(server.requests) == 1

    def test_a_query_that_cannot_be_read_is_not_asked_again(self, server):
        server.answers = [error(400, "parse error")]
        assert server.run(until={"interval": 0.01})["failed"]
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        ("until", "values", "holds"),
        [
            ({}, [1], True),
            ({}, [], False),
            ({"max_series": 0}, [], True),
            ({"max_series": 0}, [1], False),
            ({"min_series": 2}, [1], False),
            ({"min_series": 1, "max_series": 2}, [1, 1, 1], False),
            ({"max_value": 0}, [0, 0], True),
            ({"max_value": 0}, [0, 1], False),
            ({"max_value": 0}, [], False),
            ({"max_value": 0, "max_series": 5}, [], True),
            ({"min_value": 1}, [None], False),
            ({"min_value": 1, "max_value": 1}, [1, 1], True),
            ({"min_value": 1, "max_value": 1}, [1, 2], False),
        ],
    )
    def test_conditions(self, until, values, holds):
        unset = dict.fromkeys(("min_series", "max_series", "min_value", "max_value"), None)
        series = [{"labels": {}, "value": value, "timestamp": 0.0} for value in values]
        assert (unmet({**unset, **until}, series) == "") is holds

    def test_many_series_are_not_all_shown(self):
        series = [{"labels": {"host": f"gpu{number}"}, "value": None, "timestamp": 0.0} for number in range(12)]
        text = describe(series)
        assert '{host="gpu0"} not a finite number' in text
        assert "gpu10" not in text
        assert text.endswith(" and 2 more.")


@pytest.fixture
def secure(tmp_path):
    """A server with a certificate of a private authority, whose certificate is in `ca_path`."""
    authority, server = trustme.CA(), Server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    server.url = server.url.replace("http", "https")
    server.ca_path = str(tmp_path / "ca.pem")
    with running(server):
        yield server


def test_an_unknown_authority_is_refused_at_once_with_the_fix(secure):
    message = secure.run(until={})["msg"]
    assert "no trusted connection" in message
    assert "ca_path" in message


def test_a_private_authority_is_trusted_when_named(secure):
    assert secure.run(ca_path=secure.ca_path)["series"]
    assert secure.run(validate_certs=False)["series"]


def test_a_missing_file_is_named(secure):
    assert "ca_path: there is no file /nonexistent/ca.pem" in secure.run(ca_path="/nonexistent/ca.pem")["msg"]


@pytest.mark.parametrize("module", examples.run_by(__file__))
def test_the_examples_get_the_answers_that_they_wait_for(server, module, tmp_path):
    variables = {"inventory_hostname": "gpu1", "prometheus_token": "a-token"}
    answers = [vector("1", "1"), vector("0"), vector(), vector("0.25", "0.5")]
    for example, answer in zip(examples.of(module), answers, strict=True):
        server.answers = [answer]
        options = examples.rendered(example, variables, tmp_path)
        result = server.run(**{**options, "url": server.url, "ca_path": None})
        assert "series" in result, (example.name, result)
        assert len(result["series"]) == len(answer[1]["data"]["result"])
