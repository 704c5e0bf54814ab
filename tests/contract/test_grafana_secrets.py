"""Secrets of datasources, passwords and tokens: set, rotated, removed, and never shown."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.modules import (
    grafana_admin_password,
    grafana_resources,
    grafana_service_account,
)
from proxy import Reset, answer
from server import SECRETS, Grafana

FIRST, SECOND, THIRD = SECRETS
ROOT = Path(__file__).resolve().parents[2]


def datasource(**changes):
    return {"uid": "ct-p", "name": "CT P", "url": "http://p.example.com:9090", **changes}


def sent(grafana, given):
    """Secrets that a run sends, and its diff."""
    grafana.wire.clear()
    result = grafana.run(grafana_resources, datasources=[given])
    assert "failed" not in result, result["msg"]
    secrets = [body["secureJsonData"] for body in grafana.wire.bodies if "secureJsonData" in body]
    shown = json.dumps(result.get("diff"))
    return secrets, [word for word in ("<set>", "<rotated>", "<removed>") if word in shown]


def test_a_secret_is_set_once_rotated_by_its_version_and_removed_by_null(grafana):
    given = datasource(secure_json_data={"httpHeaderValue1": FIRST, "httpHeaderValue2": FIRST}, secrets_version="1")
    assert sent(grafana, given) == ([{"httpHeaderValue1": FIRST, "httpHeaderValue2": FIRST}], ["<set>"])
    assert sent(grafana, given) == ([], [])
    given["secure_json_data"]["httpHeaderValue1"] = SECOND
    assert sent(grafana, given) == ([], [])
    given["secrets_version"] = "2"
    assert sent(grafana, given) == ([given["secure_json_data"]], ["<set>", "<rotated>"])
    assert sent(grafana, given) == ([], [])
    given["secure_json_data"]["httpHeaderValue2"] = None
    assert sent(grafana, given) == ([{"httpHeaderValue2": ""}], ["<set>", "<removed>"])
    assert grafana.api("GET", "/api/datasources/uid/ct-p")["secureJsonFields"] == {"httpHeaderValue1": True}
    assert sent(grafana, given) == ([], [])


@pytest.mark.parametrize(
    ("first", "second", "secret"),
    [
        ({"json_data": {"httpHeaderName1": "X-A"}}, {"json_data": {"httpHeaderName1": "X-B"}}, "httpHeaderValue1"),
        ({"basic_auth_user": "ct-a"}, {"basic_auth_user": "ct-b"}, "basicAuthPassword"),
        ({"user": "ct-a"}, {"user": "ct-b"}, "password"),
    ],
)
def test_a_secret_of_another_user_or_header_is_sent(grafana, first, second, secret):
    """Otherwise Grafana would send the old secret with the new name."""
    grafana.run(grafana_resources, datasources=[datasource(**first, secure_json_data={secret: FIRST})])
    grafana.wire.clear()
    changed = datasource(**second, secure_json_data={secret: SECOND})
    result = grafana.run(grafana_resources, datasources=[changed])
    assert "<rotated>" in str(result["diff"])
    (body,) = [body for (method, _path), body in zip(grafana.wire.requests, grafana.wire.bodies) if method == "PUT"]
    assert body["secureJsonData"] == {secret: SECOND}
    assert not grafana.run(grafana_resources, datasources=[changed])["changed"]


def test_a_secret_that_somebody_removed_is_set_again(grafana):
    given = datasource(basic_auth_user="reader", secure_json_data={"basicAuthPassword": FIRST})
    grafana.run(grafana_resources, datasources=[given])
    stored = grafana.api("GET", "/api/datasources/uid/ct-p")
    assert (stored["basicAuth"], stored["basicAuthUser"]) == (True, "reader")
    grafana.api("PUT", "/api/datasources/uid/ct-p", {**stored, "secureJsonData": {"basicAuthPassword": ""}})
    assert sent(grafana, given) == ([{"basicAuthPassword": FIRST}], ["<set>"])


def test_a_new_secret_key_makes_secrets_be_sent_again(with_key, tmp_path, capfd):
    """On the day of the loss too, whose data key the server cannot read."""
    kept = tmp_path / "secret_key"
    given = datasource(json_data={"timeInterval": "7s"}, secure_json_data={"httpHeaderValue1": FIRST})
    plain = datasource(uid="ct-q", name="CT Q")

    def run(grafana, check=False):
        grafana.wire.clear()
        result = grafana.run(grafana_resources, check, datasources=[given, plain], secret_key_file=str(kept))
        assert "failed" not in result, result["msg"]
        return result

    kept.write_text("first-key")
    with with_key("first-key") as grafana:
        assert run(grafana)["changed"]
        stored = grafana.api("GET", "/api/datasources/uid/ct-p")
        grafana.api("PUT", "/api/datasources/uid/ct-p", {**stored, "jsonData": {**stored["jsonData"], "ofAPerson": 1}})
        assert not run(grafana)["changed"]
        assert "first-key" not in json.dumps(stored)
    kept.write_text("second-key")
    with with_key("second-key") as grafana:
        refused = grafana.run(grafana_resources, datasources=[given])
        assert "ct-p" in refused["msg"]
        grafana.wire.clear()
        taken = grafana.run(grafana_resources, datasources=[{**given, "name": "CT Q"}], secret_key_file=str(kept))
        assert "another one named 'CT Q'" in taken["msg"]
        assert grafana.wire.writes == []
        planned = run(grafana, check=True)
        assert [entry["action"] for entry in planned["objects"]] == ["updated", "unchanged"]
        assert grafana.wire.writes == []
        assert "contact points" in capfd.readouterr().err
        assert run(grafana)["changed"]
        stored = grafana.api("GET", "/api/datasources/uid/ct-p")
        assert stored["secureJsonFields"] == {"httpHeaderValue1": True}
        assert (stored["jsonData"]["timeInterval"], stored["jsonData"]["ofAPerson"]) == ("7s", 1)
        assert not run(grafana)["changed"]


def test_a_secret_key_file_that_does_not_exist(grafana, tmp_path):
    missing = str(tmp_path / "secret_key")
    assert (
        "does not exist" in grafana.run(grafana_resources, datasources=[datasource()], secret_key_file=missing)["msg"]
    )
    assert grafana.run(grafana_resources, check=True, datasources=[datasource()], secret_key_file=missing)["changed"]


def test_a_refused_password_comes_with_the_advice_of_the_task(grafana):
    given = {"username": grafana.username, "password": "wrong-password", "login_help": "Reset the password."}
    for module, declared in ((grafana_resources, {"datasources": [datasource()]}), (grafana_admin_password, {})):
        result = grafana.run(module, **given, **declared)
        assert "Invalid username or password" in result["msg"]
        assert result["msg"].endswith(" Reset the password.")


def test_a_server_that_repeats_a_secret_in_its_error_does_not_have_it_shown(grafana):
    grafana.wire.rule = lambda method, url, send: (
        answer(400, {"message": f"bad value {FIRST}"}) if method == "POST" else None
    )
    result = grafana.run(grafana_resources, datasources=[datasource(secure_json_data={"httpHeaderValue1": FIRST})])
    assert result["failed"]
    assert FIRST not in json.dumps(result)


@pytest.mark.parametrize("working", [True, False])
def test_no_secret_in_the_output_of_ansible(grafana, tmp_path, working):
    """As a user runs it, at the highest verbosity, with --diff, when it works and when it fails."""
    task = {
        "url": grafana.url,
        "username": grafana.username,
        "password": "{{ lookup('ansible.builtin.env', 'PASSWORD_OF_TEST') }}",
        "datasources": [
            datasource(
                uid="ct-p" if working else "c t",
                secure_json_data={"httpHeaderValue1": "{{ lookup('ansible.builtin.env', 'SECRET_OF_TEST') }}"},
            )
        ],
    }
    playbook = tmp_path / "playbook.yml"
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "tasks": [{"mlops.gpu_monitoring.grafana_resources": task}],
    }
    playbook.write_text(yaml.safe_dump([play]))
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "SECRET_OF_TEST": FIRST,
        "PASSWORD_OF_TEST": grafana.password,
    }
    program, python = Path(sys.executable).parent / "ansible-playbook", f"ansible_python_interpreter={sys.executable}"
    command = [str(program), "-vvvv", "--diff", "-i", "localhost,", "-e", python, str(playbook)]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert (done.returncode == 0) == working, done.stdout
    assert ("<set>" in done.stdout) == working
    assert FIRST not in done.stdout
    assert len(grafana.password) < 9 or grafana.password not in done.stdout


@pytest.fixture
def account(grafana, tmp_path):
    """Arguments of a service account that is removed afterwards."""
    given = {"name": "ct-account", "role": "Admin", "token_file": str(tmp_path / "kept" / "token")}
    yield given
    grafana.wire.rule = None
    assert "failed" not in grafana.run(grafana_service_account, name="ct-account", state="absent")


def test_a_service_account_and_its_token_are_made_once(grafana, account):
    planned = grafana.run(grafana_service_account, check=True, **account)
    assert planned["actions"] == ["create service account", "create token"]
    assert grafana.wire.writes == []
    first = grafana.run(grafana_service_account, **account)
    assert first["actions"] == planned["actions"]
    file = Path(account["token_file"])
    token = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in json.dumps(first)
    assert not grafana.run(grafana_service_account, **account)["changed"]
    assert file.read_text() == token
    result = grafana.run(grafana_resources, token=token, folders=[{"uid": "ct-f", "title": "CT F"}])
    assert result["changed"]


def test_a_missing_token_is_made_again(grafana, account):
    grafana.run(grafana_service_account, **account)
    file = Path(account["token_file"])
    first = file.read_text()
    file.write_text("glsa_of_nobody")
    assert grafana.run(grafana_service_account, **account)["actions"] == ["create token"]
    assert file.read_text() not in (first, "glsa_of_nobody")
    file.unlink()
    assert grafana.run(grafana_service_account, **account)["actions"] == ["create token"]
    assert not grafana.run(grafana_service_account, **account)["changed"]


def test_a_grafana_that_has_no_user_for_a_token(grafana, account):
    """Grafana 10 answers a token's GET /api/user with 403."""
    grafana.run(grafana_service_account, **account)
    message = {"message": "Endpoint only available for users"}
    grafana.wire.rule = lambda method, url, send: answer(403, message) if url.endswith("/api/user") else None
    assert not grafana.run(grafana_service_account, **account)["changed"]


def test_a_token_from_a_file_with_an_end_of_line(grafana, account):
    grafana.run(grafana_service_account, **account)
    token = Path(account["token_file"]).read_text()
    assert grafana.run(grafana_resources, token=token + "\n", folders=[{"uid": "ct-f", "title": "CT F"}])["changed"]


def test_a_service_account_gets_its_role_back_and_goes(grafana, account):
    grafana.run(grafana_service_account, **account)
    assert grafana.run(grafana_service_account, **{**account, "role": "Viewer"})["actions"] == [
        "update service account"
    ]
    gone = {"name": "ct-account", "token_file": account["token_file"], "state": "absent"}
    assert grafana.run(grafana_service_account, **gone)["actions"] == ["delete service account", "delete token file"]
    assert not grafana.run(grafana_service_account, **gone)["changed"]


def test_check_mode_before_grafana_runs(tmp_path):
    nowhere = Grafana("http://127.0.0.1:9", "admin", "pw-of-the-test")
    given = {"name": "ct-account", "token_file": str(tmp_path / "token")}
    planned = nowhere.run(grafana_service_account, check=True, **given)
    assert planned["actions"] == ["create service account", "create token"]
    assert nowhere.run(grafana_service_account, check=True, state="absent", **given)["actions"] == []
    assert "no Grafana answers" in nowhere.run(grafana_service_account, wait=0, **given)["msg"]


def test_a_service_account_without_a_name(grafana, tmp_path):
    result = grafana.run(grafana_service_account, name=" ", token_file=str(tmp_path / "token"))
    assert result["msg"] == "name: empty. Give the service account a name."
    assert grafana.wire.writes == []


def test_two_service_accounts_have_a_token_each(grafana, account, tmp_path):
    """Grafana takes the name of a token once in an organization."""
    other = {"name": "ct-other", "token_file": str(tmp_path / "other")}
    grafana.run(grafana_service_account, **account)
    assert grafana.run(grafana_service_account, **other)["actions"] == ["create service account", "create token"]
    message = grafana.run(
        grafana_service_account, **{**other, "token_file": str(tmp_path / "third"), "token_name": "ct-account"}
    )["msg"]
    assert "token_name: 'ct-account' is the name of a token of another service account" in message
    assert "failed" not in grafana.run(grafana_service_account, **other, state="absent")


def test_a_service_account_that_another_host_has_just_made_is_no_error(grafana, account, monkeypatch):
    # The module of the other host runs in a thread, where no signal handler can be set. ansible-core 2.22 sets one.
    monkeypatch.setattr("signal.signal", lambda _number, _handler: None)
    first_search = []

    def rule(method, url, send):
        if "/search" not in url or first_search:
            return None
        first_search.append(url)
        before = send()
        grafana.wire.rule = None
        grafana.run(grafana_service_account, **account)
        return before

    grafana.wire.rule = rule
    assert grafana.run(grafana_service_account, **account)["actions"] == []


def test_a_service_account_whose_name_differs_in_capitals_is_named(grafana, account):
    grafana.run(grafana_service_account, **account)
    message = grafana.run(grafana_service_account, **{**account, "name": "CT-Account"})["msg"]
    assert "name: 'CT-Account' differs from the name of another service account only in capitals" in message


def test_the_token_of_a_disabled_account_is_kept(grafana, account):
    grafana.run(grafana_service_account, **account)
    token = Path(account["token_file"]).read_text()
    disabled_account = grafana.api("GET", "/api/serviceaccounts/search?query=ct-account")["serviceAccounts"][0]
    grafana.api("PATCH", f"/api/serviceaccounts/{disabled_account['id']}", {"isDisabled": True})
    planned = grafana.run(grafana_service_account, check=True, **account)["actions"]
    assert grafana.run(grafana_service_account, **account)["actions"] == planned == ["update service account"]
    assert Path(account["token_file"]).read_text() == token


@pytest.mark.parametrize("content", [b"s3cret-of-somebody", b"glsa_two words", b"\xff\x00key"])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_file_that_holds_no_token_is_not_lost(grafana, account, state, content):
    other = Path(account["token_file"]).parent / "other"
    other.parent.mkdir()
    other.write_bytes(content)
    message = grafana.run(grafana_service_account, **{**account, "token_file": str(other), "state": state})["msg"]
    assert f"token_file: {other} holds other content than a token" in message
    assert other.read_bytes() == content
    assert grafana.wire.writes == []
    message = grafana.run(grafana_service_account, **{**account, "token_file": str(other.parent), "state": state})[
        "msg"
    ]
    assert "is a directory" in message


def test_a_token_that_cannot_be_stored_replaces_none(grafana, account):
    """Others may use the token that is in force."""
    grafana.run(grafana_service_account, **account)
    elsewhere = {**account, "token_file": "/proc/ct/token"}
    grafana.wire.clear()
    message = grafana.run(grafana_service_account, **elsewhere)["msg"]
    assert message.startswith("token_file: /proc/ct/token cannot be written: ")
    assert grafana.wire.writes == []
    assert not grafana.run(grafana_service_account, **account)["changed"]
    kept = Path(account["token_file"]).parent
    assert [path.name for path in kept.iterdir()] == ["token"]


@pytest.fixture
def password_put_back(grafana):
    """Gives the administrator the previous password back, whatever the test did."""
    before = grafana.password
    yield before
    body = {"oldPassword": grafana.password, "newPassword": before, "confirmNew": before}
    grafana.api("PUT", "/api/user/password", body)
    grafana.password = before


def test_a_password_is_rotated_once(grafana, password_put_back, tmp_path):
    kept = tmp_path / "password"
    kept.write_text(password_put_back + "\n")
    given = {"username": grafana.username, "password": SECOND, "old_password_file": str(kept)}
    assert grafana.run(grafana_admin_password, check=True, **given)["changed"]
    assert grafana.wire.writes == []
    assert grafana.run(grafana_admin_password, **given)["changed"]
    grafana.password = SECOND
    assert not grafana.run(grafana_admin_password, **given)["changed"]
    assert not grafana.run(grafana_admin_password, username=grafana.username, password=SECOND)["changed"]


def test_a_password_whose_answer_was_lost_is_no_wrong_password(grafana, password_put_back):
    lost = []

    def rule(method, url, send):
        if method != "PUT" or lost:
            return
        lost.append(send())
        raise Reset

    grafana.wire.rule = rule
    given = {"username": grafana.username, "password": SECOND, "old_password": password_put_back}
    assert grafana.run(grafana_admin_password, **given)["changed"]
    grafana.password = SECOND


def test_what_ansible_would_mask_is_not_gathered(grafana):
    grafana.run(grafana_resources, datasources=[datasource(url=f"http://{grafana.password}.example.com")])
    assert "password: it occurs in what was gathered" in grafana.run(grafana_resources, state="gathered")["msg"]


def test_a_file_of_the_old_password_that_is_no_text_is_named(grafana, tmp_path):
    kept = tmp_path / "password"
    kept.write_bytes(b"\xff\x00")
    result = grafana.run(grafana_admin_password, username="ct-nobody", password=SECOND, old_password_file=str(kept))
    assert result["msg"].startswith(f"old_password_file: {kept} is not text")
    assert grafana.wire.requests == []


def test_two_wrong_passwords_are_two_tries(grafana):
    result = grafana.run(grafana_admin_password, username="ct-nobody", password=SECOND, old_password=THIRD)
    assert "takes neither for 'ct-nobody'" in result["msg"]
    assert [path for _method, path in grafana.wire.requests] == ["/api/health", "/api/user", "/api/user"]
    short = grafana.run(grafana_admin_password, username=grafana.username, password="abc")
    assert "fewer than 4 characters" in short["msg"]
