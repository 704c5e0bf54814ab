"""What the roles protect, and the page that says so."""

from __future__ import annotations

import pytest
import yaml

from tests.tools import security_page
from tests.unit.roles.rendering import arguments, fleet, service

FLEET = fleet({"gpu1": {"ansible_host": "192.0.2.11"}, "monitor1": {}}, {"monitor1": {"ansible_host": "192.0.2.10"}})
ALONE = fleet({"machine": {"ansible_host": "127.0.0.1"}}, {"machine": {}})
EXPORTERS = [("cadvisor", "cadvisor"), ("dcgm_exporter", "dcgm-exporter"), ("node_exporter", "node-exporter")]
OF_MONITORING_HOSTS = [(name, name) for name in ("alertmanager", "prometheus", "grafana")]


def test_the_page_is_current():
    assert security_page.PAGE.read_text() == security_page.page(), "run `make docs`"


@pytest.mark.parametrize("container", [entry[0] for entry in security_page.SERVICES])
def test_only_named_exceptions_go_beyond_the_rule(container):
    options, exceptions = security_page.rendered(container, profiling=True), security_page.EXCEPTIONS.get(container, {})
    assert options["cap_drop"] == ["ALL"]
    assert options["security_opts"] == ["no-new-privileges"]
    assert set(options.get("cap_add") or []) == {name for name in exceptions if name.isupper()}
    assert bool(options.get("devices")) == ("device" in exceptions)
    assert bool(options.get("read_only")) != ("read_only" in exceptions)
    assert bool(options.get("user")) != ("user" in exceptions)
    assert options["memory"] and options["pids_limit"] and options["ulimits"] == {"nofile": 65536}
    writes = any(not mount.get("read_only") for mount in options["mounts"] if mount["type"] == "bind")
    assert writes == ("writes" in exceptions)


@pytest.mark.parametrize(("role", "name"), [*EXPORTERS[1:], ("cadvisor", "cadvisor-proxy"), *OF_MONITORING_HOSTS])
def test_no_secret_is_world_readable_or_in_the_environment(role, name, tmp_path):
    options = service(role, name, FLEET, "monitor1", tmp_path)
    contents = [file["content"] for file in options["secret_files"]]
    assert contents
    assert all(int(file.get("mode", "0600"), 8) & 0o007 == 0 for file in options["secret_files"])
    assert not [value for value in (options.get("env") or {}).values() for content in contents if str(value) == content]


def test_a_fleet_is_asked_by_tls_with_a_password(tmp_path):
    options = service("prometheus", "prometheus", FLEET, "monitor1", tmp_path)
    files = {file["path"].rpartition("/prometheus/")[2]: file["content"] for file in options["files"]}
    jobs = {job["job_name"]: job for job in yaml.safe_load(files["prometheus.yml"])["scrape_configs"]}
    for name in ("cadvisor", "nvidia-gpu", "node"):
        assert (jobs[name]["scheme"], jobs[name]["tls_config"]) == ("https", {"ca_file": "web/ca.crt"})
        assert jobs[name]["basic_auth"] == {"username": "prometheus", "password_file": "web/exporter_password"}
    assert not {"scheme", "basic_auth"} & set(jobs["model-server"])
    assert "cadvisor-proxy:8443" in files["targets/cadvisor.json"]
    assert options["health"]["http"]["scheme"] == options["reload"]["http"]["scheme"] == "https"


@pytest.mark.parametrize(("role", "name"), EXPORTERS)
def test_a_machine_that_watches_itself_publishes_nothing_beyond_itself(role, name, tmp_path):
    options = service(role, name, ALONE, "machine", tmp_path)
    assert {port["address"] for port in options["ports"]} == {"127.0.0.1"}
    assert options["health"]["http"].get("scheme", "http") == "http"
    assert not options.get("secret_files")


@pytest.mark.parametrize(
    ("role", "name", "address"),
    [*((*entry, "192.0.2.5") for entry in OF_MONITORING_HOSTS), *((*entry, "127.0.0.1") for entry in EXPORTERS[1:])],
)
def test_a_lone_machine_with_an_address_of_the_network_speaks_tls(role, name, address, tmp_path):
    lone = fleet({"machine": {"ansible_host": "192.0.2.5"}}, {"machine": {}})
    options = service(role, name, lone, "machine", tmp_path)
    assert {port["address"] for port in options["ports"]} == {address}
    assert options["health"]["http"]["scheme"] == "https"


@pytest.mark.parametrize("host", ["gpu1", "monitor1"])
def test_a_monitoring_host_on_its_loopback_and_a_host_on_the_network_both_speak_tls(host, tmp_path):
    mixed = fleet({"gpu1": {"ansible_host": "192.0.2.11"}}, {"monitor1": {"gpu_monitoring_address": "127.0.0.1"}})
    assert service("node_exporter", "node-exporter", mixed, host, tmp_path)["health"]["http"]["scheme"] == "https"


@pytest.mark.parametrize(("role", "name"), EXPORTERS[1:])
def test_an_exporter_whose_monitoring_host_is_not_in_the_inventory_speaks_tls(role, name, tmp_path):
    alone = {"all": {"hosts": {"gpu1": {"ansible_host": "192.0.2.11"}}}}
    options = service(role, name, alone, "gpu1", tmp_path)
    assert ({port["address"] for port in options["ports"]}, options["health"]["http"]["scheme"]) == (
        {"192.0.2.11"},
        "https",
    )


def test_one_variable_switches_it(tmp_path):
    off = fleet(
        {"gpu1": {"ansible_host": "192.0.2.11"}},
        {"monitor1": {"ansible_host": "192.0.2.10"}},
        {"gpu_monitoring_tls": "false"},
    )
    assert service("cadvisor", "cadvisor", off, "gpu1", tmp_path)["ports"]
    on = fleet({"machine": {"ansible_host": "127.0.0.1"}}, {"machine": {}}, {"gpu_monitoring_tls": True})
    assert not service("cadvisor", "cadvisor", on, "machine", tmp_path)["ports"]


def test_secrets_of_a_sites_own_jobs_are_files_that_no_other_user_reads(tmp_path):
    given = fleet(
        {"gpu1": {"ansible_host": "192.0.2.11"}},
        {"monitor1": {"ansible_host": "192.0.2.10"}},
        {"prometheus_secret_files": {"token": "of the site"}},
    )
    files = {
        file["path"]: file for file in service("prometheus", "prometheus", given, "monitor1", tmp_path)["secret_files"]
    }
    kept = files["/etc/gpu_monitoring/prometheus/secrets/token"]
    assert (kept["content"], kept["owner"], kept["group"], kept["mode"]) == ("of the site", "65534", "0", "0440")


def test_nobody_signs_up_or_in_without_a_name(tmp_path):
    environment = service("grafana", "grafana", FLEET, "monitor1", tmp_path)["env"]
    assert (environment["GF_USERS_ALLOW_SIGN_UP"], environment["GF_AUTH_ANONYMOUS_ENABLED"]) == ("false", "false")


def test_a_service_on_all_addresses_is_reached_by_the_one_of_the_certificate(tmp_path):
    given = fleet(
        {"gpu1": {"ansible_host": "192.0.2.11"}},
        {"monitor1": {"ansible_host": "192.0.2.10"}},
        {"grafana_address": "0.0.0.0"},
    )
    facts = {"__grafana_rotates": False}
    assert (
        arguments("grafana", "Declare datasources, folders and dashboards", given, "monitor1", tmp_path, facts)["url"]
        == "https://192.0.2.10:3000"
    )


def test_grafana_protects_its_cookies_by_https_alone(tmp_path):
    def environment(**variables):
        given = fleet({"gpu1": {"ansible_host": "192.0.2.11"}}, {"monitor1": {"ansible_host": "192.0.2.10"}}, variables)
        return service("grafana", "grafana", given, "monitor1", tmp_path)["env"]

    assert (environment()["GF_SERVER_PROTOCOL"], environment()["GF_SECURITY_COOKIE_SECURE"]) == ("https", "true")
    plain = environment(grafana_protocol="http")
    assert ("GF_SERVER_PROTOCOL" in plain, plain["GF_SECURITY_COOKIE_SECURE"]) == (False, "false")
    behind = environment(grafana_protocol="http", grafana_root_url="https://grafana.example.com/")
    assert (behind["GF_SECURITY_COOKIE_SECURE"], behind["GF_SERVER_ROOT_URL"]) == (
        "true",
        "https://grafana.example.com/",
    )


def test_the_key_of_grafana_is_made_once(tmp_path):
    options = service("grafana", "grafana", FLEET, "monitor1", tmp_path)
    once = {file["path"].rpartition("/")[2]: file.get("force", True) for file in options["secret_files"]}
    assert once == {"admin_password": True, "secret_key": False, "tls.crt": True, "tls.key": True}
