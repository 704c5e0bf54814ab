"""A Grafana as the tests use it, and what stands between it and the modules."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from ansible.module_utils.testing import patch_module_args
from werkzeug.serving import make_server


PREFIX = "ct-"
SEND = requests.Session.request
SECRETS = ("hunter22-secret", "hunter23-secret", "hunter24-secret")


class Wire:
    """Stands between the modules and HTTP: remembers requests, and hands those that a test has a rule for to the rule."""

    def __init__(self, send: Callable[..., requests.Response]) -> None:
        self.requests: list[tuple[str, str]] = []
        self.sessions: set[int] = set()
        self.named: set[str] = set()
        self.send = send
        self.rule: Callable[[str, str, Callable[..., requests.Response]], requests.Response | None] | None = None

    def __call__(self, session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
        path = urlsplit(url).path
        self.requests.append((method, path))
        self.named |= uids(options.get("json"))
        self.sessions.add(id(session))
        answer = self.rule(method, url, lambda target=url: self.send(session, method, target, **options)) if self.rule else None
        return answer if answer is not None else self.send(session, method, url, **options)

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [one for one in self.requests if one[0] != "GET"]

    def clear(self) -> None:
        self.requests.clear()
        self.sessions.clear()


class Grafana:
    """The server, as its administrator uses it by hand, and the way to run modules against it."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.url, self.username, self.password = url, username, password
        self.wire: Any = None

    def api(self, method: str, path: str, body: Any = None, expect: bool = True) -> Any:
        if self.wire:
            self.wire.named |= uids(body)
        answer = SEND(requests.Session(), method, self.url + path, json=body, auth=(self.username, self.password), timeout=30)
        if expect:
            assert answer.status_code < 300, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.text else None

    def dashboard(self, uid: str) -> dict[str, Any]:
        return self.api("GET", f"/api/dashboards/uid/{uid}")

    def save(self, model: dict[str, Any], folder_uid: str = "") -> None:
        body = {"dashboard": {key: one for key, one in model.items() if key != "id"}, "folderUid": folder_uid, "overwrite": True}
        self.api("POST", "/api/dashboards/db", body)

    def wait_for_search(self, *wanted: str) -> None:
        """Wait until Grafana's search shows these: from version 12 on it may lag behind."""
        deadline = time.monotonic() + 10
        while not set(wanted) <= {hit["uid"] for hit in self.api("GET", "/api/search?limit=5000")}:
            assert time.monotonic() < deadline, f"after 10 s the search does not show {wanted}"
            time.sleep(0.1)

    def run(self, module: Any, check: bool = False, **given: Any) -> dict[str, Any]:
        """The result of a module; all that it printed must be free of secrets."""
        login = {} if "token" in given else {"username": self.username, "password": self.password}
        arguments = {"url": self.url, "wait": 5, **login, **given, "_ansible_check_mode": check, "_ansible_diff": True}
        output = io.StringIO()
        with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
            module.main()
        result = json.loads(output.getvalue())
        shown = json.dumps({key: value for key, value in result.items() if key != "invocation"})
        assert not [secret for secret in (*SECRETS, self.password) if len(secret) > 8 and secret in shown]
        return result

    def clean(self) -> None:
        """Remove what the tests made, by uid: Grafana's search may not show it yet."""
        for path in ("/api/dashboards/uid", "/api/folders", "/api/datasources/uid"):
            for uid in sorted(self.wire.named):
                self.api("DELETE", f"{path}/{uid}", expect=False)


def uids(body: Any) -> set[str]:
    """The uids of the tests in the body of a request."""
    found = [body.get("uid"), (body.get("dashboard") or {}).get("uid")] if isinstance(body, dict) else []
    return {uid for uid in found if isinstance(uid, str) and uid.startswith(PREFIX)}


@contextlib.contextmanager
def served(app: Any, **options: Any) -> Iterator[str]:
    """The URL of an application, for as long as it is served."""
    server = make_server("127.0.0.1", 0, app, threaded=True, **options)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"{'https' if options else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def actions(result: dict[str, Any]) -> dict[str, str]:
    """What happened to each object, by uid."""
    assert "objects" in result, result
    return {one["uid"]: one["action"] for one in result["objects"]}


def answer(status: int, body: Any = None, **headers: str) -> requests.Response:
    """An answer that no server gave."""
    made = requests.Response()
    made.status_code = status
    made.url = "http://made-up"
    made._content = body.encode() if isinstance(body, str) else json.dumps(body or {}).encode()
    made.headers["Content-Type"] = "text/html" if isinstance(body, str) else "application/json"
    made.headers.update({key.replace("_", "-"): value for key, value in headers.items()})
    return made
