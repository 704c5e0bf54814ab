"""Grafana with the settings of a site, and with data, a key or a password that do not fit."""

from __future__ import annotations

import json

import pytest
import requests

from tests.stack import LAB, on

pytestmark = pytest.mark.long

ONLY = ("--limit=monitor1", "--tags=grafana")
KEY = "/etc/gpu_monitoring/grafana/secret_key"


@pytest.fixture
def deploy(site):
    """Deploys Grafana alone. Afterwards Grafana is as converge made it."""

    def run(*arguments, **variables):
        return site(*ONLY, *arguments, variables=variables)

    yield run
    assert site(*ONLY).code == 0


def settled(run):
    """Whether a run worked and changed nothing."""
    assert run.code == 0, run.output
    return run.recap["monitor1"]["changed"] == 0


def test_settings_and_secret_files_of_a_site_below_a_sub_path(deploy, grafana, site):
    secrets = {"smtp_password": "a-password-of-the-mail", "ldap.toml": "[[servers]]\nbind_password = 'of-ldap'\n"}
    settings = {
        "GF_SMTP_PASSWORD": "$__file{/etc/gpu_monitoring/secrets/smtp_password}",
        "GF_AUTH_LDAP_CONFIG_FILE": "/etc/gpu_monitoring/secrets/ldap.toml",
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "HTTPS_PROXY": "http://192.0.2.1:3128",
    }
    variables = {
        "grafana_environment_extra": settings,
        "grafana_secret_files": secrets,
        "grafana_root_url": "https://example.com/grafana/",
    }
    run = deploy("--diff", **variables)
    assert run.code == 0, run.output
    assert not [secret for secret in ("a-password-of-the-mail", "of-ldap") if secret in run.output]
    environment = on("monitor1", "docker exec grafana env")
    assert all(f"{name}={value}" in environment for name, value in settings.items())
    assert "NO_PROXY=prometheus" in environment
    for name, content in secrets.items():
        assert on("monitor1", f"docker exec grafana cat /etc/gpu_monitoring/secrets/{name}").strip() == content.strip()
    assert on("monitor1", "stat -c '%a %u' /etc/gpu_monitoring/grafana/secrets/ldap.toml").split() == ["400", "472"]
    assert grafana.session.get(f"{grafana.url}/grafana/api/datasources", timeout=10).status_code == 200
    outside = requests.get(
        f"{grafana.url}/api/health", timeout=10, verify=grafana.session.verify, allow_redirects=False
    )
    assert outside.headers["Location"] == "https://example.com/grafana/api/health"
    assert settled(deploy(**variables))


def test_a_key_moves_along_with_the_folder_of_the_configuration(deploy, grafana):
    key = on("monitor1", f"cat {KEY}")
    moved = {"grafana_config_dir": "/etc/gpu_monitoring/moved"}
    run = deploy(**moved)
    assert run.code == 0, run.output
    assert on("monitor1", "cat /etc/gpu_monitoring/moved/secret_key") == key
    assert on("monitor1", "find /etc/gpu_monitoring/grafana -type f") == ""
    assert "secret_key differs" not in run.output
    assert grafana.frames("up")
    assert settled(deploy(**moved))


def test_a_lost_key_makes_the_secrets_be_sent_again(deploy, grafana):
    on("monitor1", f"rm {KEY}")
    run = deploy()
    assert run.code == 0, run.output
    assert "secret_key differs from that of the last run" in run.output
    assert grafana.frames("up")
    assert settled(deploy())


def test_a_volume_of_another_grafana_is_refused_until_it_is_adopted_with_its_key(deploy, started, grafana):
    on("monitor1", "docker volume create of-another-grafana")
    before = started()
    try:
        refused = deploy(grafana_volume="of-another-grafana")
        assert (
            "grafana_volume on monitor1: the volume of-another-grafana exists, and the role grafana did not make it"
            in refused.error
        )
        assert started() == before
        run = deploy(
            grafana_volume="of-another-grafana", grafana_adopt_volume=True, grafana_secret_key="key-of-another-grafana"
        )
        assert run.code == 0, run.output
        assert "of-another-grafana" in on("monitor1", "docker inspect --format '{{json .Mounts}}' grafana")
        assert grafana.frames("up")
    finally:
        deploy()
        on("monitor1", "docker volume rm of-another-grafana")


def test_an_adopted_volume_without_its_key_is_refused(deploy, started):
    before, key = started(), on("monitor1", f"cat {KEY}")
    on("monitor1", f"mv {KEY} /root/secret_key")
    try:
        refused = deploy(grafana_adopt_volume=True)
        assert f"grafana_secret_key on monitor1: grafana_adopt_volume is true and no key is in {KEY}" in refused.error
    finally:
        on("monitor1", f"mv /root/secret_key {KEY}")
    assert (started(), on("monitor1", f"cat {KEY}")) == (before, key)


@pytest.mark.parametrize("mode", [[], ["--check"]])
def test_an_older_grafana_is_refused(deploy, started, mode):
    before = started()
    refused = deploy(*mode, grafana_version="9.5.21")
    assert refused.code != 0
    assert "is older" in refused.error
    assert "Set grafana_version to that version or a newer version." in refused.error
    assert started() == before


def test_a_lost_password_comes_with_the_way_to_reset_it(deploy, grafana):
    answer = grafana.session.get(f"{grafana.url}/api/user", timeout=10)
    password = (LAB / "grafana_admin_password").read_text().strip()
    body = {"oldPassword": password, "newPassword": "of-nobody", "confirmNew": "of-nobody"}
    assert grafana.session.put(f"{grafana.url}/api/user/password", json=body, timeout=10).status_code == 200
    try:
        refused = deploy()
        assert refused.code != 0
        assert (
            "docker exec grafana sh -c 'grafana cli admin reset-admin-password --password-from-stdin <" in refused.error
        )
        assert password not in refused.output
    finally:
        back = {"oldPassword": "of-nobody", "newPassword": password, "confirmNew": password}
        done = requests.put(
            f"{grafana.url}/api/user/password",
            json=back,
            auth=(json.loads(answer.text)["login"], "of-nobody"),
            verify=grafana.session.verify,
            timeout=10,
        )
        assert done.status_code == 200, done.text
