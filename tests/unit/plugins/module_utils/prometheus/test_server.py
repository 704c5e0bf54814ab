"""What Prometheus and Alertmanager answer instead of a result, as one error."""

from __future__ import annotations

import socketserver
import threading

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.errors import PrometheusError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.server import Server

# The whole answer of net/http of Go to a request without TLS.
PLAIN_TO_TLS = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
CONNECTION = {
    **dict.fromkeys(("url_username", "url_password", "token", "ca_path", "client_cert", "client_key")),
    "timeout": 5,
    "validate_certs": True,
    "use_proxy": False,
}


@pytest.fixture
def url():
    """A server that gives this answer to everybody."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while self.rfile.readline().strip():
                pass
            self.wfile.write(PLAIN_TO_TLS)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_server_with_tls_that_is_asked_without_names_the_url(url):
    server = Server("Alertmanager", 9093, "matchers", {**CONNECTION, "url": url})
    with pytest.raises(PrometheusError) as refused:
        server.send("GET", "/api/v2/silences")
    assert str(refused.value) == f"url: Alertmanager at {url} speaks TLS. Begin url with https://."
