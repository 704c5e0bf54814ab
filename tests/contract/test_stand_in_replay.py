"""The Grafana stand-in gives the answers that a real Grafana 12.4.0 gave to the same requests in the same order."""

from __future__ import annotations

import base64
import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from replay import compared_answer

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab" / "images" / "grafana"))

from stand_in.app import create_app
from stand_in.provisioning import provision
from stand_in.store import Store
from stand_in.users import Users

FIXTURES = json.loads((Path(__file__).parent / "fixtures" / "grafana-12.4.0.json").read_text())

# What the stand-in does not claim, and why. These requests are made too, since later answers depend on them.
OTHER_API = "an endpoint that the collection does not call"
CACHE = "the real server's cache of permissions still had the old ones"
ONE_ORGANISATION = "the stand-in has one organisation"
NOT_CLAIMED = {
    "datasource: health reachable (fake Prometheus)": (
        "the recorded server's Prometheus is not here; test_stand_in_queries has one"
    ),
    "datasource: proxy query reachable": "the recorded server's Prometheus is not here; test_stand_in_queries has one",
    "folder: get general": OTHER_API,
    "folder: permissions": OTHER_API,
    "folder: viewer gets": CACHE,
    "folder: delete folder holding an alert rule": "alerting is not there",
    "folder: delete folder holding an alert rule, forced": "alerting is not there",
    "dashboard: import with inputs": OTHER_API,
    "dashboard: versions": OTHER_API,
    "org: datasources of org two by header": ONE_ORGANISATION,
    "org: create in org two a uid taken in org one": ONE_ORGANISATION,
    "org: dashboard in org two with uid taken in org one": ONE_ORGANISATION,
    "org: by orgId query": ONE_ORGANISATION,
    "org: by orgId query 2": ONE_ORGANISATION,
    "org: org after switch": ONE_ORGANISATION,
    "serviceaccount: token after role Viewer: create datasource": CACHE,
    "password: create pwuser": OTHER_API,
}


def basic(user: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}


class Replay:
    """A stand-in as the recorded server was at its start, and the tokens that it gave out, by name."""

    def __init__(self) -> None:
        self.store = Store()
        self.client = create_app(self.store, "admin", "admin").test_client()
        self.users = Users(self.store)
        self.users.add("viewer1", "viewerpass1", "Viewer", name="Viewer", email="viewer1@example.org")
        self.users.add("editor1", "editorpass1", "Editor", name="Editor", email="editor1@example.org")
        self.tokens: dict[str, str] = {}
        provision(self.store)

    def answer(self, exchange: dict[str, Any]) -> dict[str, Any]:
        """What matters of the answer to one recorded request."""
        if exchange["name"] in BEFORE:
            BEFORE[exchange["name"]](self)
        request = exchange["request"]
        body = self._body(request)
        headers = {**self._authorization(request.get("auth")), **request.get("headers", {})}
        if "data" in body:
            headers.setdefault("Content-Type", "application/json")
        answer = self.client.open(request["path"], method=request["method"], headers=headers, **body)
        content = answer.get_json(silent=True)
        if isinstance(content, dict) and "key" in content:
            self.tokens[content["name"]] = content["key"]
        return compared_answer(request["method"], request["path"], answer.status_code, content)

    def _authorization(self, recorded: str | None) -> dict[str, str]:
        if recorded is None:
            return {}
        kind, _space, value = recorded.partition(" ")
        return {"Authorization": f"Bearer {self.tokens.get(value[1:-1], value)}"} if kind == "Bearer" else basic(value)

    def _body(self, request: dict[str, Any]) -> dict[str, Any]:
        """The body, with the stand-in's own numeric id of a dashboard where the recording has `<id of uid>`."""
        if "raw_body" in request:
            return {"data": request["raw_body"]}
        body = copy.deepcopy(request.get("body"))
        dashboard = body.get("dashboard") if isinstance(body, dict) else None
        if isinstance(dashboard, dict) and str(dashboard.get("id")).startswith("<id of "):
            dashboard["id"] = self.store.state["dashboards"][dashboard["id"][len("<id of ") : -1]]["id"]
        return {"json": body} if body is not None else {}

    def save_imported_dashboard(self) -> None:
        imported = next(exchange for exchange in FIXTURES if exchange["name"] == "dashboard: get imported")["answer"]
        body = {"dashboard": imported["dashboard"], "folderUid": imported["meta"]["folderUid"], "overwrite": True}
        assert self.client.post("/api/dashboards/db", json=body, headers=basic("admin:admin")).status_code == 200

    def let_tokens_expire(self) -> None:
        for token in self.store.state["tokens"].values():
            token["expires"] = token["expires"] and 1


# What stands for endpoints that the stand-in lacks, and for time that passes; done before the request of this name.
BEFORE = {
    "dashboard: import with inputs": Replay.save_imported_dashboard,
    "serviceaccount: expired token": Replay.let_tokens_expire,
    "password: create pwuser": lambda replay: replay.users.add("pwuser", "first-pw1", "Viewer"),
}


@pytest.fixture(scope="module")
def answers():
    """What the stand-in answers to every recorded request, in order."""
    replay = Replay()
    return [replay.answer(exchange) for exchange in FIXTURES]


@pytest.mark.parametrize(
    "number",
    [number for number, exchange in enumerate(FIXTURES) if exchange["name"] not in NOT_CLAIMED],
    ids=lambda number: FIXTURES[number]["name"],
)
def test_same_answer_as_the_real_server(answers, number):
    assert answers[number] == {"status": FIXTURES[number]["status"], "answer": FIXTURES[number]["answer"]}


def test_enough_is_claimed_and_nothing_else_is_excused():
    names = {exchange["name"] for exchange in FIXTURES}
    assert set(NOT_CLAIMED) | set(BEFORE) <= names
    assert len(FIXTURES) - len(NOT_CLAIMED) >= 299
