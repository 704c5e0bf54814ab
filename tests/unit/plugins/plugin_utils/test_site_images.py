"""Which images the inventory's variables make, with and without the site's mirror."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import site_images
from inventory import host_variables

HOSTS = (
    {"gpu1": {"ansible_host": "10.0.0.1"}, "gpu2": {"cadvisor_image": "r.example.com/own/cadvisor:1"}},
    {"monitor1": {}},
)


def of(tmp_path, hosts=(), **variables):
    return site_images.images(host_variables(tmp_path, *HOSTS, variables), hosts)


def by_name(images, host):
    return {image.variable: (image.reference, image.upstream) for image in images if image.host == host}


def test_each_host_has_the_images_of_its_groups(tmp_path):
    images = of(tmp_path)
    assert {*by_name(images, "monitor1")} == {
        "node_exporter_image",
        "alertmanager_image",
        "prometheus_image",
        "grafana_image",
    }
    assert {*by_name(images, "gpu1")} == {
        "node_exporter_image",
        "cadvisor_image",
        "cadvisor_proxy_image",
        "dcgm_exporter_image",
        "nvidia_container_toolkit_verify_image",
        "container_gpu_collector_image",
    }
    assert all(image.reference == image.upstream for image in images)
    assert by_name(images, "gpu2")["cadvisor_image"] == ("r.example.com/own/cadvisor:1",) * 2


def test_a_service_that_is_off_needs_no_image(tmp_path):
    images = of(tmp_path, dcgm_exporter_enabled=False, alertmanager_enabled="no")
    assert "alertmanager_image" not in by_name(images, "monitor1")
    assert {"dcgm_exporter_image", "nvidia_container_toolkit_verify_image"}.isdisjoint(by_name(images, "gpu1"))


@pytest.mark.parametrize(
    "mirror",
    [
        {"gpu_monitoring_registry": "r:5000"},
        {"gpu_monitoring_registries": {"docker.io": "r:5000/hub", "quay.io": "r:5000/quay"}},
    ],
)
def test_a_mirror_counts_for_the_site_and_not_upstream(tmp_path, mirror):
    reference, upstream = by_name(of(tmp_path, **mirror), "monitor1")["prometheus_image"]
    assert reference.startswith("r:5000/")
    assert upstream == by_name(of(tmp_path), "monitor1")["prometheus_image"][1]
    assert upstream.startswith("quay.io/prometheus/prometheus:v")


def test_single_hosts(tmp_path):
    assert {image.host for image in of(tmp_path, ["gpu2"])} == {"gpu2"}


@pytest.mark.parametrize("text", ["https://r.example.com/grafana:1", "Grafana:UP CASE", "r.example.com/grafana:"])
def test_what_is_no_image_is_refused_with_its_variable(tmp_path, text):
    with pytest.raises(
        ValueError, match="^grafana_image on monitor1: .* is not the reference of an image. Write it like"
    ):
        of(tmp_path, grafana_image=text)
