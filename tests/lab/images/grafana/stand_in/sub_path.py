"""Serving below a sub-path, as with serve_from_sub_path of Grafana: other paths are redirected to root_url."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from werkzeug.utils import redirect


class SubPath:
    """A WSGI application below the path of `root_url`."""

    def __init__(self, application: Any, root_url: str) -> None:
        self._application, self._root_url = application, root_url.rstrip("/")
        self._prefix = urlsplit(self._root_url).path

    def __call__(self, environment: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environment["PATH_INFO"]
        if not path.startswith(self._prefix):
            answer: Iterable[bytes] = redirect(self._root_url + path)(environment, start_response)
            return answer
        inner = {**environment, "SCRIPT_NAME": self._prefix, "PATH_INFO": path[len(self._prefix) :] or "/"}
        served: Iterable[bytes] = self._application(inner, start_response)
        return served
