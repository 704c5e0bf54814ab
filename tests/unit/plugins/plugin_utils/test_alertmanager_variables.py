"""Settings of Alertmanager that would not work or show a secret. Each gives one error with the variable and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.specifications import check

from tests.unit.plugins.plugin_utils.inventory import host_variables

RULES = yaml.safe_load((Path(__file__).resolve().parents[4] / "roles/alertmanager/meta/variable_rules.yml").read_text())
MONITOR = {"monitor1": {"ansible_host": "10.0.0.9"}}
WORD = "word-of-mine"
SLACK = {"name": "oncall", "slack": {"api_url_file": "secrets/slack", "channel": "#gpu"}}
CHAT = {"name": "chat", "webhook": {"url_file": "secrets/hook"}}
MAIL = {"smtp_smarthost": "mail.example.com:587", "smtp_from": "alerts@example.com"}
GIVEN = {
    "alertmanager_secret_files": {"slack": WORD, "hook": WORD},
    "alertmanager_receivers": [SLACK],
    "alertmanager_global": MAIL,
}


def checked(tmp_path, variables):
    check(host_variables(tmp_path, {}, MONITOR, {**GIVEN, **variables}), ["alertmanager"], ["monitor1"], **RULES)


def refused(tmp_path, variable, value):
    with pytest.raises(ValueError) as error:
        checked(tmp_path, {variable: value})
    assert WORD not in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


def receiver(**integrations):
    return [{"name": "oncall", **integrations}]


def webhook_payload(**payload):
    return receiver(webhook_configs=[{"url_file": "secrets/hook", "payload": payload}])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([{"slack": {}}], "[0] has no name. Write it like {name: oncall,"),
        ([SLACK, SLACK], "the receiver oncall is declared twice. Give each receiver its own name."),
        (receiver(slak={}), "oncall.slak is not an integration. Use email, slack, teams,"),
        (receiver(slack_configs={"channel": "#x"}), "oncall.slack_configs is not a list."),
        (receiver(slack="#x"), "oncall.slack is not a mapping."),
        (receiver(slack=["#x"]), "an entry of oncall.slack is not a mapping."),
        (
            receiver(slack={"channel": "#x"}),
            "oncall.slack has no api_url_file or app_token_file. Put the secret into alertmanager_secret_files",
        ),
        (
            receiver(slack={"api_url": WORD}),
            "oncall.slack.api_url is a secret in the configuration. Put it into alertmanager_secret_files",
        ),
        (
            receiver(slack_configs=[{"api_url": WORD}]),
            "oncall.slack_configs[0].api_url is a secret in the configuration.",
        ),
        (
            receiver(slack={"api_url_file": "secrets/none"}),
            "oncall.slack.api_url_file names the file secrets/none, which alertmanager_secret_files does no",
        ),
        (
            receiver(slack={"api_url_file": "slack"}),
            "oncall.slack.api_url_file names a file that the container does not have. Write api_url_file: secrets/",
        ),
        (
            receiver(slack={"api_url_file": "slak"}),
            "oncall.slack.api_url_file names a file that the container does not have. Put its content into alertman",
        ),
        (
            receiver(slack={"api_url_file": f"https://example.com/{WORD}"}),
            "oncall.slack.api_url_file names a file that the container does not have.",
        ),
        (
            receiver(slack={"api_url_file": "/run/slack"}),
            "oncall.slack.api_url_file names the file /run/slack, which the container does not have.",
        ),
        (receiver(teams={}), "oncall.teams has no webhook_url_file."),
        (
            receiver(webhook={"url": f"https://example.com/{WORD}"}),
            "oncall.webhook.url is a secret in the configuration. Put it into alertmanager_secret_f",
        ),
        (receiver(webhook=[{"url_file": "secrets/hook"}, {}]), "oncall.webhook[1] has no url_file."),
        (
            receiver(webhook={"url_file": "secrets/hook", "http_config": {"basic_auth": {"password": WORD}}}),
            "oncall.webhook.http_config.basic_auth.passwor",  # codespell:ignore
        ),
        (
            receiver(webhook={"url_file": "secrets/hook", "http_config": {"tls_config": {"key": WORD}}}),
            "oncall.webhook.http_config.tls_config.key is a",
        ),
        (
            receiver(webhook={"url_file": "secrets/hook", "payload": {"token": WORD}}),
            "oncall.webhook.payload.token is a secret in the configuration. Alert",
        ),
        (
            receiver(webhook={"url_file": "secrets/hook", "http_config": {"proxy_url": f"http://me:{WORD}@p"}}),
            "oncall.webhook.http_config.proxy_url is a U",
        ),
        (receiver(pagerduty={"routing_key": WORD}), "oncall.pagerduty.routing_key is a secret in the configuration."),
        (receiver(pagerduty={}), "oncall.pagerduty has no routing_key_file or service_key_file."),
        (
            receiver(telegram={"bot_token_file": "secrets/hook"}),
            "oncall.telegram.chat_id is not the number of a chat. Write it like chat_id:",
        ),
        (receiver(telegram={"chat_id": 1}), "oncall.telegram has no bot_token_file."),
        (
            receiver(pushover_configs=[{"token_file": "secrets/hook"}]),
            "oncall.pushover_configs[0] has no user_key_file.",
        ),
        (receiver(email={}), "oncall.email has no to. Set oncall.email.to, such as oncall@example.com."),
        (
            receiver(email=[{"to": "a@b.c", "smarthost": "mail"}]),
            "oncall.email[0].smarthost is not a host with a port: mail. Write it like mail.example.co",
        ),
        (
            [{"name": "nobody", "slack": {}}],
            "the receiver nobody has an integration, and the role has a receiver nobody without one.",
        ),
        (
            receiver(email={"to": 5}),
            "oncall.email.to is not text. Write it like oncall@example.com, or a list of such texts.",
        ),
        (receiver(email={"to": ["a@b.c", {"d": "e"}]}), "oncall.email.to is not text."),
        (
            receiver(email={"to": "a@b.c", "headers": ["a"]}),
            "oncall.email.headers is not a mapping. Write it like {X-Site:",
        ),
        (
            receiver(telegram={"bot_token_file": "secrets/hook", "chat_id": "", "chat_id_file": "secrets/hook"}),
            "oncall.telegram has a chat_id and a chat_id_file. Remove one of them.",
        ),
        (webhook_payload(api_key=WORD), "oncall.webhook_configs[0].payload.api_key is a secret in the configuration."),
        (
            webhook_payload(login=[{"Authorization": f"Bearer {WORD}"}]),
            "oncall.webhook_configs[0].payload.login[0].Authorization is a secret in the configuration.",
        ),
        (
            receiver(email={"to": "a@b.c", "auth_password": WORD}),
            "oncall.email.auth_password is a secret in the configuration.",
        ),
        (receiver(email={"to": "a@b.c", "auth_username": "a"}), "oncall.email has a user and no auth_password_file."),
        (
            receiver(ntfy={"url": "https://ntfy.example.com", "topic": "gpu", "http_config": "x"}),
            "oncall.ntfy.http_config is not a mapping.",
        ),
        (receiver(ntfy={"topic": "gpu"}), "oncall.ntfy has no url."),
        (receiver(ntfy={"url": "https://ntfy.example.com"}), "oncall.ntfy has no topic."),
        (
            receiver(ntfy={"url": f"https://me:{WORD}@ntfy.example.com", "topic": "gpu"}),
            "oncall.ntfy.url is not a URL without login and query.",
        ),
        (
            receiver(ntfy={"url": "https://ntfy.example.com", "topic": "gpu", "token": WORD}),
            "oncall.ntfy.token is a secret in the configuration.",
        ),
        (
            receiver(ntfy={"url": "https://ntfy.example.com", "topic": "gpu", "colour": "red"}),
            "oncall.ntfy.colour is not a setting of ntfy.",
        ),
        (
            receiver(ntfy={"url": "https://ntfy.example.com", "topic": "gpu", "password_file": "secrets/hook"}),
            "oncall.ntfy has a password_file and no user",
        ),
    ],
)
def test_a_receiver_that_would_not_work_or_shows_a_secret_is_refused(tmp_path, value, message):
    assert refused(tmp_path, "alertmanager_receivers", value).startswith(
        f"alertmanager_receivers on monitor1: {message}"
    )


def routes(*entries):
    return {"receiver": "oncall", "routes": [*entries]}


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "alertmanager_route",
            {"group_wait": "1m"},
            "it has no receiver, which gets the alerts that no entry of routes takes. Set receiver to one of onca",
        ),
        (
            "alertmanager_route",
            {"receiver": "oncall", "group_wait": 30},
            "group_wait: '30' is not a duration. Write it like 5s, 500ms or 1m30s, with no space.",
        ),
        (
            "alertmanager_route",
            routes({}, {"repeat_interval": "5 sec"}),
            "routes[1].repeat_interval: '5 sec' is not a duration. Write it like",
        ),
        (
            "alertmanager_route",
            routes({"reciever": "oncall"}),  # codespell:ignore
            "routes[0].reciever is not a setting of a route. Write receiver.",  # codespell:ignore
        ),
        (
            "alertmanager_route",
            routes({"colour": "red"}),
            "routes[0].colour is not a setting of a route. Use receiver, group_by, ",
        ),
        (
            "alertmanager_route",
            {"receiver": "oncall", "active_time_intervals": ["x"]},
            "active_time_intervals is set for the root, which takes all aler",
        ),
        (
            "alertmanager_route",
            routes({"matchers": ['host=~"gpu(.*"']}),
            "routes[0].matchers[0] has a regular expression with an unbalanced bracket: gpu(.*.",
        ),
        (
            "alertmanager_route",
            routes({"matchers": ['host~="gpu.*"']}),
            'routes[0].matchers[0] is not a matcher: host~="gpu.*". Write it like \'severity="page"\', with =',
        ),
        (
            "alertmanager_route",
            {"receiver": "chat"},
            "receiver is chat, which alertmanager_receivers does not have. Use one of oncall, nobody, or add it",
        ),
        (
            "alertmanager_route",
            routes({}, {"routes": [{"receiver": "x"}]}),
            "routes[1].routes[0].receiver is x, which alertmanager_receivers does not have.",
        ),
        (
            "alertmanager_route",
            routes({"matchers": ["severity"]}),
            "routes[0].matchers[0] is not a matcher: severity. Write it like 'severity=\"page\"', with =, ",
        ),
        (
            "alertmanager_route",
            routes({"matchers": {"severity": "page"}}),
            "routes[0].matchers is not a list. Write it like ['severity=\"page\"',",
        ),
        (
            "alertmanager_route",
            {"receiver": "oncall", "routes": {"matchers": ["a=b"]}},
            "routes is not a list. Write it like [{matchers: ",
        ),
        ("alertmanager_route", routes({"routes": "x"}), "routes[0].routes is not a list."),
        (
            "alertmanager_route",
            {"matchers": ["a=b"]},
            "matchers is set for the root, which takes all alerts. Put matchers into an entry of routes.",
        ),
        (
            "alertmanager_route",
            routes({"mute_time_intervals": ["night"]}),
            "routes[0].mute_time_intervals names night, which alertmanager_time_intervals does not have. Add night to",
        ),
        (
            "alertmanager_receivers",
            [SLACK, CHAT],
            "it is empty, and alertmanager_receivers has 2 receivers: oncall, chat. Write which of them gets which a",
        ),
        (
            "alertmanager_watchdog_receiver",
            "judge",
            "alertmanager_receivers has no receiver judge. Use one of oncall, or add it",
        ),
        (
            "alertmanager_watchdog_receiver",
            "oncall",
            "oncall is the only receiver and gets only Watchdog, so nobody is notified of other alerts. Add",
        ),
        ("alertmanager_watchdog_interval", "often", "'often' is not valid. Write it like 1m."),
        (
            "alertmanager_inhibit_rules_extra",
            [{"source_matchers": ["a"], "target_matchers": ["b=c"]}],
            "[0].source_matchers[0] is not a matcher: a.",
        ),
        (
            "alertmanager_inhibit_rules_extra",
            [{"source_matchers": ["a=b"]}],
            "[0] has no target_matchers. Add them, because a rule without them suppresses e",
        ),
        (
            "alertmanager_inhibit_rules_extra",
            [{"target_matchers": ["a=b"]}],
            "[0] has no source_matchers. Add them, because a rule without them takes every al",
        ),
        (
            "alertmanager_route_tests",
            [{"labels": {"a": "b"}, "receiver": "chat"}],
            "[0].receiver is chat, which alertmanager_receivers does not have.",
        ),
        (
            "alertmanager_route_tests",
            [{"labels": {}, "receiver": "oncall"}],
            "[0] has no labels. Write it like {labels:",
        ),
        (
            "alertmanager_route_tests",
            [{"labels": {"a": "b"}, "receiver": 1}],
            "[0].receiver is not the name of a receiver, or a list of names.",
        ),
        (
            "alertmanager_route_tests",
            [{"receiver": "oncall"}],
            "[0] has no labels. Set it, as in the README of its role.",
        ),
        (
            "alertmanager_route_tests",
            [{"labels": {"a": "b"}, "receiver": "oncall", "lable": 1}],  # codespell:ignore
            "[0] has the unknown key lable. Use labels, receiver.",  # codespell:ignore
        ),
        (
            "alertmanager_route_tests",
            [{"labels": "page", "receiver": "oncall"}],
            "[0].labels: the value is text and not of the type dict. Set it to a v",
        ),
        (
            "alertmanager_mounts_extra",
            [{"source": "/x", "target": "/y", "type": "tmpfs"}],
            "[0].type: 'tmpfs' is not valid. Set it to bind or volume.",
        ),
        (
            "alertmanager_mounts_extra",
            [{"source": "/x", "target": "/y"}, {"source": "/x"}],
            "[1] has no target. Set it, as in the README of its role.",
        ),
        (
            "alertmanager_templates",
            {"site": '{{ template "x" . }}'},
            "the value cannot be evaluated: Syntax error in template: expected token 'end of ",
        ),
        (
            "alertmanager_global",
            {"smtp_smarthost": "mail.example.com"},
            "smtp_smarthost is not a host with a port: mail.example.com. Write it like mail.",
        ),
        (
            "alertmanager_global",
            {"smtp_smarthost": f"me:{WORD}@mail.example.com"},
            "smtp_smarthost is not a host with a port. Write it like mail.",
        ),
        (
            "alertmanager_global",
            {"smtp_auth_password": WORD},
            "smtp_auth_password is a secret in the configuration. Put it into alertmanager_secret_files,",
        ),
        ("alertmanager_global", {"slack_api_url": WORD}, "slack_api_url is a secret in the configuration."),
        (
            "alertmanager_global",
            {"http_config": {"authorization": {"credentials": WORD}}},
            "http_config.authorization.credentials is a secret in the confi",
        ),
        (
            "alertmanager_global",
            {"telegram_bot_token_file": "token"},
            "telegram_bot_token_file names a file that the container does not have.",
        ),
        ("alertmanager_templates", {"a/b": "x"}, "'a/b' is not a name of a template's file. Use letters,"),
        ("alertmanager_templates", {"gpu-monitoring": "x"}, "'gpu-monitoring' is not a name of a template's file."),
        ("alertmanager_templates", {"a": ""}, "the content of 'a' is not text."),
        (
            "alertmanager_secret_files",
            {"slack": WORD, "a/b": WORD},
            "'a/b' is not a name of a file. Use letters, digits, '_', '.' and '-'. The file is /etc/a",
        ),
        ("alertmanager_secret_files", {"slack": " "}, "the content of 'slack' is empty."),
        (
            "alertmanager_flags_extra",
            ["--web.external-url=http://x"],
            "--web.external-url is a flag that the role sets. Set alertmanager_external_url.",
        ),
        (
            "alertmanager_flags_extra",
            ["--cluster.listen-address=:9094"],
            "--cluster.listen-address is a flag that the role sets. Remove it.",
        ),
        (
            "alertmanager_external_url",
            "example.com",
            "the value is not a URL without login and query. Write it like https://",
        ),
        ("alertmanager_route_prefix", "alertmanager", "'alertmanager' is not a path. Write it like /alertmanager."),
        (
            "alertmanager_environment_extra",
            {"SMTP_PASSWORD": WORD},
            "SMTP_PASSWORD is a secret, which everybody can read in an environment. Give the progr",
        ),
        (
            "alertmanager_mounts_extra",
            [{"source": "/x", "target": "/alertmanager"}],
            "the container has a mount at /alertmanager already.",
        ),
        (
            "alertmanager_version",
            "0.33.1",
            "quay.io/prometheus/alertmanager:v0.33.1 is older than 0.34. Set alertmanager_version to 0.34.2 or newer.",
        ),
        (
            "alertmanager_image",
            "r.example:5000/am:v0.9@sha256:1",
            "r.example:5000/am:v0.9@sha256:1 is older than 0.34. Set alertmanager_v",
        ),
        ("alertmanager_port", 0, "'0' is not a port number."),
        ("alertmanager_memory", "lots", "'lots' is not valid. Write it like 512m or 1g."),
    ],
)
def test_another_setting_that_would_not_work_or_shows_a_secret_is_refused(tmp_path, variable, value, message):
    named = "alertmanager_route" if message.startswith("it is empty") else variable.replace("_version", "_image")
    assert refused(tmp_path, variable, value).startswith(f"{named} on monitor1: {message}")


@pytest.mark.parametrize(("given", "missing"), [({}, "smarthost"), ({"smtp_smarthost": "mail:25"}, "from")])
@pytest.mark.parametrize("key", ["email", "email_configs"])
def test_a_mail_needs_a_server_and_a_sender(tmp_path, key, given, missing):
    mail = {"to": "a@b.c"}
    with pytest.raises(
        ValueError, match=rf"oncall\.{key}\[0\] has no {missing}\. Set smtp_{missing} in alertmanager_global, such as "
    ) as error:
        checked(tmp_path, {"alertmanager_receivers": receiver(**{key: [mail]}), "alertmanager_global": given})
    assert str(error.value).startswith("alertmanager_receivers on monitor1: ")
    checked(
        tmp_path,
        {
            "alertmanager_receivers": receiver(**{key: [{**mail, "smarthost": "[fe80::1]:25", "from": "c@d.e"}]}),
            "alertmanager_global": {},
        },
    )


def test_settings_with_their_secrets_in_files_pass(tmp_path):
    night = {"name": "night", "time_intervals": [{"times": [{"start_time": "22:00", "end_time": "24:00"}]}]}
    secret = {"api_key_file": "/etc/alertmanager/secrets/hook"}
    values = {
        "alertmanager_global": {
            **MAIL,
            "slack_api_url_file": "secrets/slack",
            "smtp_auth_username": "a",
            "smtp_auth_password_file": "secrets/hook",
        },
        "alertmanager_mounts_extra": [{"source": "/srv/secrets", "target": "/run/secrets", "read_only": True}],
        "alertmanager_receivers": [
            {
                "name": "oncall",
                "slack": {"channel": "#x"},
                "email": [{"to": ["a@b.c", "d@e.f"]}],
                "opsgenie_configs": [secret],
                "labels": {"team": "ml"},
            },
            {
                "name": "other",
                "telegram": {"bot_token_file": "/run/secrets/token", "chat_id": "-100"},
                "webhook": {
                    "url_file": "secrets/hook",
                    "http_config": {"tls_config": {"ca_file": "/etc/ssl/certs/ca.crt"}},
                },
                "incidentio_configs": [{"http_config": {"authorization": {"credentials_file": "secrets/hook"}}}],
                "pagerduty": {"routing_key_file": "secrets/hook", "details": {"token": "gone"}},
                "ntfy": {"url": "https://ntfy.example.com", "topic": "gpu", "token_file": "secrets/hook"},
                "jira_configs": [{"project": "GPU", "fields": {"parent": {"key": "GPU-1"}}}],
                "webhook_configs": [
                    {
                        "url_file": "secrets/hook",
                        "payload": {"key": "OPS", "dedup_key": "{% raw %}{{ .GroupKey }}{% endraw %}"},
                    }
                ],
                "future_configs": [{"url": "x"}],
            },
            {"name": "judge", "webhook": {"url_file": "secrets/hook"}},
        ],
        "alertmanager_time_intervals": [night],
        "alertmanager_route": routes(
            {
                "matchers": ['severity="page"', '{host=~"gpu.*",team!="x"}'],
                "receiver": "other",
                "mute_time_intervals": ["night"],
            },
            {"receiver": "nobody"},
        ),
        "alertmanager_route_tests": [
            {"labels": {"severity": "page"}, "receiver": ["other", "oncall"]},
            {"labels": {"severity": "info"}, "receiver": "nobody"},
        ],
        "alertmanager_inhibit_rules_extra": [
            {"source_matchers": ["a=b"], "target_matchers": ["c=d"], "equal": ["host"]},
            {"source_match": {"a": "b"}, "target_match_re": {"c": "d.+"}},
            {"sources": [{"matchers": ["a=b"]}], "target_matchers": ["c=d"]},
        ],
        "alertmanager_watchdog_receiver": "judge",
        "alertmanager_external_url": "https://monitoring.example.com/alertmanager/",
        "alertmanager_flags_extra": ["--log.level=debug", "--web.timeout=10s"],
        "alertmanager_templates": {"site": '{% raw %}{{ define "site.title" }}x{{ end }}{% endraw %}'},
        "alertmanager_environment_extra": {"HTTPS_PROXY": "http://proxy:3128"},
    }
    checked(tmp_path, values)
    checked(tmp_path, {"alertmanager_receivers": [], "alertmanager_secret_files": {}})
    checked(tmp_path, {"alertmanager_receivers": [SLACK, CHAT], "alertmanager_watchdog_receiver": "chat"})
    checked(tmp_path, {"alertmanager_watchdog_receiver": "oncall", "alertmanager_route": {"receiver": "nobody"}})


@pytest.mark.parametrize("tag", ["v0.34.0", "0.36.0-rc.0", "v1.0", "latest", "main", "v0"])
def test_an_image_whose_tag_is_no_older_version_passes(tmp_path, tag):
    checked(tmp_path, {"alertmanager_image": f"r.example:5000/am:{tag}"})
    checked(tmp_path, {"alertmanager_image": "r.example:5000/am@sha256:0331"})


def test_variables_of_another_alertmanager_are_no_problem_where_the_host_has_none_of_the_role(tmp_path):
    checked(
        tmp_path, {"alertmanager_enabled": False, "alertmanager_receivers": receiver(slack_configs=[{"api_url": WORD}])}
    )


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"alertmanager_receivers": [CHAT]}, "alertmanager_receivers on monitor2: it is not the same as on monitor1"),
        ({"alertmanager_watchdog_interval": "2m"}, "alertmanager_watchdog_interval on monitor2: it is not the same"),
        ({"alertmanager_address": "0.0.0.0", "alertmanager_cluster_port": 19094}, ""),
        ({"alertmanager_receivers": [CHAT], "alertmanager_enabled": False}, ""),
        ({"alertmanager_receivers": [CHAT], "gpu_monitoring_tls": False}, ""),
    ],
)
def test_members_of_a_cluster_notify_the_same_people(tmp_path, variables, message):
    monitoring = {**MONITOR, "monitor2": {"ansible_host": "10.0.0.8", **variables}}
    hosts = host_variables(tmp_path, {}, monitoring, GIVEN)
    if not message:
        check(hosts, ["alertmanager"], [*monitoring], **RULES)
        return
    with pytest.raises(ValueError) as error:
        check(hosts, ["alertmanager"], [*monitoring], **RULES)
    assert str(error.value).startswith(message)
