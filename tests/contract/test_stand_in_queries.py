"""What the recordings do not show of the stand-in: searches, access, restarts, and queries to a Prometheus of the
test's own.
"""

from __future__ import annotations

import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from json_handler import JsonHandler

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab" / "images" / "grafana"))

from stand_in.app import create_app
from stand_in.provisioning import provision
from stand_in.query import legend
from stand_in.store import Store

ADMIN = ("admin", "admin")
SERIES = {"metric": {"__name__": "DCGM_FI_DEV_GPU_UTIL", "gpu": "0", "modelName": "A100"}}


class FakePrometheus(JsonHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        ranged = self.path.startswith("/api/v1/query_range")
        values = {"values": [[100, "1"], [115, "2"]]} if ranged else {"value": [100, "42"]}
        self.answer(
            {
                "status": "success",
                "data": {"resultType": "matrix" if ranged else "vector", "result": [{**SERIES, **values}]},
            }
        )

    def do_GET(self):
        self.answer({"status": "success", "path": self.path})


@pytest.fixture
def client():
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakePrometheus)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    client = create_app(Store(), "admin", "admin").test_client()
    body = {
        "name": "P",
        "uid": "p",
        "type": "prometheus",
        "access": "proxy",
        "url": f"http://127.0.0.1:{server.server_port}",
    }
    assert client.post("/api/datasources", json=body, auth=ADMIN).status_code == 200
    yield client
    server.shutdown()
    server.server_close()


def ask(client, **target):
    series = {"expr": "DCGM_FI_DEV_GPU_UTIL", "legendFormat": "{{modelName}} - GPU {{gpu}}"}
    query = {"refId": "A", "datasource": {"uid": "p"}, **series, **target}
    answer = client.post("/api/ds/query", json={"queries": [query], "from": "now-5m", "to": "now"}, auth=ADMIN)
    assert answer.status_code == 200
    return answer.get_json()["results"]["A"]["frames"]


def token(client, role):
    account = client.post("/api/serviceaccounts", json={"name": role, "role": role}, auth=ADMIN).get_json()["id"]
    return client.post(f"/api/serviceaccounts/{account}/tokens", json={"name": role}, auth=ADMIN).get_json()["key"]


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_an_instant_query_gives_a_frame_with_the_legend(client):
    (frame,) = ask(client, instant=True, range=False)
    assert frame["data"]["values"] == [[100000], [42.0]]
    assert frame["schema"]["fields"][1]["config"]["displayNameFromDS"] == "A100 - GPU 0"
    assert frame["schema"]["fields"][1]["labels"] == SERIES["metric"]


def test_a_range_query_gives_all_points(client):
    (frame,) = ask(client, range=True)
    assert frame["data"]["values"] == [[100000, 115000], [1.0, 2.0]]


def test_the_proxy_passes_path_and_query_on(client):
    answer = client.get("/api/datasources/proxy/uid/p/api/v1/query?query=1%2B1", auth=ADMIN)
    assert answer.get_json() == {"status": "success", "path": "/api/v1/query?query=1%2B1"}


def test_save_and_test_reaches_prometheus(client):
    assert client.get("/api/datasources/uid/p/health", auth=ADMIN).get_json()["status"] == "OK"


def test_every_answer_says_that_it_is_a_stand_in(client):
    assert client.get("/api/health").headers["X-Stand-In"] == "grafana"
    assert "stand-in for Grafana" in client.get("/login").get_data(as_text=True)


def test_five_wrong_passwords_lock_the_login(client):
    for _try in range(5):
        assert client.get("/api/org", auth=("admin", "wrong")).status_code == 401
    assert client.get("/api/org", auth=ADMIN).status_code == 401


def test_state_is_kept_on_disk(tmp_path):
    first = create_app(Store(tmp_path / "grafana.db"), "admin", "first-password").test_client()
    assert (
        first.post("/api/folders", json={"uid": "f", "title": "F"}, auth=("admin", "first-password")).status_code == 200
    )
    second = create_app(Store(tmp_path / "grafana.db"), "admin", "another-password").test_client()
    assert second.get("/api/folders/f", auth=("admin", "first-password")).get_json()["title"] == "F"


def test_a_changed_password_and_a_token_outlive_a_restart(tmp_path):
    path = tmp_path / "grafana.db"
    first = create_app(Store(path), "admin", "admin").test_client()
    key = token(first, "Admin")
    change = {"oldPassword": "admin", "newPassword": "a-new-password", "confirmNew": "a-new-password"}
    assert first.put("/api/user/password", json=change, auth=ADMIN).status_code == 200
    assert key.encode() not in path.read_bytes()
    assert b"a-new-password" not in path.read_bytes()
    second = create_app(Store(path), "admin", "admin").test_client()
    assert second.get("/api/user", auth=ADMIN).status_code == 401
    assert second.get("/api/user", auth=("admin", "a-new-password")).get_json()["isGrafanaAdmin"]
    assert second.get("/api/user", headers=bearer(key)).get_json()["login"] == "sa-1-admin"


@pytest.mark.parametrize(
    ("role", "folder", "datasource", "account"),
    [("Viewer", 403, 403, 403), ("Editor", 200, 403, 403), ("Admin", 200, 200, 201)],
)
def test_a_token_may_write_what_its_role_may(client, role, folder, datasource, account):
    headers = bearer(token(client, role))
    assert client.get("/api/datasources", headers=headers).status_code == 200
    assert client.post("/api/folders", json={"title": "F"}, headers=headers).status_code == folder
    source = {"name": "Q", "type": "prometheus", "access": "proxy"}
    assert client.post("/api/datasources", json=source, headers=headers).status_code == datasource
    assert client.post("/api/serviceaccounts", json={"name": "other"}, headers=headers).status_code == account
    assert client.put("/api/admin/users/1/password", json={"password": "guessed"}, headers=headers).status_code == 403


def test_tokens_of_a_deleted_account_end_with_it(client):
    key = token(client, "Viewer")
    account = client.get("/api/serviceaccounts/search?query=viewer", auth=ADMIN).get_json()["serviceAccounts"][0]
    assert account["tokens"] == 1
    assert client.delete(f"/api/serviceaccounts/{account['id']}", auth=ADMIN).status_code == 200
    assert client.get("/api/org", headers=bearer(key)).status_code == 401


@pytest.fixture
def searched(client):
    """A client that searches among two folders, one in the other, and three dashboards."""
    for folder in ({"uid": "a", "title": "A"}, {"uid": "b", "title": "B", "parentUid": "a"}):
        assert client.post("/api/folders", json=folder, auth=ADMIN).status_code == 200
    for uid, folder, tags in (("root", "", ["x"]), ("in-a", "a", ["x", "y"]), ("in-b", "b", [])):
        body = {"dashboard": {"uid": uid, "title": f"Panel {uid}", "tags": tags}, "folderUid": folder}
        assert client.post("/api/dashboards/db", json=body, auth=ADMIN).status_code == 200
    return lambda parameters: client.get(f"/api/search?{parameters}", auth=ADMIN)


@pytest.mark.parametrize(
    ("parameters", "uids"),
    [
        ("", ["a", "b", "in-a", "in-b", "root"]),
        ("type=dash-folder", ["a", "b"]),
        ("type=dash-db&tag=x", ["in-a", "root"]),
        ("tag=x&tag=y", ["in-a"]),
        ("folderUIDs=a&folderUIDs=general", ["a", "b", "in-a", "root"]),
        ("dashboardUIDs=root&dashboardUIDs=in-b&dashboardUIDs=none", ["in-b", "root"]),
        ("query=PANEL&limit=2&page=2", ["root"]),
        ("limit=5000&page=2", []),
    ],
)
def test_a_search_finds(searched, parameters, uids):
    assert [hit["uid"] for hit in searched(parameters).get_json()] == uids


def test_a_folder_is_found_with_its_parent(searched):
    (hit,) = searched("query=b&type=dash-folder").get_json()
    expected = {
        "title": "B",
        "type": "dash-folder",
        "url": "/dashboards/f/b/b",
        "uri": "db/b",
        "folderUid": "a",
        "folderTitle": "A",
    }
    assert {key: hit[key] for key in expected} == expected


def test_a_search_for_too_many_is_refused(searched):
    assert searched("limit=5001").status_code == 422


def test_a_store_can_have_provisioned_objects():
    client = create_app(provision(Store()), "admin", "admin").test_client()
    assert client.get("/api/datasources/uid/prov-ds", auth=ADMIN).get_json()["readOnly"] is True
    meta = client.get("/api/dashboards/uid/prov-dash", auth=ADMIN).get_json()["meta"]
    assert (meta["provisioned"], meta["provisionedExternalId"]) == (True, "prov.json")
    assert client.delete("/api/datasources/uid/prov-ds", auth=ADMIN).status_code == 403
    assert client.delete("/api/dashboards/uid/prov-dash", auth=ADMIN).status_code == 400


def test_a_legend_without_a_pattern_is_the_series():
    assert legend("__auto", {"__name__": "up", "job": "j"}) == 'up{job="j"}'


def test_the_organization_of_a_login_is_switched(client):
    switched = client.post("/api/user/using/1", auth=ADMIN)
    assert (switched.status_code, switched.json) == (200, {"message": "Active organization changed"})
    refused = client.post("/api/user/using/2", auth=ADMIN)
    assert (refused.status_code, refused.json) == (401, {"message": "Not a valid organization"})


def test_a_dashboard_is_saved_into_a_folder_by_its_number(client):
    folder = client.post("/api/folders", json={"uid": "f", "title": "F"}, auth=ADMIN).json["id"]
    saved = client.post(
        "/api/dashboards/db", json={"dashboard": {"uid": "d", "title": "D"}, "folderId": folder}, auth=ADMIN
    )
    assert (saved.status_code, saved.json["folderUid"]) == (200, "f")
    meta = client.get("/api/dashboards/uid/d", auth=ADMIN).json["meta"]
    assert (meta["folderId"], meta["folderUid"]) == (folder, "f")
