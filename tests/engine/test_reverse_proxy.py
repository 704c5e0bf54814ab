"""The configuration of nginx in the documentation, in a real nginx before two HTTPS servers."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import docker
import pytest
import trustme

from tests.engine.fleet import wait_until
from tests.engine.image import PREFIX
from tests.engine.watch import free_port
from tests.lab import images

DOCS = Path(__file__).resolve().parents[2] / "docs"
NAME = "grafana.example.com"
ADDRESSES = ("192.0.2.10:3000", "192.0.2.13:3000")
# Seconds of the page for a connection to a host that drops packets.
CONNECT_TIMEOUT = 2


def of_page(page: str) -> str:
    """The first configuration of nginx on a page."""
    return re.search(r"```nginx\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)[1]


def configuration(port: int, servers: list[int]) -> str:
    """The page's two servers on ports of loopback, with the lines of a Grafana alone."""
    text = of_page("monitoring-hosts.md")
    for address, server in zip(ADDRESSES, servers, strict=True):
        assert address in text
        text = text.replace(address, f"127.0.0.1:{server}")
    alone = [
        line for line in of_page("grafana.md").splitlines() if line.startswith("    ") and "proxy_pass" not in line
    ]
    assert alone
    upstream, location = text.split("location / {")
    location = "\n".join(["location / {", *alone, location])
    return f"events {{}}\nhttp {{\n{upstream}\nserver {{\nlisten 127.0.0.1:{port};\n{location}\n}}\n}}\n"


class Monitor(ThreadingHTTPServer):
    """An HTTPS server that answers with its name and the Host that it was asked for. Its certificate has a name."""

    def __init__(self, name: str, authority: trustme.CA, certified: str = NAME) -> None:
        self.requests = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_arguments: object) -> None:
                return

            def do_GET(self) -> None:
                server.requests += 1
                content = f"{name} {self.headers['Host']}".encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(certified).configure_cert(context)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def end(self) -> None:
        """Refuse connections."""
        self.shutdown()
        self.server_close()


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def monitors(authority):
    made = [Monitor(name, authority) for name in ("monitor1", "monitor2")]
    yield made
    for monitor in made:
        monitor.end()


@pytest.fixture
def proxy(authority, tmp_path):
    """Starts nginx before servers on ports of loopback, and returns its URL."""
    stack = contextlib.ExitStack()
    client = docker.from_env()
    stack.callback(client.close)

    def start(*servers: int) -> str:
        port = free_port()
        authority.cert_pem.write_to_path(tmp_path / "ca.crt")
        (tmp_path / "nginx.conf").write_text(configuration(port, [*servers]))
        container = client.containers.create(
            images.build("nginx", images.bases()),
            name=f"{PREFIX}-reverse-proxy",
            network_mode="host",
            volumes={
                str(tmp_path / file): {"bind": f"/etc/nginx/{file}", "mode": "ro"} for file in ("nginx.conf", "ca.crt")
            },
        )
        stack.callback(container.remove, force=True, v=True)
        container.start()
        wait_until(lambda: listens(port), lambda: container.logs().decode())
        return f"http://127.0.0.1:{port}/"

    with stack:
        yield start


def listens(port: int) -> bool:
    """Whether a server on loopback takes connections."""
    with socket.socket() as client:
        return not client.connect_ex(("127.0.0.1", port))


def answer(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()


def test_people_stay_on_one_grafana_until_it_is_down(proxy, monitors):
    url = proxy(*(monitor.server_port for monitor in monitors))
    host = url.split("/")[2].partition(":")[0]
    assert {answer(url) for _time in range(5)} == {f"monitor1 {host}"}
    monitors[0].end()
    assert {answer(url) for _time in range(5)} == {f"monitor2 {host}"}


def test_a_host_that_drops_packets_is_left_soon(proxy, monitors):
    with socket.socket() as silent, socket.socket() as waiting:
        silent.bind(("127.0.0.1", 0))
        # The queue has room for one connection, and nobody takes a connection from the queue.
        silent.listen(0)
        waiting.connect(silent.getsockname())
        url = proxy(silent.getsockname()[1], monitors[1].server_port)
        begin = time.monotonic()
        assert answer(url).startswith("monitor2 ")
        assert CONNECT_TIMEOUT <= time.monotonic() - begin < CONNECT_TIMEOUT + 3


@pytest.mark.parametrize("foreign", ["authority", "name"])
def test_a_server_with_another_certificate_gets_no_request(proxy, authority, monitors, foreign):
    of_another = (trustme.CA(), NAME) if foreign == "authority" else (authority, "other.example.com")
    server = Monitor("foreign", *of_another)
    monitors.append(server)
    url = proxy(server.server_port, server.server_port)
    with pytest.raises(urllib.error.HTTPError) as refused:
        answer(url)
    assert refused.value.code == 502
    assert server.requests == 0
