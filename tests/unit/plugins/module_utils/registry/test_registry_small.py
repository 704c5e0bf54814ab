"""References of images and challenges of registries."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry import challenge, reference
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("text", "parts", "name"),
    [
        ("nginx", ("docker.io", "library/nginx", "latest", ""), "docker.io/library/nginx:latest"),
        ("docker.io/nginx:1", ("docker.io", "library/nginx", "1", ""), "docker.io/library/nginx:1"),
        ("prom/prometheus:v3", ("docker.io", "prom/prometheus", "v3", ""), "docker.io/prom/prometheus:v3"),
        ("r:5000/a/b:1", ("r:5000", "a/b", "1", ""), "r:5000/a/b:1"),
        (f"localhost/a:1@{DIGEST}", ("localhost", "a", "1", DIGEST), "localhost/a:1"),
        (f"quay.io/a/b@{DIGEST}", ("quay.io", "a/b", "", DIGEST), "quay.io/a/b:sha256-abababababab"),
    ],
)
def test_references(text, parts, name):
    parsed = reference.parse(text)
    assert (parsed.registry, parsed.repository, parsed.tag, parsed.digest) == parts
    assert parsed.name == name


@pytest.mark.parametrize("text", ["", "A/b", "a:b:c", "a@sha256:1", "a@", "a:", "a b", "a/../b", "../a"])
def test_what_is_no_reference(text):
    with pytest.raises(RegistryError, match="is not the reference of an image"):
        reference.parse(text)


def test_a_token_is_preferred():
    bearer = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"'
    assert challenge.of_headers(['Basic realm="x"', bearer]) == challenge.Challenge(
        "bearer",
        {"realm": "https://auth.docker.io/token", "service": "registry.docker.io", "scope": "repository:a/b:pull,push"},
    )


@pytest.mark.parametrize("values", [[], ["Negotiate"], ["Bearer service=x"], ["Digest realm=x"]])
def test_nothing_that_can_be_answered(values):
    assert challenge.of_headers(values) is None
