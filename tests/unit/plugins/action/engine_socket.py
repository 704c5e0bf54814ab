"""A stand-in for the Docker engine behind a socket: its volumes are folders, and its containers are what a test says."""

from __future__ import annotations

import json
import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote

IMAGE = {"Id": "sha256:1f", "RepoDigests": ["docker.io/grafana/grafana@sha256:c132"]}


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextmanager
def engine(path, volumes, containers=()):
    """The address of an engine with these volumes, folders by name, and containers by service."""
    listed = [
        {"Names": [f"/{name}"], "Image": f"{name}:1", "ImageID": IMAGE["Id"], "Labels": {"mlops.gpu_monitoring.service": name}}
        for name in containers
    ]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            place = unquote(self.path.partition("?")[0]).split("/", 2)[-1] if self.path.startswith("/v1") else self.path.lstrip("/")
            kind, _slash, name = place.partition("/")
            if kind == "version":
                self._answer(200, {"Version": "28.5.1", "ApiVersion": "1.47", "MinAPIVersion": "1.24"})
            elif kind == "volumes" and name in volumes:
                self._answer(200, {"Name": name, "Mountpoint": str(volumes[name])})
            elif place == "containers/json":
                self._answer(200, listed)
            elif kind == "images":
                self._answer(200, IMAGE)
            else:
                self._answer(404, {"message": f"no such {kind}: {name}"})

        def _answer(self, status, content):
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self):
            return "socket"

        def log_message(self, *_arguments):
            return

    with _Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            thread.join()
