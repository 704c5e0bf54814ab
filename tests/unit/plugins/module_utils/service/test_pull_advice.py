"""The fix for each way in which registries refuse a pull, from what Docker engines say."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.pull_advice import advice
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.registry_login import Login

IMAGE = "harbor.example.com/quay/prometheus/prometheus:v3.5.3"
HEAD = 'Head "https://harbor.example.com/v2/quay/prometheus/prometheus/manifests/v3.5.3": '


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (
            "dial tcp: lookup harbor.example.com on 127.0.0.53:53: no such host",
            ("cannot resolve harbor.example.com", "DNS"),
        ),
        (
            f"{HEAD}proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused",
            ("The proxy of the Docker engine", "docker_engine_no_proxy"),
        ),
        (f"{HEAD}Proxy Authentication Required", ("The proxy of the Docker engine", "docker_engine_https_proxy")),
        (f"{HEAD}x509: certificate signed by unknown authority", ("gpu_monitoring_registry_ca", "harbor.example.com")),
        (
            f"{HEAD}tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
            ("check the clock",),
        ),
        (f"{HEAD}http: server gave HTTP response to HTTPS client", ("insecure-registries",)),
        (
            "toomanyrequests: You have reached your unauthenticated pull rate limit.",
            ("limits the pulls", "gpu_monitoring_registries", "Wait"),
        ),
        ("Error response: received unexpected HTTP status: 429 Too Many Requests", ("limits the pulls",)),
        (
            "manifest for quay.io/prometheus/prometheus@sha256:f429ab not found: manifest unknown",
            ("Check the version",),
        ),
        (
            "pull access denied for x, repository does not exist or may require 'docker login'",
            ("gpu_monitoring_registry_username", "check the version"),
        ),
        ("unauthorized: authentication required", ("without credentials",)),
        ("failed to register layer: write /usr/bin/x: no space left on device", ("Free space", "docker image prune")),
        (
            f"{HEAD}dial tcp 192.0.2.1:443: i/o timeout",
            ("does not reach harbor.example.com", "docker_engine_https_proxy"),
        ),
        ("manifest for x:v0 not found: manifest unknown: manifest unknown", ("Check the version",)),
        ("something that nobody has seen", ("Check the version and that this host reaches the registry",)),
    ],
)
def test_each_refusal_has_its_fix(refusal, words):
    text = advice(IMAGE, Login(), refusal)
    assert all(word in text for word in words), text
    assert text.endswith(".") and "{" not in text


def test_a_login_that_could_not_be_read_is_reported_whatever_the_refusal():
    login = Login(problem="docker-credential-pass, named in /root/.docker/config.json, is not installed")
    assert "as docker-credential-pass" in advice(IMAGE, login, "i/o timeout")
    assert advice(IMAGE, login, "unauthorized").count("docker-credential-pass") == 1
