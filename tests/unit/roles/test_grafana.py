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
    inventory = fleet({}, {"monitor1": {"ansible_host": "10.0.0.9", "grafana_admin_password": "a password of the test"}})
    for task in ("Declare datasources, folders and dashboards", "Give Grafana the new password"):
        given = arguments("grafana", task, inventory, "monitor1", tmp_path)
        assert "reset it on monitor1" in given["login_help"]
        assert "docker exec grafana sh -c 'grafana cli admin reset-admin-password --password-from-stdin <" in given["login_help"]
        assert given["password"] not in given["login_help"]
