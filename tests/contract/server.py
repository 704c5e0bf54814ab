"""A Grafana as the tests use it."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
import requests
from ansible.module_utils.testing import patch_module_args
from proxy import Wire, uids
from secrets_of_core import controller_masks
from werkzeug.serving import make_server

SECRETS = ("hunter22-secret", "hunter23-secret", "hunter24-secret")


class Grafana:
    """The server, used by hand as administrator, and the way to run modules against it, through `wire` if given."""

    def __init__(self, url: str, username: str, password: str, wire: Wire | None = None) -> None:
        self.server, self.username, self.password = url, username, password
        self.url = wire.listen() if wire else url
        self.wire: Any = wire
        self._session = requests.Session()
        self._session.trust_env = False

    def api(self, method: str, path: str, body: Any = None, expect: bool = True) -> Any:
        if self.wire:
            self.wire.named |= uids(body)
        login = (self.username, self.password)
        answer = self._session.request(method, self.server + path, json=body, auth=login, timeout=30)
        if expect:
            assert answer.status_code < 300, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.text else None

    def dashboard(self, uid: str) -> dict[str, Any]:
        return self.api("GET", f"/api/dashboards/uid/{uid}")

    def save(self, model: dict[str, Any], folder_uid: str = "") -> None:
        without_id = {key: value for key, value in model.items() if key != "id"}
        body = {"dashboard": without_id, "folderUid": folder_uid, "overwrite": True}
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
        with (
            controller_masks() as masked,
            patch_module_args(arguments),
            contextlib.redirect_stdout(output),
            pytest.raises(SystemExit),
        ):
            module.main()
        result = masked(json.loads(output.getvalue()))
        shown = json.dumps({key: value for key, value in result.items() if key != "invocation"})
        assert not [secret for secret in (*SECRETS, self.password) if len(secret) > 8 and secret in shown]
        return result

    def remove_library_panel(self, uid: str) -> None:
        """Remove a library panel that no dashboard shows: Grafana's search may still know one that did."""
        path, deadline = f"/api/library-elements/{uid}", time.monotonic() + 10
        while "connections" in (self.api("DELETE", path, expect=False) or {}).get("message", ""):
            assert time.monotonic() < deadline, f"after 10 s library panel {uid} has connections"
            time.sleep(0.1)

    def clean(self) -> None:
        """Remove what the tests made, by uid: Grafana's search may not show it yet."""
        for uid in sorted(self.wire.named):
            self.api("DELETE", f"/api/dashboards/uid/{uid}", expect=False)
        for uid in sorted(self.wire.named):
            self.remove_library_panel(uid)
        for path in ("/api/folders", "/api/datasources/uid"):
            for uid in sorted(self.wire.named):
                self.api("DELETE", f"{path}/{uid}", expect=False)


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
    return {shown["uid"]: shown["action"] for shown in result["objects"]}
