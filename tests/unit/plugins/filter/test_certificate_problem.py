"""The filter certificate_problem, on certificates that sites have."""

from __future__ import annotations

import datetime

import pytest
import trustme
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.certificate_problems import certificate_problem


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def issued(authority, *names, **options):
    """Certificate with chain, and key, as PEM texts."""
    made = authority.issue_cert(*names, **options)
    return "".join(
        certificate.bytes().decode() for certificate in made.cert_chain_pems
    ), made.private_key_pem.bytes().decode()


@pytest.mark.parametrize("kind", [trustme.KeyType.RSA, trustme.KeyType.ECDSA])
def test_one_that_is_right(authority, kind):
    certificate, key = issued(authority, "192.0.2.10", "grafana.example.com", key_type=kind)
    assert certificate_problem(certificate, key, ["192.0.2.10", "GRAFANA.example.com"]) == ""


def test_what_is_wrong_is_said(authority):
    certificate, key = issued(authority, "192.0.2.10")
    assert certificate_problem("none", key, []) == "the certificate is not PEM text that can be read"
    assert certificate_problem(certificate, "none", []) == "the key is not PEM text that can be read"
    assert certificate_problem(certificate, issued(authority, "192.0.2.10")[1], []).startswith(
        "the key is not that of the certificate"
    )
    assert (
        certificate_problem(certificate, key, ["192.0.2.10", "192.0.2.11", "prometheus"])
        == "the certificate is not for 192.0.2.11, prometheus"
    )
    old = issued(authority, "192.0.2.10", not_after=datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc))
    assert certificate_problem(*old, []).endswith(" to 2020-01-02")
