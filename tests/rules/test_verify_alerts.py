"""What verify sees of the way of alerts, with a real Prometheus, a real Alertmanager and receivers of webhooks."""

from __future__ import annotations

import contextlib
import io
import json
import time

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager import client as alertmanager
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager.matchers import Matcher
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus import client as prometheus_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import alerts, collect_alerts
from ansible_collections.mlops.gpu_monitoring.plugins.modules import monitoring_verify

from tests import examples
from tests.mail_server import mail_server
from tests.rules.servers import free_address, wait_until
from tests.webhooks import webhook

OPTIONS = dict.fromkeys(("url_username", "url_password", "token", "ca_path", "client_cert", "client_key"))
WATCHDOG = {"alert": "Watchdog", "expr": "vector(1)", "labels": {"severity": "info"}}


def client(module, url):
    return module.Client({**OPTIONS, "url": url, "validate_certs": True, "timeout": 10, "use_proxy": False})


@pytest.fixture
def watched(prometheus, tmp_path):
    """Starts a Prometheus with rules that sends alerts to an address."""

    def start(address, *rules):
        folder = tmp_path / "watched"
        folder.mkdir()
        folder.chmod(0o755)
        groups = [{"name": "site", "interval": "1s", "rules": list(rules)}]
        (folder / "rules.yml").write_text(json.dumps({"groups": groups}))
        targets = [{"static_configs": [{"targets": [address]}]}] if address else []
        configuration = {
            "global": {"evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "alerting": {"alertmanagers": targets},
        }
        (folder / "prometheus.yml").write_text(json.dumps(configuration))
        return client(prometheus_client, prometheus(folder, "--rules.alert.resend-delay=1s").url)

    return start


def problems(metrics, notifier, *names):
    seen = collect_alerts.look(metrics, notifier, time.time())
    return [problem.message for problem in alerts.problems(alerts.Wanted([*names], notifier is not None), seen)]


def test_the_whole_way_is_seen(watched, start_alertmanager):
    url = start_alertmanager()
    notifier = client(alertmanager, url)
    metrics = watched(url.removeprefix("http://"), WATCHDOG)
    wait_until(lambda: collect_alerts.look(metrics, notifier, time.time()).arrived, "Watchdog does not arrive")
    assert problems(metrics, notifier, "Watchdog", "GpuHot") == [
        "Prometheus has no rule for the alert GpuHot. Run the playbook site."
    ]
    seen = collect_alerts.look(metrics, notifier, time.time())
    assert seen.cluster == ("disabled", [])
    assert seen.alertmanagers == [url] and [sent.url for sent in seen.sent] == [url]
    assert seen.groups[0].interval == 1 and seen.groups[0].age < 30


def test_an_alertmanager_that_does_not_answer_is_reported(watched, start_alertmanager):
    metrics = watched(free_address(), WATCHDOG)
    notifier = client(alertmanager, start_alertmanager())

    def told():
        return [
            problem for problem in problems(metrics, notifier) if "cannot send alerts to http://127.0.0.1" in problem
        ]

    wait_until(told, "the failure is not seen")
    assert "does not arrive" not in " ".join(problems(metrics, notifier))
    [gone] = problems(metrics, client(alertmanager, f"http://{free_address()}"))
    assert gone.startswith("Alertmanager cannot be asked: url: no Alertmanager answers")


def test_rules_that_fail_and_a_missing_alertmanager_are_reported(watched, start_alertmanager):
    metrics = watched(
        "",
        WATCHDOG,
        {"alert": "Broken", "expr": 'vector(1) + on () (vector(1) or label_replace(vector(1), "a", "b", "", ""))'},
    )
    notifier = client(alertmanager, start_alertmanager())
    wait_until(lambda: "many-to-many" in " ".join(problems(metrics, notifier)), "the rule does not fail")
    [broken, nobody] = problems(metrics, notifier)
    assert broken.startswith("Prometheus cannot evaluate the rule Broken: ")
    assert nobody == "Prometheus has no Alertmanager, so nobody is notified of alerts. Run the playbook site."
    assert problems(metrics, None) == [broken]


def notifying(start_alertmanager, url, *further, severity="page"):
    """A client of an Alertmanager whose receiver `page` has webhooks."""
    receivers = [
        {"name": "nobody"},
        {"name": "page", "webhook_configs": [{"url": webhook_url} for webhook_url in (url, *further)]},
    ]
    routes = [{"receiver": "page", "matchers": [f"severity={severity}"]}]
    route = {"receiver": "nobody", "group_by": ["host"], "group_wait": "0s", "routes": routes}
    return client(alertmanager, start_alertmanager({"route": route, "receivers": receivers}))


def test_a_test_alert_arrives_and_is_resolved(start_alertmanager):
    with webhook() as (url, got), webhook() as (second_url, second):
        notifier = notifying(start_alertmanager, url, second_url)
        trial = collect_alerts.try_alert(notifier, "monitor1", "page", 20)
        assert alerts.trial_problems(trial) == []
        assert alerts.trial_note(trial).endswith("the receiver page took it by webhook.")
        [notification], [_also] = got, second
        [alert] = notification.content["alerts"]
        assert alert["labels"]["alertname"] == "VerifyTestAlert" and alert["labels"]["severity"] == "page"
        assert "monitor1" in alert["annotations"]["summary"] and alert["status"] == "firing"
        wait_until(lambda: not notifier.alerts(Matcher("alertname", "VerifyTestAlert")), "the alert still fires")
        again = collect_alerts.try_alert(notifier, "monitor1", "page", 20)
        assert alerts.trial_problems(again) == []


def test_each_integration_of_a_receiver_has_to_take_the_test_alert(start_alertmanager):
    with mail_server() as (address, mails), webhook() as (url, got):
        email = {"to": "oncall@example.com", "from": "alerts@example.com", "smarthost": address, "require_tls": False}
        receivers = [{"name": "oncall", "webhook_configs": [{"url": url}], "email_configs": [email]}]
        route = {"receiver": "oncall", "group_wait": "0s"}
        notifier = client(alertmanager, start_alertmanager({"route": route, "receivers": receivers}))
        trial = collect_alerts.try_alert(notifier, "monitor1", "page", 20)
        assert alerts.trial_problems(trial) == []
        [mail] = mails
        assert len(got) == 1 and mail["To"] == "oncall@example.com" and "VerifyTestAlert" in mail["Subject"]
        assert trial.integrations == {"webhook": 1, "email": 1}


def test_a_receiver_that_fails_is_reported(start_alertmanager):
    with webhook(400) as (url, _got):
        trial = collect_alerts.try_alert(notifying(start_alertmanager, url), "monitor1", "page", 5)
    [problem] = alerts.trial_problems(trial)
    assert "the receiver page failed by webhook." in problem.message


def test_a_receiver_that_takes_the_second_request_is_no_problem(start_alertmanager):
    with webhook(unavailable=1) as (url, got):
        trial = collect_alerts.try_alert(notifying(start_alertmanager, url), "monitor1", "page", 20)
    assert len(got) == 2 and trial.requests["webhook"].failed == 1
    assert alerts.trial_problems(trial) == []
    assert alerts.trial_note(trial).endswith("the receiver page took it by webhook.")


def test_a_route_to_nobody_is_notified(start_alertmanager):
    with webhook() as (url, got):
        trial = collect_alerts.try_alert(notifying(start_alertmanager, url), "monitor1", "info", 20)
        assert not got
    [problem] = alerts.trial_problems(trial)
    assert "the receiver nobody has no integration." in problem.message


def test_a_silence_is_reported(start_alertmanager):
    with webhook() as (url, got):
        notifier = notifying(start_alertmanager, url)
        now = collect_alerts.moment("2026-01-01T00:00:00Z").replace(year=2099)
        silence = alertmanager.Silence(
            "", frozenset({Matcher("severity", "page")}), notifier.now, now, "somebody", "quiet", ""
        )
        identity = notifier.write(silence)
        trial = collect_alerts.try_alert(notifier, "monitor1", "page", 20)
        assert not got
    [problem] = alerts.trial_problems(trial)
    assert f"it is suppressed by the silence {identity}." in problem.message


def verify(check=False, **given):
    """Problems of alerts, and the notes, of the module. No Grafana answers it, which is a problem of its own."""
    output = io.StringIO()
    asked = {"hosts": [], "targets": {}, "scrape_interval": 60, "grafana_url": f"http://{free_address()}"}
    login = {"grafana_username": "admin", "grafana_password": "pw-of-the-test"}
    with (
        patch_module_args({**asked, **login, **given, "_ansible_check_mode": check}),
        contextlib.redirect_stdout(output),
    ):
        with pytest.raises(SystemExit):
            monitoring_verify.main()
    result = json.loads(output.getvalue())
    problems = [problem["message"] for problem in result["problems"] if problem["check"] == "alerts"]
    return problems, [note for note in result["notes"] if "test alert" in note]


def test_the_module_reports_faults_and_sends_a_test_alert_where_there_are_no_faults(
    watched, start_alertmanager, tmp_path
):
    _first, example = examples.of("monitoring_verify")
    options = examples.rendered(example, {"grafana_admin_password": "pw-of-the-test"}, tmp_path)
    rules = [{"alert": name, "expr": "vector(0) > 1"} for name in options["alerts"]]
    with webhook() as (url, got):
        notifier = notifying(start_alertmanager, url)
        metrics = watched(notifier.url.removeprefix("http://"), WATCHDOG, *rules)
        wait_until(lambda: not problems(metrics, notifier, "Watchdog"), "the way is not whole")
        servers = {"prometheus_url": metrics.url, "alertmanager_url": notifier.url}
        given = {**options, **servers, "grafana_url": f"http://{free_address()}"}
        missing = ["Prometheus has no rule for the alert NoSuchAlert. Run the playbook site."]
        assert verify(**{**given, "alerts": ["NoSuchAlert"]}) == (missing, [])
        assert verify(check=True, **given) == ([], []) and not got
        # A test alert is sent though members of the cluster are missing.
        [told], [note] = verify(**given, alertmanager_members={"monitor2": "10.0.0.9:9094"})
        assert (
            told.startswith("Alertmanager runs without a cluster") and "the receiver page took it by webhook." in note
        )
        assert [notification.content["receiver"] for notification in got] == ["page"]
        assert verify(prometheus_url=metrics.url) == ([], [])
