"""The Grafana stand-in gives the answers that a real Grafana 12.4.0 gave to the same requests in the same order."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import pytest
from replay import what_matters

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab" / "images" / "grafana"))

from stand_in.app import create_app  # noqa: E402
from stand_in.store import Store  # noqa: E402

FIXTURES = json.loads((Path(__file__).parent / "fixtures" / "grafana-12.4.0.json").read_text())

# What the stand-in does not claim, and why. These requests are made too, since later answers depend on them.
OTHER_API = "an endpoint that the collection does not call"
NOT_CLAIMED = {
    "datasource: health reachable (fake Prometheus)": "the recorded server's Prometheus is not here; test_stand_in_queries has one",
    "datasource: proxy query reachable": "the recorded server's Prometheus is not here; test_stand_in_queries has one",
    "folder: get general": OTHER_API,
    "folder: permissions": OTHER_API,
    "folder: delete folder holding an alert rule": "alerting is not there",
    "folder: delete folder holding an alert rule, forced": "alerting is not there",
    "dashboard: numeric id of another dashboard, own uid": "the collection sends no numeric ids",
    "dashboard: numeric id of another dashboard, new uid": "the collection sends no numeric ids",
    "dashboard: import with inputs": OTHER_API,
    "dashboard: get imported": OTHER_API,
    "dashboard: search": "an imported dashboard is among the results",
    "dashboard: search by folder": "an imported dashboard is among the results",
    "dashboard: versions": OTHER_API,
}


def provisioned_store() -> Store:
    """As the recorded server was at its start: one datasource and one dashboard from provisioning files."""
    store = Store()
    client = create_app(store, "admin", "admin").test_client()
    headers = authorization("basic admin:admin")
    source = {"name": "Provisioned", "uid": "prov-ds", "type": "prometheus", "access": "proxy", "url": "http://127.0.0.1:9"}
    assert client.post("/api/datasources", json=source, headers=headers).status_code == 200
    model = next(one for one in FIXTURES if one["name"] == "dashboard: provisioned: get")["answer"]["dashboard"]
    assert client.post("/api/dashboards/db", json={"dashboard": model, "overwrite": True}, headers=headers).status_code == 200
    store.state["datasources"]["prov-ds"]["readOnly"] = True
    store.state["dashboards"]["prov-dash"]["provisioned"] = True
    return store


def authorization(recorded: str | None) -> dict[str, str]:
    if recorded is None:
        return {}
    kind, _space, value = recorded.partition(" ")
    return {"Authorization": recorded if kind == "Bearer" else f"Basic {base64.b64encode(value.encode()).decode()}"}


def _use_own_id(client, dashboard, headers) -> None:
    """The recorded server's numeric id of a dashboard becomes the stand-in's own; ids that no dashboard has stay."""
    there = client.get(f"/api/dashboards/uid/{dashboard.get('uid')}", headers=headers).get_json().get("dashboard")
    if dashboard.get("id") and there:
        dashboard["id"] = there["id"]


@pytest.fixture(scope="module")
def answers():
    """What the stand-in answers to every recorded request, in order."""
    client = create_app(provisioned_store(), "admin", "admin").test_client()
    found = []
    for one in FIXTURES:
        request = one["request"]
        headers = {**authorization(request.get("auth")), **request.get("headers", {})}
        if request.get("body", {}).get("dashboard") and isinstance(request["body"]["dashboard"], dict):
            _use_own_id(client, request["body"]["dashboard"], headers)
        body = {"json": request["body"]} if "body" in request else {"data": request["raw_body"]} if "raw_body" in request else {}
        if "data" in body and "Content-Type" not in headers:
            headers["Content-Type"] = "application/json"
        answer = client.open(request["path"], method=request["method"], headers=headers, **body)
        found.append(what_matters(request["method"], request["path"], answer.status_code, answer.get_json(silent=True)))
    return found


@pytest.mark.parametrize(
    "number", [number for number, one in enumerate(FIXTURES) if one["name"] not in NOT_CLAIMED], ids=lambda number: FIXTURES[number]["name"]
)
def test_same_answer_as_the_real_server(answers, number):
    assert answers[number] == {"status": FIXTURES[number]["status"], "answer": FIXTURES[number]["answer"]}


def test_enough_is_claimed_and_nothing_else_is_excused():
    names = {one["name"] for one in FIXTURES}
    assert set(NOT_CLAIMED) <= names
    assert len(FIXTURES) - len(NOT_CLAIMED) >= 210
