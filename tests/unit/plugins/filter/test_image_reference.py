"""From which registry an image comes, and when its digest counts."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.filter.image_reference import image_reference

DIGEST = f"sha256:{'1' * 64}"
PROMETHEUS = {
    "repositories": ["quay.io/prometheus/prometheus", "docker.io/prom/prometheus"],
    "line": "3.13",
    "version": "3.13.5",
    "tag": "v{version}",
    "digest": DIGEST,
}
ALL = "registry.example.com:5000"


@pytest.mark.parametrize(
    ("registry", "registries", "image"),
    [
        ("", {}, f"quay.io/prometheus/prometheus:v3.13.5@{DIGEST}"),
        (ALL, {}, f"{ALL}/prom/prometheus:v3.13.5"),
        ("", {"ghcr.io": "harbor.example.com/ghcr"}, f"quay.io/prometheus/prometheus:v3.13.5@{DIGEST}"),
        ("", {"quay.io": "harbor.example.com/quay/"}, "harbor.example.com/quay/prometheus/prometheus:v3.13.5"),
        ("", {"docker.io": "harbor.example.com/hub"}, "harbor.example.com/hub/prom/prometheus:v3.13.5"),
        (
            ALL,
            {"docker.io": "a.example.com/hub", "quay.io": "b.example.com"},
            "b.example.com/prometheus/prometheus:v3.13.5",
        ),
        (ALL, {"ghcr.io": "harbor.example.com/ghcr"}, f"{ALL}/prom/prometheus:v3.13.5"),
    ],
)
def test_the_nearest_mirror_counts_and_has_no_digest(registry, registries, image):
    assert image_reference(PROMETHEUS, "3.13.5", registry, registries) == image


def test_a_mirror_under_the_name_of_the_registry_is_a_mirror_without_a_digest():
    cadvisor = {**PROMETHEUS, "repositories": ["ghcr.io/google/cadvisor"]}
    assert image_reference(cadvisor, "3.13.5", "ghcr.io") == "ghcr.io/google/cadvisor:v3.13.5"
    assert image_reference(cadvisor, "3.13.5", "", {"ghcr.io": "ghcr.io"}) == "ghcr.io/google/cadvisor:v3.13.5"


def test_another_version_and_an_image_without_a_digest_are_taken_by_the_tag():
    assert image_reference(PROMETHEUS, "3.13.4") == "quay.io/prometheus/prometheus:v3.13.4"
    assert image_reference({**PROMETHEUS, "digest": ""}, "3.13.5") == "quay.io/prometheus/prometheus:v3.13.5"
