"""What the role alertmanager gives its container."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import cluster

from tests.unit.roles.rendering import arguments, fleet, service

GPU1, MONITOR = {"ansible_host": "10.0.0.1"}, {"ansible_host": "10.0.0.9"}
SECRETS = {"slack": "https://hooks.slack.com/services/x", "hook": "https://example.com/x"}
SLACK = {"name": "oncall", "slack": {"api_url_file": "secrets/slack", "channel": "#gpu"}}
JUDGE = {"name": "judge", "webhook": {"url_file": "secrets/hook"}}


@pytest.fixture
def deployed(tmp_path):
    """The service with these variables."""

    def render(**variables):
        inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, variables)
        return service("alertmanager", "alertmanager", inventory, "monitor1", tmp_path)

    return render


def files(options):
    root = Path("/etc/gpu_monitoring/alertmanager")
    both = options["files"] + options["secret_files"]
    return {Path(file["path"]).relative_to(root).as_posix(): file for file in both}


def configuration(options):
    return yaml.safe_load(files(options)["alertmanager.yml"]["content"])


def test_without_receivers_nobody_is_notified_and_all_else_is_there(deployed):
    options = deployed()
    config = configuration(options)
    assert config["receivers"] == [{"name": "nobody"}]
    routes = [config["route"], *config["route"]["routes"]]
    assert {route["receiver"] for route in routes if "receiver" in route} == {"nobody"}
    assert config["templates"] == ["/etc/alertmanager/templates/*.tmpl"]
    for name in ("alertmanager.yml", "templates/gpu-monitoring.tmpl"):
        assert files(options)[name]["on_change"] == "reload"
    assert options["validate"]["further_commands"] == []


def test_pages_of_one_receiver_come_at_once_and_infos_do_not(deployed):
    route = configuration(deployed(alertmanager_receivers=[SLACK], alertmanager_secret_files=SECRETS))["route"]
    assert (route["receiver"], route["group_by"], route["group_wait"]) == ("oncall", ["host"], "30s")
    watchdog, pages, infos = route["routes"]
    assert (watchdog["matchers"], watchdog["receiver"]) == (['alertname="Watchdog"'], "nobody")
    assert (pages["matchers"], pages["group_wait"], pages["group_interval"]) == (['severity="page"'], "5s", "10s")
    assert "receiver" not in pages
    assert (infos["matchers"], infos["receiver"]) == (['severity="info"'], "nobody")


def test_the_route_of_a_site_keeps_the_dead_mans_switch_and_the_groups(deployed):
    given = {"receiver": "oncall", "group_wait": "1m", "routes": [{"matchers": ["team=x"], "receiver": "judge"}]}
    variables = {
        "alertmanager_receivers": [SLACK, JUDGE],
        "alertmanager_secret_files": SECRETS,
        "alertmanager_route": given,
    }
    watchdog = {"alertmanager_watchdog_receiver": "judge", "alertmanager_watchdog_interval": "2m"}
    route = configuration(deployed(**variables, **watchdog))["route"]
    assert (route["receiver"], route["group_by"], route["group_wait"]) == ("oncall", ["host"], "1m")
    assert [child["receiver"] for child in route["routes"]] == ["judge", "judge"]
    assert (route["routes"][0]["repeat_interval"], route["routes"][0]["group_wait"]) == ("2m", "0s")
    own = {"receiver": "oncall", "routes": [{"matchers": ['alertname="Watchdog"'], "receiver": "judge"}]}
    assert configuration(deployed(**{**variables, "alertmanager_route": own}))["route"]["routes"] == own["routes"]


@pytest.mark.parametrize(
    ("matchers", "handles"),
    [
        ({"matchers": ['alertname="Watchdog"']}, True),
        ({"matchers": ['{severity!="page", alertname =~ "Watchdog|Heartbeat"}']}, True),
        ({"match": {"alertname": "Watchdog"}}, True),
        ({"match_re": {"alertname": "Heartbeat|Watchdog"}}, True),
        ({"matchers": ['alertname!="Watchdog"']}, False),
        ({"matchers": ['alertname!~"Watchdog|Heartbeat"', 'team="ml"']}, False),
        ({"matchers": ['alertname=~"Watch.+"']}, True),
        ({"matchers": ['alertname=~".+"']}, False),
        ({"matchers": ['alertname!~"Host.+"']}, False),
        ({"matchers": ['alertname="Watchdog-of-disks"']}, False),
        ({"matchers": ['alertname="WatchdogOfDisks"']}, False),
        ({"matchers": ['team="Watchdog"']}, False),
    ],
)
def test_only_a_route_that_takes_the_watchdog_replaces_that_of_the_role(deployed, matchers, handles):
    given = {"receiver": "oncall", "routes": [{**matchers, "receiver": "nobody"}]}
    variables = {"alertmanager_receivers": [SLACK], "alertmanager_secret_files": SECRETS, "alertmanager_route": given}
    assert len(configuration(deployed(**variables))["route"]["routes"]) == (1 if handles else 2)


def test_the_judge_is_not_reported_that_the_watchdog_ends(deployed):
    webhooks = [{"url_file": "secrets/hook"}, {"url_file": "secrets/hook", "send_resolved": True}]
    native = {"name": "other", "webhook_configs": webhooks}
    for receiver, expected in ((JUDGE, [False]), (native, [False, True])):
        variables = {
            "alertmanager_receivers": [receiver],
            "alertmanager_watchdog_receiver": receiver["name"],
            "alertmanager_secret_files": SECRETS,
        }
        config = configuration(deployed(**variables))
        assert [entry["send_resolved"] for entry in config["receivers"][0]["webhook_configs"]] == expected
        assert config["route"]["receiver"] == "nobody"


def test_short_forms_become_integrations_beside_those_that_are_written_out(deployed):
    receiver = {
        "name": "all",
        "email": {"to": ["a@example.com", "b@example.com"]},
        "slack": [
            {"api_url_file": "secrets/slack", "channel": "#a"},
            {"api_url_file": "secrets/slack", "channel": "#b", "send_resolved": False},
        ],
        "slack_configs": [{"api_url_file": "secrets/slack", "channel": "#c"}],
        "teams": {"webhook_url_file": "secrets/hook"},
        "webhook": {"url_file": "secrets/hook"},
        "pagerduty": {"routing_key_file": "secrets/hook"},
        "telegram": {"bot_token_file": "secrets/hook", "chat_id": "-100"},
        "ntfy": {
            "url": "https://ntfy.example.com",
            "topic": "gpu",
            "username": "me",
            "password_file": "secrets/hook",
            "priority": "4",
        },
    }
    made = configuration(deployed(alertmanager_receivers=[receiver], alertmanager_secret_files=SECRETS))["receivers"][0]
    assert made["email_configs"][0]["to"] == "a@example.com, b@example.com"
    slack = [(entry["channel"], entry.get("send_resolved"), "title" in entry) for entry in made["slack_configs"]]
    assert slack == [("#a", True, True), ("#b", False, True), ("#c", None, False)]
    assert made["slack_configs"][0]["api_url_file"] == "/etc/alertmanager/secrets/slack"
    assert made["msteamsv2_configs"][0]["webhook_url_file"] == "/etc/alertmanager/secrets/hook"
    assert made["telegram_configs"][0]["chat_id"] == -100
    # As plain text, Alertmanager would read `Queue: full` as YAML.
    assert made["pagerduty_configs"][0]["details"] == {"text": '{{ template "gpu_monitoring.json_text" . }}'}
    webhook, ntfy = sorted(made["webhook_configs"], key=len)
    assert webhook == {"url_file": "/etc/alertmanager/secrets/hook", "send_resolved": True}
    assert ntfy["http_config"] == {"basic_auth": {"username": "me", "password_file": "/etc/alertmanager/secrets/hook"}}
    assert (ntfy["url"], ntfy["payload"]["priority"]) == ("https://ntfy.example.com", "4")
    assert not set(ntfy) & {"topic", "username", "password_file"}
    integrations = ("email", "slack", "msteamsv2", "webhook", "pagerduty", "telegram")
    assert set(made) == {"name", *(f"{name}_configs" for name in integrations)}


PROXY = {"proxy_url": "http://proxy:3128"}
LOGIN = {"username": "a", "password_file": "/etc/alertmanager/secrets/hook"}
TOKEN = {"type": "Bearer", "credentials_file": "/etc/alertmanager/secrets/slack"}
AUTHORITY = {"tls_config": {"ca_file": "/etc/ssl/certs/a.crt"}}


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, {**PROXY, "basic_auth": LOGIN}),
        ({"token_file": "secrets/slack"}, {**PROXY, "authorization": TOKEN}),
        ({"http_config": AUTHORITY}, AUTHORITY),
    ],
)
def test_ntfy_adds_its_login_to_the_http_config_of_the_site(deployed, own, expected):
    shared = {"http_config": {**PROXY, "basic_auth": {"username": "a", "password_file": "secrets/hook"}}}
    receiver = {"name": "oncall", "ntfy": {"url": "https://ntfy.example.com", "topic": "gpu", **own}}
    variables = {"alertmanager_receivers": [receiver], "alertmanager_secret_files": SECRETS}
    config = configuration(deployed(**variables, alertmanager_global=shared))
    assert config["receivers"][0]["webhook_configs"][0]["http_config"] == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Site": "a"}, {"Subject": '{{ template "gpu_monitoring.title" . }}', "X-Site": "a"}),
        ({"subject": "GPUs", "X-Site": "a"}, {"subject": "GPUs", "X-Site": "a"}),
    ],
)
def test_headers_of_an_email_come_beside_the_subject_of_the_role(deployed, headers, expected):
    receiver = {"name": "mail", "email": {"to": "a@example.com", "headers": headers}}
    config = configuration(deployed(alertmanager_receivers=[receiver]))
    assert config["receivers"][0]["email_configs"][0]["headers"] == expected


def test_secrets_are_files_that_no_other_user_reads_and_that_need_no_reload(deployed):
    options = deployed(alertmanager_receivers=[SLACK], alertmanager_secret_files=SECRETS)
    kept = files(options)["secrets/slack"]
    assert (kept["content"], kept["on_change"]) == (SECRETS["slack"], "none")
    assert (kept["owner"], kept["group"], kept["mode"]) == ("65534", "0", "0440")
    assert not [file for file in options["files"] if any(secret in file["content"] for secret in SECRETS.values())]


def test_amtool_checks_the_configuration_and_runs_the_tests_of_routes(deployed):
    tests = [
        {"labels": {"severity": "page", "host": 'a "b"'}, "receiver": "oncall"},
        {"labels": {"severity": "info"}, "receiver": ["nobody", "oncall"]},
    ]
    variables = {"alertmanager_receivers": [SLACK], "alertmanager_secret_files": SECRETS}
    options = deployed(**variables, alertmanager_route_tests=tests)
    strict, config = "--enable-feature=utf8-strict-mode", "/etc/alertmanager/alertmanager.yml"
    assert options["validate"]["command"] == ["amtool", "check-config", strict, config]
    test = ["amtool", "config", "routes", "test", strict, f"--config.file={config}"]
    assert options["validate"]["further_commands"] == [
        [*test, "--verify.receivers=oncall", 'host="a \\"b\\""', 'severity="page"'],
        [*test, "--verify.receivers=nobody,oncall", 'severity="info"'],
    ]
    assert f"{strict},receiver-name-in-metrics" in options["command"]
    # Changed tests run although nothing else changes.
    assert json.loads(files(options)["route_tests.json"]["content"]) == tests


def test_a_crash_loses_no_silence_that_is_older_than_a_minute(deployed):
    assert {"--storage.path=/alertmanager", "--data.maintenance-interval=1m"} <= set(deployed()["command"])


def test_links_lead_to_the_published_address_unless_a_site_has_its_own(deployed, tmp_path):
    assert {"--web.external-url=https://10.0.0.9:9093", "--web.route-prefix=/"} <= set(deployed()["command"])
    url = "https://monitoring.example.com/alertmanager/"
    behind = deployed(alertmanager_external_url=url)
    assert {f"--web.external-url={url}", "--web.route-prefix=/alertmanager/"} <= set(behind["command"])
    assert behind["health"]["http"]["path"] == "/alertmanager/-/ready"
    assert behind["reload"]["http"]["path"] == "/alertmanager/-/reload"
    stripped = deployed(alertmanager_external_url=url, alertmanager_route_prefix="/")
    assert "--web.route-prefix=/" in stripped["command"] and stripped["health"]["http"]["path"] == "/-/ready"


def test_tls_asks_for_the_password_of_prometheus(deployed):
    options = deployed()
    assert "a hash of that" in files(options)["web/web.yml"]["content"]
    probe = options["health"]["http"]
    assert (probe["scheme"], probe["username"]) == ("https", "prometheus")
    assert probe["password_file"] == "/etc/gpu_monitoring/alertmanager/web/password"
    assert "--web.config.file=/etc/alertmanager/web/web.yml" in options["command"]
    plain = deployed(gpu_monitoring_tls=False)
    assert plain["health"]["http"] == {"port": 9093, "path": "/-/ready"} and not plain["secret_files"]


def test_templates_of_a_site_come_beside_that_of_the_role(deployed):
    template = '{% raw %}{{ define "site.title" }}x{{ end }}{% endraw %}'
    rendered = files(deployed(alertmanager_templates={"site": template}))
    of_templates = {name for name in rendered if name.startswith("templates/")}
    assert of_templates == {"templates/gpu-monitoring.tmpl", "templates/site.tmpl"}
    assert rendered["templates/site.tmpl"]["content"] == '{{ define "site.title" }}x{{ end }}'


def test_alertmanager_is_removed_from_a_host_that_disables_alertmanager(tmp_path):
    inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {"alertmanager_enabled": "no"})
    given = arguments("alertmanager", "Deploy Alertmanager", inventory, "monitor1", tmp_path)
    assert given["services"] == [{"name": "alertmanager", "state": "absent"}]


def test_the_inhibit_rules_of_a_site_come_after_those_of_the_role(deployed):
    extra = {"source_matchers": ["a=b"], "target_matchers": ["c=d"], "equal": ["host"]}
    rules = configuration(deployed(alertmanager_inhibit_rules_extra=[extra]))["inhibit_rules"]
    assert rules[-1] == extra
    assert all("host" in rule["equal"] for rule in rules)


def test_a_host_that_is_down_hides_its_alerts_but_not_those_of_the_monitoring(deployed):
    rules = configuration(deployed())["inhibit_rules"]
    [rule] = [rule for rule in rules if 'alertname="HostDown"' in rule["source_matchers"]]
    [excepted] = re.findall(r'^alertname!~"(.*)"$', rule["target_matchers"][0])
    monitoring, others = ("HostDown", "PrometheusNotSending", "AlertmanagerDown"), ("HostExporterDown", "GpuMissing")
    assert all(re.fullmatch(excepted, name) for name in monitoring)
    assert not any(re.fullmatch(excepted, name) for name in (*others, "ContainerKilled"))


def test_the_alerts_that_inhibit_others_are_alerts_of_the_collection(deployed):
    folder = Path(__file__).resolve().parents[3] / "roles/prometheus/files/alerts"
    groups = [group for file in folder.glob("*.yml") for group in yaml.safe_load(file.read_text())["groups"]]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    for rule in configuration(deployed())["inhibit_rules"]:
        sources = {name for matcher in rule["source_matchers"] for name in re.findall(r'^alertname=~?"(.*)"$', matcher)}
        assert {name for pattern in sources for name in pattern.split("|")} <= alerts
        for matcher in rule["target_matchers"]:
            for pattern in re.findall(r'^alertname=~?"(.*)"$', matcher):
                assert any(re.fullmatch(pattern, alert) for alert in alerts)


MONITORING = {"monitor1": MONITOR, "monitor2": {"ansible_host": "2001:db8::8", "alertmanager_cluster_port": 19094}}


@pytest.fixture
def member(tmp_path):
    """The service of one of two monitoring hosts."""

    def render(host="monitor1", **variables):
        return service("alertmanager", "alertmanager", fleet({"gpu1": GPU1}, MONITORING, variables), host, tmp_path)

    return render


def cluster_flags(options):
    return [flag for flag in options["command"] if flag.startswith("--cluster.")]


def test_alertmanagers_of_several_hosts_form_a_cluster_over_mutual_tls(member):
    tls = "--cluster.tls-config=/etc/alertmanager/web/cluster.yml"
    first, second = member(), member("monitor2")
    assert cluster_flags(first) == [
        "--cluster.listen-address=0.0.0.0:9094",
        "--cluster.advertise-address=10.0.0.9:9094",
        f"--cluster.peer-timeout={cluster.TURNS_SECONDS // 2}s",
        tls,
        "--cluster.peer=[2001:db8::8]:19094",
    ]
    assert cluster_flags(second) == [
        "--cluster.listen-address=[::]:9094",
        "--cluster.advertise-address=[2001:db8::8]:19094",
        f"--cluster.peer-timeout={cluster.TURNS_SECONDS // 2}s",
        tls,
        "--cluster.peer=10.0.0.9:9094",
    ]
    ports = [(port["address"], port["host_port"], port["container_port"]) for port in second["ports"]]
    assert ports == [("2001:db8::8", 9093, 9093), ("2001:db8::8", 19094, 9094)]
    config = yaml.safe_load(files(first)["web/cluster.yml"]["content"])
    assert config["tls_server_config"]["client_auth_type"] == "RequireAndVerifyClientCert"
    assert config["tls_client_config"]["server_name"] in config["tls_server_config"]["client_allowed_sans"]
    # Alertmanager reads authorities at its start alone.
    assert files(first)["web/ca.crt"]["on_change"] == "recreate"


@pytest.mark.parametrize("variables", [{"gpu_monitoring_tls": False}, {"alertmanager_enabled": True}])
def test_a_single_host_and_hosts_without_tls_have_no_cluster(deployed, member, variables):
    for options in (deployed(**variables), *([member(**variables)] if "gpu_monitoring_tls" in variables else [])):
        assert cluster_flags(options) == ["--cluster.listen-address="]
        assert [port["container_port"] for port in options["ports"]] == [9093]
        assert not {"web/ca.crt", "web/cluster.yml"} & set(files(options))
