"""What a run reports about the Grafana that it deployed."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.grafana_access import messages

from tests.unit.plugins.plugin_utils.inventory import host_variables

ADDRESS = "192.0.2.10"


@pytest.fixture
def told(tmp_path, monkeypatch):
    """The messages for a monitoring host with these variables, whose password file is below the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    password = tmp_path / ".config" / "gpu_monitoring" / "monitor1" / "grafana_admin_password"
    password.parent.mkdir(parents=True)
    password.write_text("generated-word\n")
    fleet = {"hosts": {"monitor1": {"address": ADDRESS}}, "tls": True}

    def run(**variables):
        known = host_variables(
            tmp_path, {}, {"monitor1": variables}, facts={"monitor1": {"gpu_monitoring_fleet": fleet}}
        )
        return messages(known, ["monitor1"])

    return run


def test_a_generated_password_is_named_by_its_file(told):
    for variables in ({}, *({"grafana_address": everywhere} for everywhere in ("0.0.0.0", "::", "0:0:0:0:0:0:0:0"))):
        assert told(**variables) == [
            f"Grafana: https://{ADDRESS}:3000, user admin,"
            " password in ~/.config/gpu_monitoring/monitor1/grafana_admin_password"
        ]
    [own] = told(grafana_address="10.0.0.1")
    assert own.startswith("Grafana: https://10.0.0.1:3000, ")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"grafana_admin_password": "given-word"}, f"Grafana: https://{ADDRESS}:3000, user admin"),
        ({"grafana_admin_password_file": "/no/such/file"}, f"Grafana: https://{ADDRESS}:3000, user admin"),
        (
            {"grafana_admin_password": "given-word", "grafana_port": 3001, "gpu_monitoring_tls": False},
            f"Grafana: http://{ADDRESS}:3001, user admin",
        ),
        (
            {
                "grafana_admin_password": "given-word",
                "grafana_root_url": "https://x.example/g/",
                "grafana_admin_user": "u",
            },
            "Grafana: https://x.example/g/, user u",
        ),
    ],
)
def test_a_password_of_the_site_is_not_named(told, variables, message):
    assert told(**variables) == [message]


@pytest.mark.parametrize("variables", [{"grafana_enabled": False}, {"grafana_port": "{{ only_in_the_role }}"}])
def test_no_grafana_and_no_address_is_no_message(told, variables):
    assert told(**variables) == []
