"""Secrets in Prometheus' configuration itself, and missing secret files."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.inline_secrets import problem_of

WORD = "word-of-mine"


@pytest.mark.parametrize(
    ("configuration", "path", "fix"),
    [
        (
            [{"basic_auth": {"username": "x", "password": WORD}}],
            "[0].basic_auth.password",
            "password_file: secrets/NAME",
        ),
        ([{"authorization": {"credentials": WORD}}], "[0].authorization.credentials", "credentials_file: secrets/NAME"),
        ([{"bearer_token": WORD}], "[0].bearer_token", "bearer_token_file: secrets/NAME"),
        ([{"oauth2": {"client_secret": WORD}}], "[0].oauth2.client_secret", "client_secret_file: secrets/NAME"),
        ([{"azuread": {"oauth": {"client_secret": WORD}}}], "[0].azuread.oauth.client_secret", "client_secret_file"),
        ([{}, {"sigv4": {"secret_key": WORD}}], "[1].sigv4.secret_key", "AWS_SHARED_CREDENTIALS_FILE"),
        ([{"tls_config": {"key": WORD}}], "[0].tls_config.key", "key_file: secrets/NAME"),
        ([{"consul_sd_configs": [{"token": WORD}]}], "[0].consul_sd_configs[0].token", "authorization"),
        (
            [{"headers": {"Authorization": f"Bearer {WORD}"}}],
            "[0].headers.Authorization",
            "http_headers: {Authorization: {files: [secrets/NAME]}}",
        ),
        ([{"http_headers": {"X-Api-Key": {"values": [WORD]}}}], "[0].http_headers.X-Api-Key", "files: [secrets/NAME]"),
        (
            [{"headers": {"X-Forwarded-Access": f"Bearer {WORD}"}}],
            "[0].headers.X-Forwarded-Access",
            "files: [secrets/NAME]",
        ),
        (
            [{"http_headers": {"X-Proxy": {"values": [f"basic {WORD}"]}}}],
            "[0].http_headers.X-Proxy",
            "files: [secrets/NAME]",
        ),
        (
            [{"http_headers": {"X-Tenant": {"secrets": [WORD]}}}],
            "[0].http_headers.X-Tenant.secrets",
            "files: [secrets/NAME]",
        ),
        ([{"url": f"https://me:{WORD}@example.com/write"}], "[0].url", "password_file: secrets/NAME"),
        ([{"proxy_url": f"http://{WORD}@proxy:3128"}], "[0].proxy_url", "Remove the login"),
        ([f"--storage.remote=http://me:{WORD}@example.com"], "[0]", "Remove the login"),
    ],
)
def test_an_inline_secret_is_found_by_its_place_and_not_shown(configuration, path, fix):
    problem = problem_of(configuration, [])
    assert problem is not None
    assert problem.text.startswith(f"{path} is a ")
    assert fix in problem.fix
    assert WORD not in problem.text + problem.fix


@pytest.mark.parametrize(
    "configuration",
    [
        [],
        None,
        [{"basic_auth": {"username": "x", "password_file": "secrets/remote"}}],
        [
            {
                "authorization": {"type": "Bearer", "credentials_file": "/etc/prometheus/secrets/remote"},
                "tls_config": {"ca_file": "web/ca.crt"},
            }
        ],
        [{"http_headers": {"Authorization": {"files": ["secrets/remote"]}, "X-Scope-OrgID": {"values": ["team"]}}}],
        [{"headers": {"X-Scope-OrgID": "team"}}],
        [
            {
                "name": "g",
                "rules": [
                    {
                        "alert": "A",
                        "expr": "x > 1",
                        "labels": {"token": "expired"},
                        "annotations": {"password": "see the wiki"},
                    }
                ],
            }
        ],
        [
            {
                "params": {"token": ["x"]},
                "relabel_configs": [{"source_labels": ["__address__"], "target_label": "instance"}],
            }
        ],
        [{"url": "https://example.com/a@b?x=c@d"}],
        [{"basic_auth": {"password": ""}}],
    ],
)
def test_a_configuration_without_a_secret_passes(configuration):
    assert problem_of(configuration, ["remote"]) is None


@pytest.mark.parametrize("name", ["secrets/remote", "/etc/prometheus/secrets/remote"])
def test_a_secret_file_that_is_not_given_is_named(name):
    problem = problem_of([{"basic_auth": {"password_file": name}}], ["other"])
    assert problem == (
        "[0].basic_auth.password_file names the file secrets/remote, which prometheus_secret_files does not have",
        "Add remote to prometheus_secret_files",
    )
