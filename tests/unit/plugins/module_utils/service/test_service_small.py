"""Ports, secrets, image references and health."""

from __future__ import annotations

import base64
import errno
import http.server
import socket
import ssl
import threading

import pytest
import trustme
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import engine as service_engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import health, ports
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import (
    Health,
    HttpProbe,
    Port,
    ServiceSpec,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.secrets import masked, secret_parts

WANTED = [Port(80, 9090, "127.0.0.1")]


def free(_address, _port):
    return None


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_of_another_container_is_refused(address):
    with pytest.raises(
        ServiceError, match="ports: port 9090 of 127.0.0.1, which app needs, is taken by the container other"
    ):
        ports.check("app", {"app"}, WANTED, [ports.Published("other", address, 9090)], free)


@pytest.mark.parametrize(
    "published", [("other", "10.0.0.1", 9090), ("other", "::", 9090), ("other", "127.0.0.1", 9091)]
)
def test_ports_that_do_not_meet(published):
    ports.check("app", {"app"}, WANTED, [ports.Published(*published)], free)


def test_the_service_holds_its_own_port():
    ports.check(
        "app", {"app"}, WANTED, [ports.Published("app", "0.0.0.0", 9090)], lambda address, port: errno.EADDRINUSE
    )


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EADDRINUSE, "taken by another process"), (errno.EADDRNOTAVAIL, "is not an address of this host")],
)
def test_a_port_that_the_host_refuses(number, words):
    with pytest.raises(
        ServiceError, match=f"ports: .*127.0.0.1, which app needs, {words.replace('taken', 'is taken')}"
    ):
        ports.check("app", {"app"}, WANTED, [], lambda address, port: number)


def test_binding():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert ports.bind_error("127.0.0.1", port) == errno.EADDRINUSE
        assert ports.bind_error("192.0.2.1", port) == errno.EADDRNOTAVAIL
    assert ports.bind_error("127.0.0.1", port) is None


def test_secrets_are_masked_whole_by_line_and_by_value():
    parts = secret_parts(['users:\n  admin: "$2y$10$abc"\n', "hunter2\n", "TOKEN=abcdef,\n", "\n", "no"])
    text = masked("admin $2y$10$abc said hunter2 with abcdef, no more", parts)
    assert text == "admin <secret> said <secret> with <secret>, no more"


@pytest.mark.parametrize(
    ("reference", "repository", "tag"),
    [
        ("prom/prometheus", "prom/prometheus", "latest"),
        ("registry.lab:5000/prom/prometheus", "registry.lab:5000/prom/prometheus", "latest"),
        ("registry.lab:5000/prom/prometheus:v3.5.3", "registry.lab:5000/prom/prometheus", "v3.5.3"),
        ("prom/prometheus@sha256:12", "prom/prometheus", "sha256:12"),
        ("prom/prometheus:v3.5.3@sha256:12", "prom/prometheus", "sha256:12"),
    ],
)
def test_image_references(reference, repository, tag):
    assert service_engine.split_reference(reference) == (repository, tag)


@pytest.fixture
def server():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/ready" else 503)
            self.end_headers()

        def log_message(self, *arguments):
            return

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening.server_port
        listening.shutdown()
        thread.join()


class OneContainer:
    """An engine with one container at the loopback address."""

    def __init__(self, **state):
        self.restarts = state.pop("restarts", 0)
        self.state = {"Running": True, "Restarting": False, "ExitCode": 0, **state}
        self.address = "127.0.0.1"

    def container(self, name):
        settings = {"Networks": {"monitoring": {"IPAddress": self.address}}}
        return {"Id": "1", "State": self.state, "RestartCount": self.restarts, "NetworkSettings": settings}

    def logs(self, name, lines):
        return ""


def probe(port, path, status, **more):
    return HttpProbe(port, path, status=status, **more)


def wait(engine, **conditions):
    service = ServiceSpec("app", networks=["monitoring"], health=Health(timeout=0, **conditions))
    return health.wait(engine, service, 0, 0)


def test_health_over_http(server):
    assert wait(OneContainer(), http=probe(server, "/ready", 200))
    assert wait(OneContainer(), http=probe(server, "/other", 503))
    with pytest.raises(ServiceError, match=rf"GET /other on port {server} answers 503, not 200"):
        wait(OneContainer(), http=probe(server, "/other", 200))


def test_an_invalid_port_is_a_reason_and_no_crash():
    with pytest.raises(ServiceError, match="GET / on port 70000: the host or port is missing or wrong"):
        wait(OneContainer(), http=probe(70000, "/", 200))


@pytest.fixture
def protected(tmp_path):
    """A server behind TLS that answers 200 to the user `prometheus` with the password `pw` alone, and otherwise 401."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            known = base64.b64encode(b"prometheus:pw").decode()
            self.send_response(200 if self.headers.get("Authorization") == f"Basic {known}" else 401)
            self.end_headers()

        def log_message(self, *_arguments):
            return

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("other.example.com").configure_cert(context)
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening.server_port
        listening.shutdown()
        thread.join()


def test_health_over_https_with_a_password(protected, tmp_path):
    kept = tmp_path / "password"
    kept.write_text("pw\n")
    assert wait(OneContainer(), http=probe(protected, "/", 401, scheme="https"))
    assert wait(
        OneContainer(), http=probe(protected, "/", 200, scheme="https", username="prometheus", password_file=str(kept))
    )
    kept.write_text("another")
    with pytest.raises(ServiceError, match=rf"GET / on port {protected} answers 401, not 200"):
        wait(
            OneContainer(),
            http=probe(protected, "/", 200, scheme="https", username="prometheus", password_file=str(kept)),
        )
    with pytest.raises(ServiceError, match=rf"GET / on port {protected}: .*No such file"):
        wait(
            OneContainer(),
            http=probe(
                protected, "/", 200, scheme="https", username="prometheus", password_file=str(tmp_path / "none")
            ),
        )


def ended(lines):
    engine = OneContainer(Running=False, ExitCode=2)
    engine.logs = lambda _name, most: "\n".join(lines[-most:])
    with pytest.raises(ServiceError, match="it ended with exit code 2") as failure:
        wait(engine)
    return failure.value.output.splitlines()


def test_the_first_lines_of_a_program_that_ended_are_shown_too():
    usage = [f"  -flag_{number}" for number in range(100)]
    shown = ended(['invalid value "nonsense" for flag -enable_metrics', *usage])
    assert shown[:2] == ["First lines of app:", 'invalid value "nonsense" for flag -enable_metrics']
    assert shown[-1] == "  -flag_99"
    assert len(shown) == 22
    assert ended(usage[:20]) == ["Last lines of app:", *usage[:20]]
    assert ended(usage * 10) == ["Last lines of app:", *usage[-20:]]
    assert ended([]) == []


def test_a_log_that_cannot_be_read_does_not_hide_the_reason():
    def refuse(_name, _most):
        raise service_engine.EngineRefusal("configured logging driver does not support reading")

    engine = OneContainer(Running=False, ExitCode=2)
    engine.logs = refuse
    with pytest.raises(ServiceError, match="it ended with exit code 2") as failure:
        wait(engine)
    assert failure.value.output == (
        "The log of app cannot be read with its log driver: configured logging driver does not support reading"
    )


def test_a_container_without_an_address_is_not_looked_for_on_this_host(server):
    engine = OneContainer()
    engine.address = ""
    with pytest.raises(ServiceError, match="the container has no address on its network"):
        wait(engine, http=probe(server, "/ready", 200))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"Running": False, "ExitCode": 137}, "it ended with exit code 137"),
        ({"Restarting": True, "ExitCode": 1}, "it ended with exit code 1"),
        ({"restarts": 1}, "it ended and was restarted"),
        ({"Health": {"Status": "starting"}}, "the image's health check says starting"),
    ],
)
def test_unhealthy(state, words):
    with pytest.raises(ServiceError, match=f"health: app is not healthy after 0 s: {words}"):
        wait(OneContainer(**state), image=True)


def test_the_image_decides():
    assert wait(OneContainer(Health={"Status": "healthy"}), image=True)
    assert health.has_healthcheck({"Config": {"Healthcheck": {"Test": ["CMD", "true"]}}})
    assert not health.has_healthcheck({"Config": {"Healthcheck": {"Test": ["NONE"]}}})
    assert not health.has_healthcheck({"Config": None})
