"""A stand-in for the Docker engine behind a socket: its volumes are folders, and it starts and stops no process."""

from __future__ import annotations

import json
import os
import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit

IMAGE = {"Id": "sha256:1f", "RepoDigests": ["docker.io/grafana/grafana@sha256:c132"]}
LABEL = "mlops.gpu_monitoring.service"


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def container(name, image):
    """A running container of a service, whose user is the one that runs the test."""
    return {
        "Id": name,
        "Name": f"/{name}",
        "Image": IMAGE["Id"],
        "Config": {"Image": image, "User": f"{os.getuid()}:{os.getgid()}", "Labels": {LABEL: name}},
        "HostConfig": {},
        "State": {"Running": True, "Paused": False, "Restarting": False, "ExitCode": 0, "Status": "running"},
        "RestartCount": 0,
    }


@contextmanager
def engine(path, volumes, images=None, calls=None, on_stop=None, mounts=None):
    """The address of an engine with these volumes, folders by name, and containers, images by service.

    `mounts` are the volumes of containers that have another one than their own, by container. `calls` gets the starts
    and stops, and `on_stop` is called with the name of a container that stops.
    """
    mounts = mounts or {}
    containers = {name: container(name, image) for name, image in (images or {}).items()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            place, query = self._asked()
            kind, _slash, name = place.partition("/")
            if kind == "version":
                self._answer(200, {"Version": "28.5.1", "ApiVersion": "1.47", "MinAPIVersion": "1.24"})
            elif kind == "info":
                self._answer(200, {"SecurityOptions": []})
            elif kind == "volumes" and name in volumes:
                self._answer(200, {"Name": name, "Mountpoint": str(volumes[name])})
            elif place == "containers/json":
                filters = json.loads(query["filters"][0])
                self._answer(200, [self._listed(name) for name in containers if self._matches(name, filters)])
            elif kind == "containers" and name.removesuffix("/json") in containers:
                self._answer(200, containers[name.removesuffix("/json")])
            elif kind == "images":
                self._answer(200, IMAGE)
            else:
                self._answer(404, {"message": f"no such {kind}: {name}"})

        def do_POST(self):
            _kind, name, action = self._asked()[0].split("/")
            containers[name]["State"]["Running"] = action == "start"
            if action == "stop" and on_stop:
                on_stop(name)
            if calls is not None:
                calls.append((action, name))
            self._answer(204, None)

        def _asked(self):
            parts = urlsplit(self.path)
            path = unquote(parts.path).lstrip("/")
            return path.partition("/")[2] if path.startswith("v1.") else path, parse_qs(parts.query)

        def _matches(self, name, filters):
            if "volume" in filters:
                return filters["volume"] == [mounts.get(name, f"{name}-data")]
            return filters["label"] in ([LABEL], [f"{LABEL}={name}"])

        def _listed(self, name):
            labels = containers[name]["Config"]["Labels"]
            # Docker lists the ID as the image once the tag is of another image.
            image = IMAGE["Id"]
            return {"State": "running", "Names": [f"/{name}"], "Image": image, "ImageID": image, "Labels": labels}

        def _answer(self, status, content):
            body = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            if status != 204:
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
