"""The module alertmanager_silence against a real Alertmanager, over HTTP and over TLS with a password."""

from __future__ import annotations

import contextlib
import io
import json
import ssl
from datetime import datetime, timedelta, timezone

import pytest
import requests
import trustme
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.modules import alertmanager_silence
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.password_hashes import web_password_hash

from tests import examples
from tests.rules.servers import wait_until

PASSWORD = "correct-horse-battery"


class Alertmanager:
    """A running Alertmanager: the module against it, and its API by hand."""

    def __init__(self, url, **session):
        self.url, self.session = url, session

    def run(self, check=False, **given):
        """The module's result; its output must not hold the password."""
        output = io.StringIO()
        arguments = {"url": self.url, **given, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
            alertmanager_silence.main()
        result = json.loads(output.getvalue())
        result.pop("_ansible_new_secrets", None)
        assert PASSWORD not in json.dumps({key: value for key, value in result.items() if key != "invocation"})
        return result

    def api(self, method, path, body=None):
        answer = requests.request(method, f"{self.url}/api/v2/{path}", json=body, timeout=10, **self.session)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def silences(self, state="active"):
        return [silence for silence in self.api("GET", "silences") if silence["status"]["state"] == state]

    def silence(self, starts=0, hours=1, author="somebody", **labels):
        """A silence as a person makes it."""
        now = datetime.now(timezone.utc)
        matchers = [{"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in labels.items()]
        times = {"startsAt": now + timedelta(hours=starts), "endsAt": now + timedelta(hours=starts + hours)}
        body = {"matchers": matchers, "createdBy": author, "comment": "by hand"}
        body.update({name: moment.isoformat() for name, moment in times.items()})
        return self.api("POST", "silences", body)["silenceID"]


@pytest.fixture(scope="module")
def running(start_alertmanager):
    return Alertmanager(start_alertmanager())


@pytest.fixture
def alertmanager(running):
    """The running Alertmanager without silences but those that are over."""
    yield running
    for silence in running.api("GET", "silences"):
        running.api("DELETE", f"silence/{silence['id']}")


@pytest.fixture
def warnings(monkeypatch):
    shown = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: shown.append(text))
    return shown


def sides(result):
    """The silences before and after, as the diff has them."""
    [diff] = result["diff"]
    return diff["before"]["silences"], diff["after"]["silences"]


def left(silence):
    """The hours that a silence lasts from now on."""
    end = datetime.fromisoformat(silence["endsAt"])
    return (end - datetime.now(timezone.utc)).total_seconds() / 3600


def test_a_silence_is_made_once_and_ended_once(alertmanager):
    matchers = ['host="gpu3"', 'alertname=~"Gpu.*"', "severity!=page"]
    given = {"matchers": matchers, "comment": "new fan", "duration": "2h"}
    planned = alertmanager.run(check=True, **given)
    assert planned["changed"] and not alertmanager.silences()
    made = alertmanager.run(**given)
    assert made["changed"]
    [silence] = alertmanager.silences()
    assert silence["id"] == made["silences"][0]["id"]
    assert (silence["comment"], silence["createdBy"]) == ("new fan", "ansible")
    assert left(silence) == pytest.approx(2, abs=0.01)
    assert sorted(silence["matchers"], key=lambda matcher: matcher["name"]) == [
        {"name": "alertname", "value": "Gpu.*", "isRegex": True, "isEqual": True},
        {"name": "host", "value": "gpu3", "isRegex": False, "isEqual": True},
        {"name": "severity", "value": "page", "isRegex": False, "isEqual": False},
    ]
    again = alertmanager.run(**{**given, "matchers": matchers[::-1]})
    assert not again["changed"] and again["silences"] == made["silences"] and not again["diff"]
    gone = {"matchers": matchers, "state": "absent"}
    planned = alertmanager.run(check=True, **gone)
    assert planned["changed"] and len(alertmanager.silences()) == 1
    ended = alertmanager.run(**gone)
    assert ended["changed"] and ended["silences"][0]["state"] == "expired"
    assert not alertmanager.silences()
    assert not alertmanager.run(**gone)["changed"]


def test_the_plan_and_the_diff_are_those_of_the_run(alertmanager):
    given = {"hosts": ["gpu1", "gpu2"], "comment": "update"}
    planned, made = alertmanager.run(check=True, **given), alertmanager.run(**given)
    unknown_before = {"id": "", "starts_at": "", "ends_at": ""}

    def known(silences):
        return [{**silence, **unknown_before} for silence in silences]

    assert known(planned["silences"]) == known(made["silences"])
    (before, after), (before_run, after_run) = (sides(result) for result in (planned, made))
    assert before == before_run == []
    assert known(after) == known(after_run)
    assert after_run[0]["matchers"] == ['host="gpu1"']


def test_hosts_have_silences_of_their_own(alertmanager):
    def hosts():
        return sorted(silence["matchers"][0]["value"] for silence in alertmanager.silences())

    assert alertmanager.run(hosts=["gpu1", "gpu2", "gpu3"], comment="update")["changed"]
    assert hosts() == ["gpu1", "gpu2", "gpu3"]
    assert alertmanager.run(hosts=["gpu3", "gpu4", "gpu4"], comment="update")["changed"]
    assert hosts() == ["gpu1", "gpu2", "gpu3", "gpu4"]
    assert len(alertmanager.run(hosts=["gpu2", "gpu9"], state="absent")["silences"]) == 1
    assert hosts() == ["gpu1", "gpu3", "gpu4"]
    assert not alertmanager.run(hosts=[], comment="update")["changed"]
    assert hosts() == ["gpu1", "gpu3", "gpu4"]


def test_matchers_and_hosts_hold_together(alertmanager):
    alertmanager.run(hosts=["gpu1"], matchers=['severity!="page"'], comment="update")
    [silence] = alertmanager.silences()
    assert [matcher["name"] for matcher in silence["matchers"]] == ["host", "severity"]
    assert not alertmanager.run(hosts=["gpu1"], state="absent")["changed"]
    assert alertmanager.run(hosts=["gpu1"], matchers=["severity!=page"], state="absent")["changed"]


def test_a_silence_that_ends_too_soon_is_extended_and_a_longer_one_kept(alertmanager):
    first = alertmanager.run(hosts=["gpu1"], comment="update", duration="1h")["silences"][0]["id"]
    longer = alertmanager.run(hosts=["gpu1"], comment="update", duration="5h")
    assert longer["changed"] and longer["silences"][0]["id"] == first
    assert left(alertmanager.silences()[0]) == pytest.approx(5, abs=0.01)
    assert not alertmanager.run(hosts=["gpu1"], comment="update", duration="30m")["changed"]
    [silence] = alertmanager.silences()
    assert left(silence) == pytest.approx(5, abs=0.01)
    [before], [after] = sides(longer)
    assert before["ends_at"] < after["ends_at"] and before["id"] == after["id"]


def test_another_comment_is_written_and_the_end_stays(alertmanager):
    alertmanager.run(hosts=["gpu1"], comment="update", duration="3h")
    assert alertmanager.run(hosts=["gpu1"], comment="new fan", duration="1h")["changed"]
    [silence] = alertmanager.silences()
    assert silence["comment"] == "new fan" and left(silence) == pytest.approx(3, abs=0.01)


def test_a_silence_that_is_over_or_has_not_begun_counts_as_none(alertmanager):
    alertmanager.run(hosts=["gpu1"], comment="update")
    alertmanager.run(hosts=["gpu1"], state="absent")
    pending = alertmanager.silence(starts=10, author="ansible", host="gpu1")
    assert alertmanager.run(hosts=["gpu1"], comment="update")["changed"]
    assert len(alertmanager.silences()) == 1
    assert not alertmanager.run(hosts=["gpu1"], comment="update")["changed"]
    assert alertmanager.run(hosts=["gpu1"], state="absent")["changed"]
    assert not alertmanager.silences() and not alertmanager.silences("pending")
    assert pending in {silence["id"] for silence in alertmanager.silences("expired")}


def test_of_two_equal_silences_the_longer_counts_and_both_end(alertmanager):
    for hours in (1, 4, 2):
        alertmanager.silence(hours=hours, author="ansible", host="gpu1")
    result = alertmanager.run(hosts=["gpu1"], comment="by hand", duration="4h")
    assert not result["changed"] and len(result["silences"]) == 1
    assert len(alertmanager.run(hosts=["gpu1"], state="absent")["silences"]) == 3
    assert not alertmanager.silences()


def test_silences_of_others_stay_and_are_reported(alertmanager, warnings):
    theirs = alertmanager.silence(hours=9, author="alice", host="gpu1")
    assert alertmanager.run(hosts=["gpu1"], comment="update")["changed"]
    assert len(alertmanager.silences()) == 2
    alertmanager.run(hosts=["gpu1"], state="absent")
    assert [silence["id"] for silence in alertmanager.silences()] == [theirs]
    assert warnings == ['host="gpu1" stays silenced by alice: by hand']
    assert alertmanager.run(hosts=["gpu1"], state="absent", created_by="alice")["changed"]
    assert not alertmanager.silences()


def test_an_alert_of_the_host_is_suppressed_and_comes_back(alertmanager):
    alertmanager.api("POST", "alerts", [{"labels": {"alertname": "GpuHot", "host": host}} for host in ("gpu1", "gpu2")])

    def states():
        return {alert["labels"]["host"]: alert["status"]["state"] for alert in alertmanager.api("GET", "alerts")}

    wait_until(lambda: len(states()) == 2, "the alerts are not there")
    alertmanager.run(hosts=["gpu1"], comment="update")
    assert states()["gpu1"] == "suppressed" and states()["gpu2"] != "suppressed"
    alertmanager.run(hosts=["gpu1"], state="absent")
    assert states()["gpu1"] != "suppressed"


@pytest.mark.parametrize("value", ['say "hi"', "C:\\temp", "two\nlines", "größe", "a,b={c}", "1.2.3.4|x"])
def test_every_value_of_a_label_can_be_a_host(alertmanager, value):
    alertmanager.run(hosts=[value], comment="update")
    [silence] = alertmanager.silences()
    assert silence["matchers"] == [{"name": "host", "value": value, "isRegex": False, "isEqual": True}]
    [shown] = alertmanager.run(hosts=[value], comment="update")["silences"]
    assert not alertmanager.run(matchers=shown["matchers"], comment="update")["changed"]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"comment": "x"}, "matchers: neither matchers nor hosts"),
        ({"matchers": ['host~"gpu1"'], "comment": "x"}, "matchers: 'host~\"gpu1\"' is not a matcher."),
        ({"matchers": ['host="gpu1'], "comment": "x"}, "matchers: 'host=\"gpu1' is not a matcher."),
        ({"matchers": ["host=two words"], "comment": "x"}, "matchers: 'host=two words' is not a matcher."),
        ({"matchers": ['=~".*"'], "comment": "x"}, "matchers: '=~\".*\"' is not a matcher."),
        ({"matchers": ['host=~".*"'], "comment": "x"}, 'matchers: host=~".*" silences alerts without these labels'),
        ({"matchers": ['host!="gpu1"'], "comment": "x"}, 'matchers: host!="gpu1" silences alerts without'),
        ({"matchers": ['host=""'], "comment": "x"}, 'matchers: host="" silences alerts without'),
        ({"hosts": ["gpu1", ""], "comment": "x"}, "hosts: a name is empty."),
        ({"hosts": ["gpu1"]}, "comment"),
        ({"hosts": ["gpu1"], "comment": " "}, "comment: it is missing."),
        ({"hosts": ["gpu1"], "comment": "x", "created_by": ""}, "created_by: it is empty."),
        ({"hosts": ["gpu1"], "comment": "x", "duration": "2 hours"}, "duration: '2 hours' is not a duration."),
        ({"hosts": ["gpu1"], "comment": "x", "duration": "0s"}, "duration: '0s' is zero."),
        ({"hosts": ["gpu1"], "comment": "x", "duration": "9999999999y"}, "duration: '9999999999y' is not a duration."),
        ({"hosts": ["gpu1"], "comment": "x", "url": "http://127.0.0.1:1"}, "url: no Alertmanager answers at http://"),
    ],
)
def test_bad_input_is_one_error_and_nothing_is_written(alertmanager, check, given, words):
    result = alertmanager.run(check, **given)
    assert result["failed"] and words in result["msg"]
    assert not alertmanager.silences()


def test_a_regular_expression_that_alertmanager_cannot_read_is_its_own_error(alertmanager):
    result = alertmanager.run(hosts=["gpu1", "gpu2"], matchers=['alertname=~"Gpu("'], comment="x")
    assert result["failed"] and "matchers: Alertmanager at" in result["msg"] and "missing closing" in result["msg"]
    assert not alertmanager.silences()


def test_a_server_that_is_no_alertmanager_is_reported(alertmanager):
    result = alertmanager.run(hosts=["gpu1"], comment="x", url=f"{alertmanager.url}/monitoring")
    assert result["failed"] and "sub-path" in result["msg"]


@pytest.fixture(scope="module")
def protected(start_alertmanager, tmp_path_factory):
    """An Alertmanager with a certificate and a password, and the file of its authority."""
    folder = tmp_path_factory.mktemp("authority")
    authority = trustme.CA()
    served = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.crt"))
    tls = {"cert": served.cert_chain_pems[0].bytes().decode(), "key": served.private_key_pem.bytes().decode()}
    web = {"tls_server_config": tls, "basic_auth_users": {"ops": web_password_hash(PASSWORD, "ops")}}
    session = {"auth": ("ops", PASSWORD), "verify": str(folder / "ca.crt")}
    return Alertmanager(start_alertmanager(web=web, **session), **session)


def test_a_certificate_and_a_password_are_used(protected):
    given = {"hosts": ["gpu1"], "comment": "x", "ca_path": protected.session["verify"]}
    login = {"url_username": "ops", "url_password": PASSWORD}
    refused = protected.run(**given)
    assert refused["failed"] and "refuses the request with 401" in refused["msg"]
    untrusted = protected.run(**{**given, **login, "ca_path": ssl.get_default_verify_paths().cafile})
    assert untrusted["failed"] and "url: no trusted connection" in untrusted["msg"]
    plain = protected.run(hosts=["gpu1"], comment="x", url=protected.url.replace("https", "http"))
    assert plain["failed"] and "speaks TLS. Begin url with https://." in plain["msg"]
    assert protected.run(**given, **login)["changed"]
    assert not protected.run(**given, **login)["changed"]
    assert len(protected.silences()) == 1


@pytest.mark.parametrize("module", examples.run_by(__file__))
def test_the_examples_begin_and_end_silences(protected, module, tmp_path):
    login = {"url": protected.url, "url_username": "ops", "ca_path": protected.session["verify"]}
    variables = {"ansible_play_batch": ["gpu1", "gpu2"], "alertmanager_password": PASSWORD}
    active = []
    for example in examples.of(module):
        options = {**examples.rendered(example, variables, tmp_path), **login, "url_password": PASSWORD}
        assert protected.run(**options)["changed"], example.name
        assert not protected.run(**options)["changed"], example.name
        active.append(len(protected.silences()))
    assert active == [2, 0, 1]
