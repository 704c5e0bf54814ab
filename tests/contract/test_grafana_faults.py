"""Faults of Grafana, of its database and of proxies: what is repeated, what ends the run, and what the message says."""

from __future__ import annotations

import gzip
import json
import socket
import time
from email.utils import formatdate
from urllib.parse import urlsplit

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import client, retries
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import NotReachable
from ansible_collections.mlops.gpu_monitoring.plugins.modules import (
    grafana_admin_password,
    grafana_dashboard,
    grafana_datasource,
    grafana_folder,
    grafana_resources,
    grafana_service_account,
)
from proxy import Answer, Dropped, Reset, answer
from server import actions

DATASOURCE = {"uid": "ct-p", "name": "CT P", "url": "http://p.example.com:9090"}
FOLDER = {"uid": "ct-f", "title": "CT F"}
PANEL = {"title": "Up", "query": "up"}
DASHBOARD = {"uid": "ct-d", "title": "CT D", "folder_uid": "ct-f", "datasource_uid": "ct-p", "panels": [PANEL]}
DECLARED = {"datasources": [DATASOURCE], "folders": [FOLDER], "dashboards": [DASHBOARD]}
PAUSE_SECONDS = retries.PAUSE_SECONDS
NOBODY = {"username": "ct-nobody", "password": "password-of-nobody"}


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """Short pauses, and the seconds of each pause between two tries."""
    seconds = []
    monkeypatch.setattr(retries, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(time, "sleep", lambda pause, sleep=time.sleep: (seconds.append(pause), sleep(min(pause, 0.05))))
    return seconds


def nested(grafana):
    """Whether the server nests folders of any depth."""
    version = grafana.api("GET", "/api/health").get("version", "12")
    return int(version.split(".")[0]) >= 11


def failing(times, method, words, status=500, message="InternalError"):
    """A rule by which so many requests of a method whose path has these words fail."""
    left = [answer(status, {"message": message})] * times

    def rule(sent_method, url, send):
        return left.pop() if left and sent_method == method and words in urlsplit(url).path else None

    return rule


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/api/datasources", "InternalError"),
        ("GET", "/api/search", "InternalError"),
        ("GET", "/api/dashboards/uid/ct-d", "InternalError"),
        ("POST", "/api/datasources", "Failed to add datasource"),
        ("POST", "/api/folders", "Folder API error"),
        ("POST", "/api/dashboards/db", "Failed to save dashboard"),
    ],
)
def test_a_locked_database_is_waited_for(grafana, pauses, method, path, message):
    grafana.wire.rule = failing(3, method, path, message=message)
    assert actions(grafana.run(grafana_resources, **DECLARED)) == dict.fromkeys(("ct-f", "ct-p", "ct-d"), "created")
    assert grafana.wire.requests.count((method, path)) >= 4
    assert len([pause for pause in pauses if pause > 0]) >= 3


def test_a_database_that_stays_locked_ends_the_tries(grafana):
    grafana.wire.rule = failing(99, "GET", "/api/datasources")
    result = grafana.run(grafana_resources, **DECLARED)
    assert "GET /api/datasources was answered with 500: InternalError" in result["msg"]
    assert grafana.wire.requests.count(("GET", "/api/datasources")) == retries.TRIES
    grafana.wire.rule = failing(99, "POST", "/api/datasources", message="Failed to add datasource")
    result = grafana.run(grafana_resources, **DECLARED)
    assert "datasource 'ct-p': POST /api/datasources was answered with 500: Failed to add datasource" in result["msg"]
    assert actions(result) == {"ct-f": "created", "ct-d": "created"}


def test_the_pauses_outlast_a_locked_database():
    """Grafana itself waits five seconds for the lock."""
    policy = http_client.Retries(retries.TRIES, PAUSE_SECONDS, retries.LONGEST_PAUSE_SECONDS)
    assert 5 < sum(policy.pause(attempt, None) for attempt in range(1, retries.TRIES)) < 60


@pytest.mark.parametrize("fails_at", [("GET", "/api/search"), ("POST", "/api/dashboards/db")])
def test_a_grafana_that_restarts_in_the_middle_is_waited_for(grafana, pauses, monkeypatch, fails_at):
    """The first try is cut off, and then nothing listens for longer than a server that answers is asked again."""
    refusals = [ConnectionRefusedError()] * (retries.TRIES_TO_CONNECT - 2)
    connect, port = socket.create_connection, urlsplit(grafana.url).port

    def refuse_at_times(address, *given):
        if address[1] == port and refusals and fails_at in grafana.wire.requests:
            raise refusals.pop()
        return connect(address, *given)

    def rule(method, url, send):
        if (method, urlsplit(url).path) == fails_at and refusals:
            raise Dropped
        return

    grafana.wire.rule = rule
    monkeypatch.setattr(socket, "create_connection", refuse_at_times)
    assert actions(grafana.run(grafana_resources, **DECLARED)) == dict.fromkeys(("ct-f", "ct-p", "ct-d"), "created")
    assert refusals == []


def test_the_pauses_outlast_a_restart():
    policy = retries.policy("POST", "/api/folders")
    unpatched = http_client.Retries(policy.tries, PAUSE_SECONDS, retries.LONGEST_PAUSE_SECONDS)
    assert sum(unpatched.pause(attempt, None) for attempt in range(1, policy.connect_tries)) > 30


@pytest.mark.parametrize("path", ["/api/ds/query", "/api/datasources/proxy/uid/ct-p/api/v1/labels"])
def test_what_a_datasource_fails_is_asked_once(grafana, path):
    grafana.wire.rule = lambda method, url, send: answer(502, {"message": "bad gateway"})
    options = dict.fromkeys(("token", "org_id", "ca_path", "client_cert", "client_key", "login_help"))
    login = {"url": grafana.url, "username": grafana.username, "password": grafana.password}
    asking = client.Client({**options, **login, "timeout": 10, "use_proxy": False, "validate_certs": True})
    with pytest.raises(NotReachable, match="answered with 502"):
        asking.post(path, {}) if path.endswith("query") else asking.get(path)
    assert len(grafana.wire.requests) == 1


def test_a_pause_may_be_asked_for_as_a_date(grafana, pauses):
    date = formatdate(time.time() + 9, usegmt=True)
    troubles = [answer(429, {"message": "slow down"}, Retry_After=date)]
    grafana.wire.rule = lambda method, url, send: troubles.pop() if troubles and "datasources" in url else None
    assert actions(grafana.run(grafana_resources, **DECLARED))["ct-d"] == "created"
    assert 5 < max(pauses) < 10


def test_folders_that_grafana_refuses_for_their_place_are_sent_once(grafana):
    if not nested(grafana):
        pytest.skip("before Grafana 11 folders are not nested")
    below = [{"uid": f"ct-{n}", "title": f"CT {n}", "parent_uid": f"ct-{n - 1}"} for n in range(1, 8)]
    chain = [{"uid": "ct-0", "title": "CT 0"}, *below]
    result = grafana.run(grafana_resources, folders=chain)
    assert "depth" in result["msg"].lower()
    made = actions(result)
    posts = [body["uid"] for body in grafana.wire.bodies if body]
    assert posts == [folder["uid"] for folder in chain[: len(made) + 1]]
    grafana.wait_for_search("ct-0", "ct-1")
    grafana.wire.clear()
    result = grafana.run(grafana_folder, uid="ct-0", title="CT 0", parent_uid="ct-1")
    assert "parent_uid 'ct-1' is in 'ct-0' itself, which makes a circular reference" in result["msg"]
    assert grafana.wire.writes == []
    refusal = "cannot move folder under its own descendant, this would create a circular reference"
    grafana.wire.rule = lambda method, url, send: answer(500, {"message": refusal}) if url.endswith("/move") else None
    result = grafana.run(grafana_folder, uid="ct-2", title="CT 2")
    assert refusal in result["msg"]
    assert len(grafana.wire.writes) == 1


JSON = [("Content-Type", "application/json")]


@pytest.mark.parametrize("empty", [Answer(204), Answer(200), Answer(200, headers=JSON)], ids=["204", "200", "json"])
def test_a_removal_may_be_answered_with_nothing(grafana, empty):
    grafana.run(grafana_resources, **DECLARED)

    def rule(method, url, send):
        if method != "DELETE":
            return None
        send()
        return empty

    grafana.wire.rule = rule
    gone = {kind: [{"uid": item["uid"], "state": "absent"} for item in items] for kind, items in DECLARED.items()}
    assert actions(grafana.run(grafana_resources, **gone)) == dict.fromkeys(("ct-f", "ct-p", "ct-d"), "deleted")
    grafana.wire.rule = None
    assert not grafana.run(grafana_resources, **gone)["changed"]


def losing(method, words):
    """A rule by which the first answer to a request of a method whose path has these words is lost."""
    lost = []

    def rule(sent_method, url, send):
        if sent_method == method and words in urlsplit(url).path and not lost:
            lost.append(send())
            raise Reset
        return

    return rule


@pytest.mark.parametrize(
    ("method", "words", "change", "action"),
    [
        ("PUT", "/api/datasources", {"datasources": [{**DATASOURCE, "url": "http://q.example.com"}]}, "updated"),
        ("PUT", "/api/folders", {"folders": [{**FOLDER, "title": "CT G"}]}, "renamed"),
        ("DELETE", "/api/datasources", {"datasources": [{**DATASOURCE, "state": "absent"}]}, "deleted"),
        ("DELETE", "/api/dashboards", {"dashboards": [{"uid": "ct-d", "state": "absent"}]}, "deleted"),
    ],
)
def test_a_write_whose_answer_is_lost_is_a_change_of_this_run(grafana, method, words, change, action):
    """The write was made on a connection that was kept, so it is sent again at once."""
    grafana.run(grafana_resources, **DECLARED)
    grafana.wire.rule = losing(method, words)
    result = grafana.run(grafana_resources, **change)
    assert list(actions(result).values()) == [action]
    assert result["changed"]
    grafana.wire.rule = None
    assert not grafana.run(grafana_resources, **change)["changed"]


@pytest.mark.parametrize("words", ["/api/serviceaccounts", "/tokens"])
def test_a_service_account_whose_answer_is_lost_is_made_once(grafana, tmp_path, words):
    given = {"name": "ct-account", "token_file": str(tmp_path / "token")}
    grafana.wire.rule = losing("POST", words)
    assert grafana.run(grafana_service_account, **given)["actions"] == ["create service account", "create token"]
    assert not grafana.run(grafana_service_account, **given)["changed"]
    (account,) = grafana.api("GET", "/api/serviceaccounts/search?query=ct-account")["serviceAccounts"]
    assert len(grafana.api("GET", f"/api/serviceaccounts/{account['id']}/tokens")) == 1
    grafana.run(grafana_service_account, **given, state="absent")


def half(complete_answer):
    """The first half, with a length that fits."""
    return Answer(complete_answer.status, complete_answer.body[: len(complete_answer.body) // 2], JSON)


def half_of_gzip(complete_answer):
    """The first half of the compressed answer, with a length that fits."""
    packed = gzip.compress(complete_answer.body)
    return Answer(complete_answer.status, packed[: len(packed) // 2], [*JSON, ("Content-Encoding", "gzip")])


@pytest.mark.parametrize("cut", [half, half_of_gzip])
def test_a_proxy_that_cuts_answers_and_does_not_tell(grafana, cut):
    cut_paths = set()

    def rule(method, url, send):
        path = urlsplit(url).path
        if (method, path) in cut_paths or path == "/api/health":
            return None
        cut_paths.add((method, path))
        return cut(send())

    grafana.wire.rule = rule
    first = actions(grafana.run(grafana_resources, **DECLARED))
    assert set(first) == {"ct-f", "ct-p", "ct-d"}
    cut_paths.clear()
    assert not grafana.run(grafana_resources, **DECLARED)["changed"]


def test_a_token_whose_answer_is_cut_is_named(grafana, tmp_path):
    file = tmp_path / "token"
    given = {"name": "ct-account", "token_file": str(file)}
    grafana.wire.rule = lambda method, url, send: half(send()) if method == "POST" else None
    message = grafana.run(grafana_service_account, **given)["msg"]
    assert message == "the answer of Grafana has no token 'ct-account'. Run again for another token."
    grafana.wire.rule = None
    assert grafana.run(grafana_service_account, **given)["actions"] == ["create token"]
    assert file.read_text().startswith("glsa_")
    grafana.run(grafana_service_account, **given, state="absent")


@pytest.mark.parametrize("check", [True, False])
def test_a_number_that_json_lacks_fails_its_object_alone(grafana, check):
    bad = {"uid": "ct-bad", "model": '{"title": "CT Bad", "panels": [{"title": "Up", "gridPos": {"x": NaN}}]}'}
    result = grafana.run(grafana_resources, check, **{**DECLARED, "dashboards": [bad, DASHBOARD]})
    assert result["msg"] == (
        "dashboard 'ct-bad': dashboard.panels[0].gridPos.x is nan, which JSON does not have."
        " Give a finite number or null."
    )
    assert actions(result) == dict.fromkeys(("ct-f", "ct-p", "ct-d"), "created")
    assert len(grafana.wire.writes) == (0 if check else 3)


@pytest.mark.parametrize("health", ["fine", [], None])
def test_another_server_at_the_url_is_named(grafana, health):
    grafana.wire.rule = lambda method, url, send: Answer(200, json.dumps(health).encode(), headers=JSON)
    message = grafana.run(grafana_resources, **DECLARED)["msg"]
    assert (
        message.startswith("url: ") and "/api/health is not answered by Grafana. Set url to where Grafana is" in message
    )


def test_a_model_in_a_file_with_a_byte_order_mark(grafana):
    model = "\ufeff" + json.dumps({"title": "CT B", "panels": []})
    assert grafana.run(grafana_dashboard, uid="ct-b", model=model, time_from="now-2h")["object"]["action"] == "created"
    assert not grafana.run(grafana_dashboard, uid="ct-b", model=model, time_from="now-2h")["changed"]


def test_check_mode_leaves_out_what_lies_in_a_folder_that_fails(grafana):
    """A folder that cannot be read, as for an account without the permission."""

    def rule(method, url, send):
        return answer(406, {"message": "unreadable"}) if method == "GET" and url.endswith("/api/folders/ct-f") else None

    grafana.wire.rule = rule
    planned, done = (grafana.run(grafana_resources, check, **DECLARED) for check in (True, False))
    assert actions(planned) == actions(done) == {"ct-p": "created"}
    assert planned["msg"] == done["msg"]
    assert "dashboard 'ct-d': left out, since its folder 'ct-f' failed" in planned["msg"]


def test_an_organization_has_a_number_of_1_or_more(grafana):
    assert "org_id: 0 is not an organization" in grafana.run(grafana_resources, org_id=0, **DECLARED)["msg"]
    assert grafana.wire.requests == []


@pytest.mark.parametrize("check", [True, False])
def test_a_header_of_the_organization_that_gets_lost_is_named_before_a_write(grafana, check):
    """A proxy that removes headers it does not know: Grafana takes the account's current organization."""
    grafana.wire.rule = lambda method, url, send: (
        answer(200, {"id": 7, "name": "X"}) if url.endswith("/api/org") else None
    )
    result = grafana.run(grafana_resources, check, org_id=1, **DECLARED)
    assert "org_id: the requests reach organization 7 instead of 1" in result["msg"]
    assert grafana.wire.writes == []
    grafana.wire.rule = None
    assert grafana.run(grafana_resources, org_id=1, **DECLARED)["changed"]
    grafana.wire.clear()
    assert not grafana.run(grafana_resources, org_id=1, **DECLARED)["changed"]
    assert ("GET", "/api/org") not in grafana.wire.requests


def test_a_missing_organization_is_named(grafana):
    result = grafana.run(grafana_resources, org_id=999999, **DECLARED)
    assert "org_id: there is no organization 999999, or username" in result["msg"]
    assert "1 (Main Org.)" in result["msg"]
    assert grafana.wire.writes == []
    assert len(grafana.wire.requests) == 3


def test_a_missing_organization_is_named_to_a_token(grafana, tmp_path):
    file = tmp_path / "token"
    given = {"name": "ct-account", "role": "Admin", "token_file": str(file)}
    grafana.run(grafana_service_account, **given)
    try:
        grafana.wire.clear()
        result = grafana.run(grafana_resources, token=file.read_text(), org_id=999999, **DECLARED)
        assert [path for _method, path in grafana.wire.requests] == ["/api/health", "/api/datasources"]
    finally:
        grafana.run(grafana_service_account, state="absent", **given)
    assert "org_id: this token is of another organization than 999999" in result["msg"]


def test_a_permission_that_is_missing_in_the_right_organization_stays_one(grafana):
    denied = answer(403, {"message": "Permissions needed: datasources:read"})
    grafana.wire.rule = lambda method, url, send: denied if url.endswith("/api/datasources") else None
    result = grafana.run(grafana_resources, org_id=1, **DECLARED)
    assert "forbids username" in result["msg"]
    assert "Permissions needed: datasources:read" in result["msg"]


def test_disabled_basic_authentication_is_no_wrong_password(without_basic_auth):
    for module, given in ((grafana_resources, DECLARED), (grafana_admin_password, {"old_password": "another-one"})):
        without_basic_auth.wire.clear()
        result = without_basic_auth.run(module, **given)
        assert "Basic authentication is disabled in Grafana, so no password was checked" in result["msg"]
        assert "locks an account" not in result["msg"]
        assert len(without_basic_auth.wire.requests) == 2


def test_a_missing_organization_of_which_grafana_says_unauthorized(grafana):
    def rule(method, url, send):
        return answer(401, {"message": "Unauthorized"}) if urlsplit(url).path == "/api/datasources" else None

    grafana.wire.rule = rule
    assert "org_id: there is no organization 999999" in grafana.run(grafana_resources, org_id=999999, **DECLARED)["msg"]


def test_disabled_basic_authentication_behind_anonymous_access(grafana):
    """Grafana takes the request as one of an anonymous Viewer, who lacks permissions."""

    def rule(method, url, send):
        path = urlsplit(url).path
        if path == "/api/user/orgs":
            return answer(401, {"message": "Unauthorized"})
        return answer(403, {"message": "Permissions needed: datasources:read"}) if path == "/api/datasources" else None

    grafana.wire.rule = rule
    assert "Basic authentication is disabled" in grafana.run(grafana_resources, **DECLARED)["msg"]


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ({"username": "", "password": "pw-of-nobody"}, "username: '' is empty"),
        ({"username": "ct:nobody", "password": "pw-of-nobody"}, "username: 'ct:nobody' has a colon"),
        ({"username": "ct-nobody", "password": ""}, "password: empty for 'ct-nobody'"),
    ],
)
def test_a_login_that_cannot_be_right_is_refused_before_a_request(grafana, login, words):
    assert words in grafana.run(grafana_resources, **login, **DECLARED)["msg"]
    assert grafana.wire.requests == []


def test_a_request_tells_who_sends_it(grafana):
    """Some web application firewalls refuse requests without User-Agent."""
    senders = set()
    handle = grafana.wire.handle
    grafana.wire.handle = lambda handler: (senders.add(handler.headers["User-Agent"]), handle(handler))
    grafana.run(grafana_resources, **DECLARED)
    assert senders == {"ansible-mlops.gpu_monitoring"}


def test_a_wrong_password_that_grafana_calls_a_bad_request(grafana):
    refused = {"message": "Invalid username or password", "messageId": "password-auth.failed"}
    grafana.wire.rule = lambda method, url, send: answer(400, refused) if "datasources" in url else None
    result = grafana.run(grafana_resources, **DECLARED)
    assert "refuses username" in result["msg"] and "locks an account after five wrong passwords" in result["msg"]
    assert len(grafana.wire.requests) == 2


def test_a_wrong_password_is_tried_as_often_as_there_are_passwords(grafana):
    result = grafana.run(grafana_resources, **NOBODY, **DECLARED)
    assert "locks an account after five wrong passwords in five minutes" in result["msg"]
    assert len(grafana.wire.requests) == 2
    grafana.wire.clear()
    result = grafana.run(grafana_admin_password, **NOBODY, old_password="another-one", login_help="Ask Ann.")
    assert "takes neither for 'ct-nobody'" in result["msg"]
    assert "locks an account after five wrong passwords in five minutes" in result["msg"]
    assert result["msg"].endswith(" Ask Ann.")
    assert [path for _method, path in grafana.wire.requests] == ["/api/health", "/api/user", "/api/user"]
    result = grafana.run(grafana_admin_password, **NOBODY)
    assert result["msg"].endswith(" Give the current password of the account as old_password.")


@pytest.mark.parametrize(
    ("module", "given"),
    [
        (grafana_resources, DECLARED),
        (grafana_dashboard, DASHBOARD),
        (grafana_folder, FOLDER),
        (grafana_datasource, {"uid": "ct-p", "name": "CT P"}),
        (grafana_service_account, {"name": "ct-account", "token_file": "/nonexistent/token"}),
        (grafana_admin_password, {}),
        (grafana_resources, {"folders": [{"uid": "a b", "title": "A"}]}),
        (grafana_resources, {"token": "both", "username": "and"}),
    ],
)
def test_a_login_in_the_url_is_refused_and_never_shown(grafana, module, given):
    logins = ("admin:word-in-url", "word-in-url", "admin:word%2Din/word-in-url", "admin:word-in-url:x")
    urls = [
        grafana.url.replace("//", f"//{login}@") for login in (*logins, "admin:word-in-url/?x", "admin:word-in-url#x")
    ]
    for url in (*urls, "admin:word-in-url@grafana.example.com:3000"):
        result = grafana.run(module, url=url, _ansible_inject_invocation=True, **given)
        assert result["failed"]
        assert "url" in json.dumps(result["invocation"])
        assert "word-in-url" not in json.dumps(result)
    assert grafana.wire.requests == []


def test_a_token_in_the_query_of_the_url_is_not_shown(grafana):
    result = grafana.run(grafana_resources, url=f"{grafana.url}/?auth_token=word-in-url", **DECLARED)
    assert "it has a query" in result["msg"]
    assert "word-in-url" not in result["msg"]


def test_a_login_in_the_url_of_a_datasource_is_not_shown(grafana):
    for url in ("http://me:word-in-first@p:9090", "http://me:word-in-second@p:9090", "http://p:9090"):
        given = {"datasources": [{**DATASOURCE, "url": url}]}
        result = grafana.run(grafana_resources, _ansible_inject_invocation=True, **given)
        assert result["changed"]
        assert "word-in" not in json.dumps(result)


@pytest.fixture
def behind_proxy(grafana, monkeypatch):
    """Runs a module through a proxy whose requests a rule answers, and returns the message."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    proxy = grafana.wire.listen()
    monkeypatch.setenv("http_proxy", proxy.replace("//", "//me:word-of-proxy@"))

    def run(rule, check=False):
        grafana.wire.clear()
        grafana.wire.rule = rule
        given = {"url": "http://grafana.invalid:3000", "use_proxy": True, "wait": 0}
        result = grafana.run(grafana_resources, check, **given, **DECLARED)
        assert "word-of-proxy" not in json.dumps(result)
        return result["msg"].replace(proxy, "PROXY")

    return run


def test_a_proxy_that_wants_a_login_is_named(grafana, behind_proxy):
    message = behind_proxy(lambda method, url, send: answer(407, "<html>who are you</html>"))
    assert message.startswith("use_proxy: GET http://grafana.invalid:3000/api/health was answered with 407")
    assert "by the proxy PROXY and not by Grafana" in message
    assert len(grafana.wire.requests) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_that_does_not_reach_grafana_is_named(behind_proxy, status):
    def at_once(method, url, send):
        return answer(status, "<html>no route</html>")

    def later(method, url, send):
        return None if url.endswith("/api/health") else at_once(method, url, send)

    message = behind_proxy(at_once)
    assert f"through the proxy PROXY after 0 s: HTTP {status} and text/html, which is not Grafana's answer" in message
    message = behind_proxy(later)
    assert f"was answered with {status} and text/html, by the proxy PROXY and not by Grafana" in message
    assert "forbids" not in message and "refuses" not in message


def test_a_dead_proxy_is_no_grafana_that_is_not_there_yet(grafana, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://me:word-of-proxy@127.0.0.1:1")
    for check in (True, False):
        message = grafana.run(grafana_resources, check, use_proxy=True, wait=0, **DECLARED)["msg"]
        assert message.startswith("use_proxy: no connection through the proxy http://127.0.0.1:1 after 0 s:")


@pytest.mark.parametrize("status", [401, 403, 500])
@pytest.mark.parametrize("page", ["<html>blocked</html>", ""])
def test_an_answer_that_is_not_json_is_not_one_of_grafana(grafana, status, page):
    """As of a web application firewall or a login page in front of Grafana."""
    blocked = answer(status, page) if page else Answer(status)
    grafana.wire.rule = lambda method, url, send: blocked if "datasources" in url else None
    message = grafana.run(grafana_resources, **DECLARED)["msg"]
    kind = "text/html" if page else "no content type"
    assert f"was answered with {status} and {kind}, by a proxy or web server in front of Grafana" in message
    assert "refuses username" not in message and "forbids username" not in message


def test_a_gateway_that_lost_grafana_ends_the_run(grafana):
    grafana.wire.rule = lambda method, url, send: answer(502, "<html>bad gateway</html>") if method == "POST" else None
    result = grafana.run(grafana_resources, **DECLARED)
    assert "dashboard 'ct-d': left out" in result["msg"]
    assert len(grafana.wire.writes) == retries.TRIES


def test_a_token_that_grafana_takes_is_kept(grafana, tmp_path):
    """Also one of an older Grafana, which has no user to show for a token, and one behind a gateway that fails."""
    given = {"name": "ct-account", "token_file": str(tmp_path / "token")}
    grafana.run(grafana_service_account, **given)
    for shown in (answer(404, {"message": "not found"}), answer(403, {"message": "Endpoint only available for users"})):
        grafana.wire.rule = lambda method, url, send, shown=shown: shown if url.endswith("/api/user") else None
        assert not grafana.run(grafana_service_account, **given)["changed"]
    grafana.wire.rule = lambda method, url, send: answer(502, "<html>") if url.endswith("/api/user") else None
    assert grafana.run(grafana_service_account, **given)["failed"]
    grafana.wire.rule = None
    grafana.run(grafana_service_account, state="absent", **given)
