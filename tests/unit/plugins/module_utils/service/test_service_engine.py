"""The engine's adapter against stand-ins that answer on a Unix socket as engines of several versions do."""

from __future__ import annotations

import base64
import json
import socketserver
import stat
import threading
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import engine as service_engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import registry_login
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import (
    Engine,
    EngineRefusal,
    EngineUnreachable,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.registry_login import (
    GivenLogin,
    given,
    login_for,
    registry_of,
)

DOCKER_20 = {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}
DOCKER_26 = {"Version": "26.1.5", "ApiVersion": "1.45", "MinAPIVersion": "1.24"}
DOCKER_29 = {"Version": "29.0.0", "ApiVersion": "1.52", "MinAPIVersion": "1.44"}
FUTURE = {"Version": "40.0.0", "ApiVersion": "1.70", "MinAPIVersion": "1.60"}


class StandIn:
    """An engine that answers each path with (status, body), or stops answering until a body that is an Event.

    `asked` has the method, path, query and headers of every request.
    """

    def __init__(self, path, version):
        self.docker_host = f"unix://{path}"
        self.asked = []
        self.answers = {"/version": (200, version)}
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def address_string(self):
                return "client"

            def log_message(self, *_arguments):
                pass

            def answer(self):
                url = urlsplit(self.path)
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                stand_in.asked.append((self.command, url.path, parse_qs(url.query), self.headers))
                path = "/" + url.path.split("/", 2)[2] if url.path.startswith("/v1.") else url.path
                status, body = stand_in.answers.get(path, (404, {"message": f"no such thing: {path}"}))
                content = (
                    body
                    if isinstance(body, bytes)
                    else b""
                    if isinstance(body, threading.Event)
                    else json.dumps(body).encode()
                )
                self.send_response(status)
                self.send_header("Content-Length", str(len(content) or 1))
                self.end_headers()
                self.wfile.write(content)
                if isinstance(body, threading.Event):
                    body.wait(10)
                    self.close_connection = True

            do_GET = do_POST = do_DELETE = answer

        kind = type("Server", (socketserver.ThreadingMixIn, socketserver.UnixStreamServer), {"daemon_threads": True})
        self._server = kind(str(path), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def start(tmp_path):
    """Starts the stand-in of an engine version."""
    started = []

    def begin(version=None):
        stand_in = StandIn(tmp_path / "docker.sock", version or DOCKER_26)
        started.append(stand_in)
        return stand_in

    yield begin
    for stand_in in started:
        stand_in.stop()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home without a login of Docker's."""
    folder = tmp_path / "home"
    (folder / ".docker").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.mark.parametrize(("version", "prefix"), [(DOCKER_20, "/v1.41"), (DOCKER_26, "/v1.45"), (DOCKER_29, "/v1.47")])
def test_the_newest_version_that_both_sides_speak(start, version, prefix):
    stand_in = start(version)
    stand_in.answers["/containers/app/json"] = (200, {"Id": "1"})
    assert Engine(stand_in.docker_host).container("app") == {"Id": "1"}
    assert [path for _method, path, _query, _headers in stand_in.asked] == ["/version", f"{prefix}/containers/app/json"]


def test_an_engine_that_is_too_new_is_one_clear_error(start):
    stand_in = start(FUTURE)
    with pytest.raises(ServiceError) as caught:
        Engine(stand_in.docker_host)
    assert str(caught.value) == (
        f"docker_host: the engine at {stand_in.docker_host} cannot be used: Docker 40.0.0 speaks the Engine API 1.60"
        " or newer, this collection 1.47 or older. Upgrade the collection."
    )
    assert not isinstance(caught.value, EngineUnreachable)


@pytest.mark.parametrize("answer", [(200, {"hello": 1}), (200, b"<html>"), (200, []), (500, {"message": "starting"})])
def test_what_is_no_engine(start, answer):
    stand_in = start()
    stand_in.answers["/version"] = answer
    with pytest.raises(ServiceError, match="docker_host: "):
        Engine(stand_in.docker_host)


def test_the_environments_proxy_is_not_used(start, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "DOCKER_HOST"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert Engine(start().docker_host).container("none") is None


def test_a_refusal_has_the_engines_words(start):
    stand_in = start()
    stand_in.answers["/networks"] = (500, {"message": "the disk is full"})
    with pytest.raises(EngineRefusal, match="The Docker engine could not list networks: the disk is full"):
        Engine(stand_in.docker_host).networks()


def frame(kind, text):
    return bytes([kind, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


@pytest.mark.parametrize(
    "content",
    [frame(1, "früh\n".encode()) + frame(2, b"") + frame(2, b"late\n"), "früh\nlate\n".encode()],
    ids=["frames", "terminal"],
)
def test_what_a_container_wrote(start, content):
    stand_in = start()
    stand_in.answers["/containers/app/logs"] = (200, content)
    assert Engine(stand_in.docker_host).logs("app", 20) == "früh\nlate"
    assert stand_in.asked[-1][2] == {"stdout": ["True"], "stderr": ["True"], "tail": ["20"]}


@pytest.mark.parametrize(
    ("moment", "since"),
    [
        ("2026-01-31T12:00:00.123456789Z", "1769860800.123456789"),
        ("2026-01-31T12:00:00.5Z", "1769860800.500000000"),
        ("2026-01-31T12:00:00Z", "1769860800.000000000"),
    ],
)
def test_what_a_container_wrote_since_a_moment(start, moment, since):
    stand_in = start()
    stand_in.answers["/containers/app/logs"] = (200, b"late\n")
    assert Engine(stand_in.docker_host).logs("app", 20, moment) == "late"
    assert stand_in.asked[-1][2]["since"] == [since]


PULLED = b'{"status": "Pulling from prom/x"}\r\n{"status": "Downloaded"}\r\n'


def test_a_pull(start):
    stand_in = start()
    stand_in.answers.update(
        {"/images/create": (200, PULLED), "/images/r.example:5000/prom/x:v1/json": (200, {"Id": "sha256:1"})}
    )
    engine = Engine(stand_in.docker_host)
    assert engine.pull("r.example:5000/prom/x:v1") == {"Id": "sha256:1"}
    assert (stand_in.asked[1][0], stand_in.asked[1][2]) == (
        "POST",
        {"fromImage": ["r.example:5000/prom/x"], "tag": ["v1"]},
    )
    assert stand_in.asked[1][3]["X-Registry-Auth"] is None
    assert engine.warnings == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            (200, PULLED + b'{"errorDetail": {"message": "no space"}, "error": "no space left"}\r\n'),
            "no space left.*Free space",
        ),
        (
            (404, {"message": "manifest unknown"}),
            "could not pull it: manifest unknown.*Check the version.*gpu_monitoring_registry",
        ),
        ((200, PULLED + b"<html>"), "did not pull it.*docker.io.*gpu_monitoring_registry"),
    ],
)
def test_a_pull_that_fails(start, answer, words):
    stand_in = start()
    stand_in.answers["/images/create"] = answer
    with pytest.raises(ServiceError, match=rf"image: x:v1 cannot be pulled\. .*{words}"):
        Engine(stand_in.docker_host).pull("x:v1")


def test_a_pull_that_fills_the_disk_says_nothing_of_the_registry(start):
    stand_in = start()
    refusal = b'{"error": "failed to register layer: write /usr/bin/prometheus: no space left on device"}\r\n'
    stand_in.answers["/images/create"] = (200, PULLED + refusal)
    with pytest.raises(ServiceError, match="no space left on device. The disk .* is full. Free space") as failure:
        Engine(stand_in.docker_host).pull("x:v1")
    assert "registry" not in str(failure.value)


def test_a_pull_that_falls_silent(start, monkeypatch):
    monkeypatch.setattr(service_engine, "PULL_SILENCE_SECONDS", 0.05)
    stand_in, end = start(), threading.Event()
    stand_in.answers["/images/create"] = (200, end)
    try:
        with pytest.raises(ServiceError, match="did not pull it: timed out after 0.05 s"):
            Engine(stand_in.docker_host).pull("x:v1")
    finally:
        end.set()


def decoded(headers):
    return json.loads(base64.urlsafe_b64decode(headers["X-Registry-Auth"]))


def test_a_given_login_goes_to_its_registry_alone(start):
    stand_in = start()
    stand_in.answers.update(
        {
            "/images/create": (200, PULLED),
            "/images/r.example:5000/x:1/json": (200, {}),
            "/images/quay.io/x:1/json": (200, {}),
        }
    )
    engine = Engine(stand_in.docker_host, GivenLogin("r.example:5000/mirror", "me", "pä:ss"))
    engine.pull("r.example:5000/x:1")
    engine.pull("quay.io/x:1")
    first, second = [headers for _method, path, _query, headers in stand_in.asked if path.endswith("/create")]
    assert decoded(first) == {"serveraddress": "r.example:5000", "username": "me", "password": "pä:ss"}
    assert second["X-Registry-Auth"] is None


@pytest.mark.parametrize(
    ("login", "words"),
    [
        (
            GivenLogin("", "me", "secret-word"),
            "It was asked with the login of registry_username and registry_password.",
        ),
        (None, "It was asked without credentials: set gpu_monitoring_registry_username"),
    ],
)
def test_a_registry_that_refuses(start, login, words):
    stand_in = start()
    stand_in.answers["/images/create"] = (500, {"message": "unauthorized: authentication required"})
    with pytest.raises(ServiceError) as caught:
        Engine(stand_in.docker_host, login).pull("prom/x:1")
    assert words in str(caught.value)
    assert "secret-word" not in str(caught.value)


def test_a_broken_helper_is_a_warning_and_named_with_a_refusal(start, home):
    (home / ".docker" / "config.json").write_text('{"credsStore": "none-of-these"}')
    stand_in = start()
    stand_in.answers.update({"/images/create": (200, PULLED), "/images/x:1/json": (200, {"Id": "1"})})
    engine = Engine(stand_in.docker_host)
    assert engine.pull("x:1") == {"Id": "1"}
    [warning] = engine.warnings
    assert warning.startswith("x:1 was pulled without credentials: docker-credential-none-of-these, named in ")
    stand_in.answers["/images/create"] = (500, {"message": "denied"})
    with pytest.raises(
        ServiceError,
        match="denied.* without credentials, as docker-credential-none-of-these, named in .* is not installed",
    ):
        engine.pull("x:1")


def options(username, password):
    return {"registry": "r.example", "mirrors": [], "registry_username": username, "registry_password": password}


def test_the_login_of_the_options():
    assert given(options("me", "pw")) == GivenLogin("r.example", "me", "pw")
    assert "pw" not in repr(given(options("me", "pw")))
    assert given(options("", "")) is None


@pytest.mark.parametrize(("username", "password", "missing"), [("me", "", "password"), ("", "pw", "username")])
def test_half_a_login_is_refused(username, password, missing):
    with pytest.raises(ServiceError, match=f"registry_{missing}: it is empty, but .* Set both"):
        given(options(username, password))


@pytest.mark.parametrize(
    ("reference", "registry"),
    [
        ("prom/prometheus:v3", "docker.io"),
        ("ubuntu", "docker.io"),
        ("docker.io/library/ubuntu", "docker.io"),
        ("index.docker.io/library/ubuntu", "docker.io"),
        ("localhost/x", "localhost"),
        ("r.example:5000/x@sha256:1", "r.example:5000"),
        ("nvcr.io/nvidia/k8s/dcgm-exporter:4", "nvcr.io"),
    ],
)
def test_the_registry_of_a_reference(reference, registry):
    assert registry_of(reference) == registry


def b64(text):
    return base64.b64encode(text.encode()).decode()


HUB = "https://index.docker.io/v1/"


@pytest.mark.parametrize(
    ("auths", "reference", "expected"),
    [
        ({HUB: {"auth": b64("me:pw")}}, "prom/x", {"username": "me", "password": "pw", "serveraddress": HUB}),
        (
            {"docker.io": {"auth": b64("me:pw:x\0")}},
            "docker.io/x",
            {"username": "me", "password": "pw:x", "serveraddress": HUB},
        ),
        (
            {"https://r.example/v2/": {"auth": b64("me:pw")}},
            "r.example/x",
            {"username": "me", "password": "pw", "serveraddress": "r.example"},
        ),
        (
            {"r.example": {"username": "me", "password": "pw"}},
            "r.example/x",
            {"username": "me", "password": "pw", "serveraddress": "r.example"},
        ),
        ({"r.example": {"identitytoken": "t"}}, "r.example/x", {"identitytoken": "t", "serveraddress": "r.example"}),
        ({"r.example": {"registrytoken": "t"}}, "r.example/x", {"registrytoken": "t", "serveraddress": "r.example"}),
        ({"r.example:5000": {"auth": b64("me:pw")}}, "r.example/x", {}),
        ({"r.example": {}}, "r.example/x", {}),
        ({}, "r.example/x", {}),
    ],
)
def test_a_login_that_docker_login_left(home, auths, reference, expected):
    (home / ".docker" / "config.json").write_text(json.dumps({"auths": auths}))
    login = login_for(reference, None)
    assert login.credentials == expected
    assert "pw" not in repr(login)
    assert not login.problem


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"auths": ["x"]}', '{"auths": {"r.example": {"auth": "%%%"}}}', '{"auths": {"r.example": 5}}'],
)
def test_an_invalid_configuration(home, content):
    (home / ".docker" / "config.json").write_text(content)
    assert "is not a configuration of Docker" in login_for("r.example/x", None).problem


def helper(folder, name, script):
    path = folder / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("script", "credentials", "problem"),
    [
        (
            'read server; echo "{\\"Username\\": \\"$1\\", \\"Secret\\": \\"$server\\"}"',
            {"username": "get", "password": "r.example"},
            "",
        ),
        ('echo \'{"Username": "<token>", "Secret": "t"}\'', {"identitytoken": "t"}, ""),
        ('echo \'{"Username": "", "Secret": ""}\'', {}, ""),
        ("echo credentials not found in native keychain; exit 1", {}, ""),
        ("echo pass is not initialized; exit 1", {}, "ended with 1: pass is not initialized"),
        ("echo gpg failed >&2; exit 2", {}, "ended with 2: gpg failed"),
        ("echo hello", {}, "answered without credentials"),
        ("sleep 5", {}, "gave no answer within 0.5 s"),
    ],
)
@pytest.mark.parametrize("key", ["credsStore", "credHelpers"])
def test_a_credential_helper(home, monkeypatch, key, script, credentials, problem):
    if script.startswith("sleep"):
        monkeypatch.setattr(registry_login, "HELPER_SECONDS", 0.5)
    helper(home, "test", script)
    monkeypatch.setenv("PATH", f"{home}:/usr/bin:/bin")
    (home / ".docker" / "config.json").write_text(
        json.dumps({key: "test" if key == "credsStore" else {"r.example": "test"}})
    )
    login = login_for("r.example/x", None)
    assert login.credentials == ({**credentials, "serveraddress": "r.example"} if credentials else {})
    assert problem in login.problem
    assert bool(problem) == bool(login.problem)


def test_a_helper_of_one_registry_does_not_hinder_another(home):
    config = {"credHelpers": {"other.example": "none"}, "auths": {"r.example": {"auth": b64("me:pw")}}}
    (home / ".docker" / "config.json").write_text(json.dumps(config))
    assert login_for("r.example/x", None).credentials["username"] == "me"
    assert "docker-credential-none" in login_for("other.example/x", None).problem


def test_docker_hub_is_asked_of_a_helper_by_its_old_address(home, monkeypatch):
    helper(home, "test", 'read server; echo "{\\"Username\\": \\"me\\", \\"Secret\\": \\"$server\\"}"')
    monkeypatch.setenv("PATH", f"{home}:/usr/bin:/bin")
    (home / ".docker" / "config.json").write_text('{"credsStore": "test"}')
    assert login_for("prom/x", None).credentials == {"username": "me", "password": HUB, "serveraddress": HUB}


def login_options(registry="", mirrors=()):
    return {"registry": registry, "mirrors": list(mirrors), "registry_username": "robot", "registry_password": "secret"}


@pytest.mark.parametrize(
    ("options", "image", "sent"),
    [
        (
            login_options(mirrors=["harbor.example.com/hub", "harbor.example.com/quay"]),
            "harbor.example.com/hub/x:1",
            True,
        ),
        (login_options("harbor.example.com", ["mirror.example.com"]), "harbor.example.com/x:1", True),
        (login_options("harbor.example.com", ["mirror.example.com"]), "mirror.example.com/x:1", False),
        (login_options(), "docker.io/x:1", True),
    ],
)
def test_the_login_is_for_one_registry(options, image, sent):
    assert bool(login_for(image, given(options)).credentials) == sent


def test_a_login_is_not_sent_to_several_mirrors():
    with pytest.raises(
        ServiceError, match=r"several registries \(a.example.com, b.example.com\).*Set gpu_monitoring_registry"
    ):
        given(login_options(mirrors=["a.example.com/hub", "b.example.com"]))


def test_a_network_without_a_free_subnet_names_the_way_out(start):
    stand_in = start()
    message = (
        "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network"
    )
    stand_in.answers["/networks/create"] = (404, {"message": message})
    with pytest.raises(
        EngineRefusal, match="non-overlapping IPv4 address pool.*gpu_monitoring_network_subnet.*docker network create"
    ):
        Engine(stand_in.docker_host).create_network("monitoring")
