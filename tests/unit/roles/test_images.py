"""From which registries a site without a mirror pulls, and how often."""

from __future__ import annotations

import pytest

from tests.unit.roles.rendering import arguments, fleet, service

INVENTORY = ({"gpu1": {"ansible_host": "10.0.0.1"}}, {"monitor1": {"ansible_host": "10.0.0.9"}})
OF_GPU_HOSTS = (
    ("cadvisor", "cadvisor"),
    ("cadvisor", "cadvisor-proxy"),
    ("node_exporter", "node-exporter"),
    ("dcgm_exporter", "dcgm-exporter"),
    ("container_gpu_collector", "container-gpu-collector"),
)
OF_MONITORING_HOSTS = (
    ("alertmanager", "alertmanager"),
    ("prometheus", "prometheus"),
    ("grafana", "grafana"),
    ("victoria_metrics", "victoria-metrics"),
)


@pytest.fixture
def images(tmp_path):
    """Images by container, of all containers or of this one, with these variables."""

    def render(only="", **variables):
        inventory = fleet(*INVENTORY, {"victoria_metrics_enabled": True, **variables})
        return {
            container: service(role, container, inventory, host, tmp_path)["image"]
            for host, services in (("gpu1", OF_GPU_HOSTS), ("monitor1", OF_MONITORING_HOSTS))
            for role, container in services
            if only in ("", container)
        }

    return render


def test_only_grafana_comes_from_docker_hub_which_limits_the_pulls_of_an_address(images):
    registries = {container: image.partition("/")[0] for container, image in images().items()}
    assert [container for container, registry in registries.items() if registry == "docker.io"] == ["grafana"]


def test_a_mirror_of_all_has_the_paths_that_it_had(images):
    paths = {image.rpartition(":")[0] for image in images(gpu_monitoring_registry="r:5000").values()}
    assert paths == {
        "r:5000/google/cadvisor",
        "r:5000/library/nginx",
        "r:5000/prom/node-exporter",
        "r:5000/nvidia/k8s/dcgm-exporter",
        "r:5000/library/python",
        "r:5000/prom/alertmanager",
        "r:5000/prom/prometheus",
        "r:5000/grafana/grafana",
        "r:5000/victoriametrics/victoria-metrics",
    }


def test_a_mirror_of_each_registry(images):
    names = ("docker.io", "ghcr.io", "nvcr.io", "quay.io", "public.ecr.aws")
    registries = {name: f"h.example.com/{name.partition('.')[0]}" for name in names}
    assert {image.rpartition("/")[0] for image in images(gpu_monitoring_registries=registries).values()} == {
        "h.example.com/ghcr/google",
        "h.example.com/public/docker/library",
        "h.example.com/quay/prometheus",
        "h.example.com/quay/victoriametrics",
        "h.example.com/nvcr/nvidia/k8s",
        "h.example.com/docker/grafana",
    }


def test_a_digest_counts_for_the_default_version_from_the_default_registry_alone(images):
    assert "@sha256:" in images("grafana")["grafana"]
    assert images("grafana", grafana_version="12.4.9") == {"grafana": "docker.io/grafana/grafana:12.4.9"}
    assert images("grafana", grafana_image="r.example/grafana:1") == {"grafana": "r.example/grafana:1"}
    for mirror in ({"gpu_monitoring_registry": "r:5000"}, {"gpu_monitoring_registries": {"docker.io": "r:5000"}}):
        assert "@" not in images("grafana", **mirror)["grafana"]


def test_no_image_is_pulled_only_to_verify(tmp_path):
    task = "Verify GPU access (nvidia_container_toolkit_verify_image)"
    result = {"mechanism": "cdi", "host": {}}
    facts = {"gpu_monitoring_host": {"gpu": {"gpus": []}}, "nvidia_container_toolkit_result": result}
    alone = fleet(*INVENTORY)
    assert arguments("nvidia_container_toolkit", task, alone, "gpu1", tmp_path, facts)["image"] == ""
    beside = fleet(*INVENTORY, {"dcgm_exporter_enabled": True, "dcgm_exporter_image": "nvcr.io/x:1"})
    assert arguments("nvidia_container_toolkit", task, beside, "gpu1", tmp_path, facts)["image"] == "nvcr.io/x:1"
