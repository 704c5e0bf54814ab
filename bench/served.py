"""Serves a Grafana on a free port of loopback, the lab's stand-in or the way to the real one at GRAFANA_URL, and counts
the requests.

The first line of its output is the port. `COUNT` answers with what was counted since the start.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import requests
from flask import Flask, Response, request
from waitress import create_server

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "lab" / "images" / "grafana"))

from stand_in.app import create_app
from stand_in.store import Store

COUNT = "/-/count"
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Counting:
    """Counts the requests to an application, those other than GET, and the seconds that it spends."""

    def __init__(self, application: Wsgi) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._counted: dict[str, float] = {"requests": 0, "writes": 0, "seconds": 0.0}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == COUNT:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self._counted).encode()]
        begin = time.perf_counter()
        answer = b"".join(self._application(environ, start_response))
        with self._lock:
            self._counted["requests"] += 1
            self._counted["writes"] += environ["REQUEST_METHOD"] != "GET"
            self._counted["seconds"] += time.perf_counter() - begin
        return [answer]


def real(url: str) -> Flask:
    """Hands everything on to a real Grafana."""
    app = Flask(__name__, static_folder=None)
    local = threading.local()

    @app.before_request
    def hand_on() -> Response:
        local.session = getattr(local, "session", None) or requests.Session()
        local.session.trust_env = False
        target = request.full_path.removesuffix("?")
        headers = {key: value for key, value in request.headers if key not in ("Host", "Connection", "Content-Length")}
        options = {"headers": headers, "data": request.get_data(), "timeout": 60, "allow_redirects": False}
        answer = local.session.request(request.method, url + target, **options)
        return Response(answer.content, answer.status_code, content_type=answer.headers.get("Content-Type"))

    return app


def main() -> None:
    url = os.environ.get("GRAFANA_URL", "").rstrip("/")
    app = real(url) if url else create_app(Store(), os.environ["GRAFANA_USER"], os.environ["GRAFANA_PASSWORD"])
    server = create_server(Counting(app), host="127.0.0.1", port=0, threads=8)
    print(server.effective_port, flush=True)
    server.run()


if __name__ == "__main__":
    main()
