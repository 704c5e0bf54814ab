"""The module grafana_resources against the stand-in, over HTTP: what it writes, that a rerun writes nothing, drift, check mode and errors."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from threading import Thread

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.modules import grafana_resources
from werkzeug.serving import make_server

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab" / "images" / "grafana"))

from stand_in.app import create_app  # noqa: E402
from stand_in.store import Store  # noqa: E402

PASSWORD = "pw-of-the-test"
SECRET = "hunter22-secret"
LEGEND = "{{modelName}} - GPU {{gpu}}"


class Requests:
    """Passes requests on and remembers those that write."""

    def __init__(self, app):
        self.app, self.writes = app, []

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] != "GET":
            self.writes.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        return self.app(environ, start_response)


@pytest.fixture
def grafana():
    requests = Requests(create_app(Store(), "admin", PASSWORD))
    server = make_server("127.0.0.1", 0, requests, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    requests.url = f"http://127.0.0.1:{server.server_port}"
    yield requests
    server.shutdown()
    server.server_close()


@pytest.fixture
def declared():
    return {
        "datasources": [
            {
                "uid": "p",
                "name": "P",
                "url": "http://p:9090",
                "is_default": True,
                "json_data": {"timeInterval": "5s"},
                "secure_json_data": {"httpHeaderValue1": SECRET},
            }
        ],
        "folders": [{"uid": "child", "title": "Child", "parent_uid": "top"}, {"uid": "top", "title": "Top"}],
        "dashboards": [
            {
                "uid": "gpus",
                "title": "GPUs",
                "folder_uid": "child",
                "datasource_uid": "p",
                "panels": [{"title": "Utilization", "query": "DCGM_FI_DEV_GPU_UTIL", "legend": LEGEND, "unit": "percent", "min": 0}],
            },
            {"uid": "model", "folder_uid": "top", "model": {"title": "Model", "panels": [], "schemaVersion": 36}},
        ],
    }


def run(url, check=False, **given):
    """The module's result; everything it printed must be free of secrets."""
    arguments = {"url": url, "username": "admin", "password": PASSWORD, "wait": 1, **given}
    arguments |= {"_ansible_check_mode": check, "_ansible_diff": True}
    output = io.StringIO()
    with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
        grafana_resources.main()
    printed = output.getvalue()
    for secret in (PASSWORD, SECRET):
        assert secret not in json.dumps({key: value for key, value in json.loads(printed).items() if key != "invocation"})
    return json.loads(printed)


def actions(result):
    return {one["uid"]: one["action"] for one in result["objects"]}


def test_everything_is_created_in_order_and_a_rerun_writes_nothing(grafana, declared):
    first = run(grafana.url, **declared)
    assert first["changed"]
    assert actions(first) == dict.fromkeys(("top", "child", "p", "gpus", "model"), "created")
    assert [path for _method, path in grafana.writes] == [
        "/api/folders",
        "/api/folders",
        "/api/datasources",
        "/api/dashboards/db",
        "/api/dashboards/db",
    ]
    assert {one["url"] for one in first["objects"]} >= {f"{grafana.url}/d/gpus/gpus"}

    grafana.writes.clear()
    second = run(grafana.url, **declared)
    assert not second["changed"]
    assert set(actions(second).values()) == {"unchanged"}
    assert grafana.writes == []


def test_check_mode_makes_the_same_plan_and_writes_nothing(grafana, declared):
    planned = run(grafana.url, check=True, **declared)
    assert grafana.writes == []
    applied = run(grafana.url, **declared)
    assert actions(planned) == actions(applied)
    assert planned["diff"] == applied["diff"]


def test_drift_is_put_back(grafana, declared):
    run(grafana.url, **declared)
    client = grafana.app.test_client()
    auth = ("admin", PASSWORD)
    model = client.get("/api/dashboards/uid/gpus", auth=auth).get_json()["dashboard"]
    model["panels"][0]["title"] = "by hand"
    assert client.post("/api/dashboards/db", json={"dashboard": model, "overwrite": True}, auth=auth).status_code == 200
    assert client.post("/api/folders/child/move", json={"parentUid": ""}, auth=auth).status_code == 200
    result = run(grafana.url, **declared)
    assert actions(result) == {"top": "unchanged", "child": "moved", "p": "unchanged", "gpus": "updated", "model": "unchanged"}
    panel = client.get("/api/dashboards/uid/gpus", auth=auth).get_json()["dashboard"]["panels"][0]
    assert (panel["title"], panel["targets"][0]["legendFormat"]) == ("Utilization", LEGEND)
    assert not run(grafana.url, **declared)["changed"]


def test_a_changed_datasource_keeps_what_was_set_by_hand(grafana, declared):
    run(grafana.url, **declared)
    declared["datasources"][0]["json_data"] = {"httpMethod": "POST"}
    assert actions(run(grafana.url, **declared))["p"] == "updated"
    there = grafana.app.test_client().get("/api/datasources/uid/p", auth=("admin", PASSWORD)).get_json()
    assert there["jsonData"] == {"timeInterval": "5s", "httpMethod": "POST"}
    assert there["secureJsonFields"] == {"httpHeaderValue1": True}
    assert there["isDefault"]


def test_things_are_removed_by_uid(grafana, declared):
    run(grafana.url, **declared)
    gone = {
        "dashboards": [{"uid": "gpus", "state": "absent"}],
        "datasources": [{"uid": "p", "state": "absent"}],
        "folders": [{"uid": "child", "state": "absent"}],
    }
    assert set(actions(run(grafana.url, **gone)).values()) == {"deleted"}
    assert not run(grafana.url, **gone)["changed"]


def test_one_failure_does_not_stop_the_others(grafana, declared):
    declared["dashboards"][0]["title"] = "t" * 10
    declared["folders"].append({"uid": "general", "title": "reserved"})
    declared["dashboards"].append({"uid": "left-out", "title": "Left out", "folder_uid": "general", "panels": []})
    result = run(grafana.url, **declared)
    assert result["failed"]
    assert "folder 'general'" in result["msg"]
    assert "dashboard 'left-out': left out, since its folder 'general' failed" in result["msg"]
    assert actions(result)["gpus"] == "created"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"dashboards": [{"uid": "x", "title": "X", "folder_uid": "nowhere", "panels": []}]},
            "dashboards[0].folder_uid: there is no folder 'nowhere'",
        ),
        ({"folders": [{"uid": "a b", "title": "A"}]}, "folders[0].uid: 'a b'"),
    ],
)
def test_bad_input_writes_nothing(grafana, declared, change, words):
    result = run(grafana.url, **{**declared, **change})
    assert words in result["msg"]
    assert grafana.writes == []


def test_a_wrong_password_is_tried_once(grafana, declared):
    result = run(grafana.url, password="another", **declared)
    assert "refuses username 'admin' and this password" in result["msg"]
    assert not run(grafana.url, **declared).get("failed")


def test_no_grafana(declared):
    assert "no Grafana answers at http://127.0.0.1:1 after 1 s" in run("http://127.0.0.1:1", **declared)["msg"]
    planned = run("http://127.0.0.1:1", check=True, **declared)
    assert set(actions(planned).values()) == {"created"}
