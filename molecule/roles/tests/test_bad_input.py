"""Bad input ends with one message that names the variable or host, the value and the fix. Services keep running."""

from __future__ import annotations

import socket

import pytest
import trustme
import yaml

from tests.stack import INVENTORY

# A secret that no output may show.
WORD = "planted-hook-4a7d"
# Unit tests have each of these refusals too, and other tests here show that a refused run touches nothing.
checked_in_unit_tests = pytest.mark.long


@pytest.fixture(autouse=True)
def nothing_is_touched(started, host):
    """No container and no file of the services."""

    def files():
        return host("monitor1").check_output("find /etc/gpu_monitoring -type f -exec sha256sum {} + | sort")

    before = started(), files()
    yield
    assert (started(), files()) == before


def extended_inventory(tmp_path, change):
    inventory = yaml.safe_load(INVENTORY.read_text())
    change(inventory["all"])
    path = tmp_path / "inventory.yml"
    path.write_text(yaml.safe_dump(inventory))
    return path


def assert_refused(run, *words):
    assert run.code != 0, run.output
    assert "Traceback" not in run.output
    for word in words:
        assert word in run.error, run.output


@checked_in_unit_tests
def test_an_invalid_interval(site):
    assert_refused(
        site(variables={"gpu_monitoring_scrape_interval": "5 sec"}), "gpu_monitoring_scrape_interval", "5 sec", "5s"
    )


@checked_in_unit_tests
@pytest.mark.parametrize("interval", ["500ms", "2m"])
def test_an_interval_out_of_range(site, interval):
    assert_refused(
        site(variables={"gpu_monitoring_scrape_interval": interval}),
        "gpu_monitoring_scrape_interval",
        interval,
        "1s",
        "60s",
    )


@checked_in_unit_tests
def test_a_wrong_type(site):
    run = site(variables={"prometheus_scrape_configs": "none"})
    assert_refused(run, "prometheus_scrape_configs", "list")
    assert "Deploy the exporters" not in run.output


@checked_in_unit_tests
def test_a_relative_folder_of_secrets(site):
    assert_refused(
        site(variables={"gpu_monitoring_secrets_dir": "secrets"}),
        "gpu_monitoring_secrets_dir",
        "'secrets'",
        "Begin it with / or ~",
    )


@checked_in_unit_tests
def test_a_password_with_white_space_at_its_end(site):
    assert_refused(
        site(variables={"grafana_admin_password": "a secret word\n"}),
        "grafana_admin_password on monitor1",
        "white space",
    )


@checked_in_unit_tests
def test_an_empty_monitoring_group(site, tmp_path):
    inventory = extended_inventory(tmp_path, lambda top: top["children"].update(monitoring={"hosts": {}}))
    assert_refused(site(inventory=inventory), "group monitoring is empty", "at least one host")


def test_two_hosts_with_one_address(site, tmp_path, addresses):
    def change(top):
        top["children"]["gpu_hosts"]["hosts"]["gpu2"] = {"gpu_monitoring_address": addresses["gpu1"]}

    assert_refused(
        site(inventory=extended_inventory(tmp_path, change)),
        "gpu1",
        "gpu2",
        addresses["gpu1"],
        "gpu_monitoring_address",
    )


@checked_in_unit_tests
def test_a_name_that_does_not_resolve(site, tmp_path):
    def change(top):
        top["children"]["gpu_hosts"]["hosts"]["gpu2"] = {"gpu_monitoring_address": "no-such-host.invalid"}

    assert_refused(
        site(inventory=extended_inventory(tmp_path, change)), "gpu_monitoring_address", "no-such-host.invalid"
    )


@checked_in_unit_tests
def test_hosts_that_differ_in_tls(site, tmp_path):
    def change(top):
        top["children"]["gpu_hosts"]["hosts"]["gpu2"]["gpu_monitoring_tls"] = False

    assert_refused(
        site(inventory=extended_inventory(tmp_path, change)),
        "gpu_monitoring_tls is not the same on all hosts",
        "gpu2 False",
        "group all",
    )


@checked_in_unit_tests
def test_half_a_certificate(site):
    assert_refused(
        site(variables={"tls_certificate": "PEM"}),
        "only tls_certificate is set",
        "Set all three",
        "Nothing was changed",
    )


@checked_in_unit_tests
def test_a_certificate_for_another_host(site):
    authority = trustme.CA()
    made = authority.issue_cert("192.0.2.1")
    own = {
        "tls_certificate": made.cert_chain_pems[0].bytes().decode(),
        "tls_private_key": made.private_key_pem.bytes().decode(),
        "tls_ca_certificate": authority.cert_pem.bytes().decode(),
    }
    assert_refused(
        site("--limit=gpu1,monitor1", variables=own),
        "tls_certificate on gpu1: it cannot be used",
        "is not for",
        "Nothing was changed",
    )


@checked_in_unit_tests
def test_a_secret_file_that_would_lie_elsewhere(site):
    assert_refused(
        site(variables={"prometheus_secret_files": {"../token": "x"}}),
        "prometheus_secret_files",
        "'../token' is not a name of a file",
    )


def test_a_port_that_another_process_has(play, host):
    host("monitor1").check_output("systemd-run --unit=taken-port python3 -m http.server 9191")
    try:
        run = play(
            {"hosts": "monitor1", "roles": ["mlops.gpu_monitoring.prometheus"]}, variables={"prometheus_port": 9191}
        )
        assert_refused(run, "port 9191", "taken by another process", "choose another prometheus_port")
    finally:
        host("monitor1").check_output("systemctl stop taken-port")


def test_names_and_ports_of_others_are_named_before_anything_changes(site, host):
    host("monitor1").check_output("systemd-run --unit=taken-port python3 -m http.server 9191")
    host("monitor1").check_output("docker create --name site-grafana $(docker inspect --format '{{.Image}}' grafana)")
    try:
        run = site("--limit=monitor1", variables={"prometheus_port": 9191, "gpu_monitoring_container_prefix": "site-"})
        assert_refused(
            run, "a container named site-grafana exists", "prometheus_port on monitor1: the program python3 (process "
        )
        assert run.recap["monitor1"]["changed"] == 0
    finally:
        host("monitor1").check_output("systemctl stop taken-port; docker rm site-grafana")


def test_an_image_that_cannot_be_pulled(play):
    run = play(
        {"hosts": "monitor1", "roles": ["mlops.gpu_monitoring.prometheus"]}, variables={"prometheus_version": "3.999.0"}
    )
    assert_refused(run, "registry.lab:5000/prom/prometheus:v3.999.0", "gpu_monitoring_registry")


def test_a_configuration_that_promtool_refuses(play):
    jobs = [{"job_name": "mine", "static_configs": [{"targetz": []}]}]
    run = play(
        {"hosts": "monitor1", "roles": ["mlops.gpu_monitoring.prometheus"]},
        variables={"prometheus_scrape_configs": jobs},
    )
    assert_refused(run, "targetz", "prometheus.yml")


def alerts_of_a_site(*names, expression="up == 0"):
    return {
        "prometheus_rules_extra": [{"name": "site", "rules": [{"alert": name, "expr": expression} for name in names]}]
    }


@pytest.mark.parametrize(
    ("variables", "messages"),
    [
        (
            {
                "alertmanager_receivers": [{"name": "oncall", "slack": {"channel": "#gpu"}}],
                **alerts_of_a_site("GpuHot"),
            },
            [
                "alertmanager_receivers on monitor1: oncall.slack has no api_url_file or app_token_file."
                " Put the secret into alertmanager_secret_files",
                "prometheus_rules_extra on monitor1: the alert GpuHot is one of the role."
                " Choose another name, or add GpuHot to",
            ],
        ),
        pytest.param(
            {
                "alertmanager_receivers": [{"name": "oncall", "slack": {"api_url": f"https://{WORD}.example.com"}}],
                **alerts_of_a_site("Mine", "Mine"),
            },
            [
                "alertmanager_receivers on monitor1: oncall.slack.api_url is a secret in the configuration."
                " Put it into alertmanager_secret_files",
                "prometheus_rules_extra on monitor1: the alert Mine is declared 2 times. Give each alert its own name",
            ],
            marks=checked_in_unit_tests,
        ),
        pytest.param(
            {"alertmanager_route": {"receiver": "pager"}},
            [
                "alertmanager_route on monitor1: receiver is pager, which alertmanager_receivers does not have."
                " Use one of nobody, or add it to"
            ],
            marks=checked_in_unit_tests,
        ),
        pytest.param(
            {"alertmanager_route": {"receiver": "nobody", "routes": [{"matchers": ["severity"]}]}},
            [
                "alertmanager_route on monitor1: routes[0].matchers[0] is not a matcher: severity."
                " Write it like 'severity=\"page\"'"
            ],
            marks=checked_in_unit_tests,
        ),
    ],
    ids=["no secret and a name of the role", "inline secret and a name twice", "unknown receiver", "matcher"],
)
def test_alerts_that_nobody_would_be_notified_of(site, variables, messages):
    run = site(variables=variables)
    assert_refused(run, *messages)
    assert WORD not in run.output
    assert {counts["changed"] for counts in run.recap.values()} == {0}


def test_rules_that_promtool_refuses_and_times_that_amtool_refuses(site):
    """One run reports both."""
    night = {"name": "night", "time_intervals": [{"times": [{"start_time": "25:00", "end_time": "26:00"}]}]}
    run = site(
        "--limit=monitor1",
        variables={"alertmanager_time_intervals": [night], **alerts_of_a_site("Mine", expression="up ==== 0")},
    )
    assert_refused(run, "alertmanager_time_intervals", "couldn't parse timestamp 25:00")
    assert_refused(
        run, "Rules of rules/extra.yml are those of prometheus_rules_extra", '"Mine": could not parse expression'
    )


def test_a_route_that_its_test_refuses(site):
    refused = {"alertmanager_route_tests": [{"labels": {"severity": "page"}, "receiver": ["nobody", "nobody"]}]}
    run = site("--limit=monitor1", "--tags=alertmanager", variables=refused)
    assert_refused(
        run,
        "--verify.receivers=nobody,nobody",
        "Of a test in alertmanager_route_tests, ",
        "Expected receivers did not match",
    )


def test_a_grafana_that_does_not_answer(play, addresses):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    task = {
        "mlops.gpu_monitoring.grafana_resources": {
            "url": f"http://127.0.0.1:{port}",
            "username": "admin",
            "password": "x",
            "wait": 1,
        }
    }
    assert_refused(play({"hosts": "monitor1", "tasks": [task]}), f"http://127.0.0.1:{port}", "1 s")


def test_a_password_that_grafana_does_not_take(site, grafana):
    ours, theirs = grafana.session.auth[1], "changed-by-hand"
    change_password(grafana, ours, theirs)
    try:
        run = site("--limit=monitor1", "--tags=grafana")
        assert_refused(run, "admin", "password")
        assert ours not in run.output
    finally:
        change_password(grafana, theirs, ours)


def change_password(grafana, old, new):
    grafana.session.auth = ("admin", old)
    body = {"oldPassword": old, "newPassword": new, "confirmNew": new}
    grafana.session.put(f"{grafana.url}/api/user/password", json=body, timeout=10).raise_for_status()
    grafana.session.auth = ("admin", new)


def test_a_controller_that_does_not_know_the_password(site, tmp_path):
    missing = tmp_path / "none"
    assert_refused(
        site("--limit=monitor1", "--tags=grafana", variables={"grafana_admin_password_file": str(missing)}),
        "grafana_admin_password_file",
        str(missing),
        "monitor1",
    )
    assert not missing.exists()
