"""What the role grafana hands to its modules, rendered as for a user's inventory."""

from __future__ import annotations

import pytest

from tests.unit.roles.rendering import arguments, fleet, service

CONFIG = "/etc/gpu_monitoring/grafana"


@pytest.fixture
def grafana(tmp_path):
    """The options of Grafana's container with variables of the monitoring host."""

    def render(**variables):
        inventory = fleet({}, {"monitor1": {"ansible_host": "10.0.0.9", **variables}})
        return service("grafana", "grafana", inventory, "monitor1", tmp_path)

    return render


def secret_file(options, name):
    return next(file for file in options["secret_files"] if file["path"] == f"{CONFIG}/{name}")


def test_a_secret_key_is_made_once_unless_it_is_given(grafana):
    made = secret_file(grafana(), "secret_key")
    assert (len(made["content"]), made["force"]) == (40, False)
    given = secret_file(grafana(grafana_secret_key="key of another Grafana"), "secret_key")
    assert (given["content"], given["force"]) == ("key of another Grafana", True)
    assert "on_change" not in given


@pytest.mark.parametrize("adopts", [False, True])
def test_a_foreign_volume_is_adopted_only_if_allowed(grafana, adopts):
    (volume,) = [mount for mount in grafana(grafana_adopt_volume=adopts)["mounts"] if mount["type"] == "volume"]
    assert volume["adopt"] is adopts


def test_a_lost_password_comes_with_a_command_that_shows_it_to_nobody(tmp_path):
    inventory = fleet(
        {}, {"monitor1": {"ansible_host": "10.0.0.9", "grafana_admin_password": "a password of the test"}}
    )
    for task in ("Declare datasources, folders and dashboards", "Set the new password in Grafana"):
        given = arguments("grafana", task, inventory, "monitor1", tmp_path)
        assert "reset it on monitor1" in given["login_help"]
        assert (
            "docker exec grafana sh -c 'grafana cli admin reset-admin-password --password-from-stdin <"
            in given["login_help"]
        )
        assert given["password"] not in given["login_help"]


def test_below_a_sub_path_everything_asks_there(grafana, tmp_path):
    options = grafana(grafana_root_url="https://example.com/grafana/")
    assert options["env"]["GF_SERVER_SERVE_FROM_SUB_PATH"] == "true"
    assert options["health"]["http"]["path"] == "/grafana/api/health"
    written = grafana(
        grafana_root_url="https://example.com/grafana/",
        grafana_environment_extra={"GF_SERVER_SERVE_FROM_SUB_PATH": "True"},
    )
    assert written["health"]["http"]["path"] == "/grafana/api/health"
    inventory = fleet(
        {}, {"monitor1": {"ansible_host": "10.0.0.9", "grafana_root_url": "https://example.com/grafana/"}}
    )
    declared = arguments("grafana", "Declare datasources, folders and dashboards", inventory, "monitor1", tmp_path)
    assert declared["url"] == "https://10.0.0.9:3000/grafana"


@pytest.mark.parametrize(
    ("root_url", "extra"),
    [
        ("https://grafana.example.com/", {}),
        ("https://example.com/grafana/", {"GF_SERVER_SERVE_FROM_SUB_PATH": "false"}),
    ],
)
def test_without_a_sub_path_of_its_own_grafana_serves_at_the_root(grafana, root_url, extra):
    options = grafana(grafana_root_url=root_url, grafana_environment_extra=extra)
    assert options["env"].get("GF_SERVER_SERVE_FROM_SUB_PATH", "false") == "false"
    assert options["health"]["http"]["path"] == "/api/health"


def test_settings_of_a_site_replace_those_of_the_role(grafana):
    environment = grafana(grafana_environment_extra={"GF_AUTH_ANONYMOUS_ENABLED": "true", "GF_SMTP_HOST": "mail:25"})[
        "env"
    ]
    assert (environment["GF_AUTH_ANONYMOUS_ENABLED"], environment["GF_SMTP_HOST"]) == ("true", "mail:25")
    assert environment["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert "NO_PROXY" not in environment


def test_plugins_are_fetched_only_where_a_site_names_some(grafana):
    assert grafana()["env"]["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"
    named = grafana(grafana_environment_extra={"GF_PLUGINS_PREINSTALL": "grafana-clock-panel@2.1.8"})["env"]
    assert (named["GF_PLUGINS_PREINSTALL_DISABLED"], named["GF_PLUGINS_PREINSTALL_AUTO_UPDATE"]) == ("false", "false")


@pytest.mark.parametrize(
    ("extra", "no_proxy"),
    [
        ({"HTTPS_PROXY": "http://proxy:3128"}, "prometheus,alertmanager"),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "10.0.0.0/8"}, "10.0.0.0/8,prometheus,alertmanager"),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "localhost"}, "localhost,prometheus,alertmanager"),
    ],
)
def test_a_proxy_for_grafana_is_not_used_for_prometheus_and_alertmanager(grafana, extra, no_proxy):
    assert grafana(grafana_environment_extra=extra)["env"]["NO_PROXY"] == no_proxy


def test_secret_files_of_a_site_are_for_grafana_alone(grafana):
    file = secret_file(grafana(grafana_secret_files={"ldap.toml": "[[servers]]\n"}), "secrets/ldap.toml")
    assert (file["content"], file["owner"], file["mode"]) == ("[[servers]]\n", "472", "0400")


@pytest.mark.parametrize(
    ("variables", "version"),
    [
        ({"grafana_version": "13.0.1"}, "13.0.1"),
        ({"grafana_image": "mirror.example.com:5000/grafana/grafana:v11.6.2"}, "11.6.2"),
        (
            {"grafana_image": f"mirror.example.com:5000/grafana@sha256:{'0' * 64}", "grafana_version": "12.0.0"},
            "12.0.0",
        ),
        ({"grafana_image": f"grafana/grafana:12.1.0@sha256:{'0' * 64}"}, "12.1.0"),
    ],
)
def test_the_version_of_the_database_is_that_of_the_image(grafana, variables, version):
    data = grafana(**variables)["data"]
    assert (data["version"], data["volume"], data["allow_older"]) == (version, "grafana-storage", False)
    assert "grafana.db" in data["files"]


@pytest.mark.parametrize(
    ("environment", "copied"),
    [
        ({"GF_DATABASE_TYPE": "sqlite3"}, True),
        ({"GF_DATABASE_TYPE": "postgres", "GF_DATABASE_HOST": "db.example.com:5432"}, False),
        ({"GF_DATABASE_URL": "$__file{/etc/gpu_monitoring/secrets/database}"}, False),
        ({"GF_DATABASE_URL__FILE": "/etc/gpu_monitoring/secrets/database"}, False),
        ({"GF_DATABASE_TYPE__FILE": "/etc/gpu_monitoring/secrets/type"}, False),
        ({"GF_DATABASE_PATH": "/srv/grafana.db"}, False),
        ({"GF_DATABASE_WAL": "true"}, True),
    ],
)
def test_a_database_of_another_place_has_no_copy_in_the_volume(grafana, environment, copied):
    """With a stale copy of grafana.db, the previous version would start on a database that is already changed."""
    assert ("grafana.db" in grafana(grafana_environment_extra=environment)["data"]["files"]) is copied
