"""From which registry an image comes."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.filter.mirrored import mirrored

PROMETHEUS = ["quay.io/prometheus/prometheus", "docker.io/prom/prometheus"]
ALL = "registry.example.com:5000"


@pytest.mark.parametrize(
    ("registry", "registries", "image"),
    [
        ("", {}, "quay.io/prometheus/prometheus"),
        (ALL, {}, f"{ALL}/prom/prometheus"),
        ("", {"ghcr.io": "harbor.example.com/ghcr"}, "quay.io/prometheus/prometheus"),
        ("", {"quay.io": "harbor.example.com/quay/"}, "harbor.example.com/quay/prometheus/prometheus"),
        ("", {"docker.io": "harbor.example.com/hub"}, "harbor.example.com/hub/prom/prometheus"),
        (ALL, {"docker.io": "a.example.com/hub", "quay.io": "b.example.com"}, "b.example.com/prometheus/prometheus"),
        (ALL, {"ghcr.io": "harbor.example.com/ghcr"}, f"{ALL}/prom/prometheus"),
    ],
)
def test_the_nearest_mirror_counts(registry, registries, image):
    assert mirrored(PROMETHEUS, registry, registries) == image
