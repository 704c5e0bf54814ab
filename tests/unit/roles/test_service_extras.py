"""What a site adds to the containers of the roles, in one form for all of them."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.service_extras import SERVICES
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.specifications import check

from tests.unit.plugins.plugin_utils.inventory import host_variables
from tests.unit.roles.rendering import fleet, service

NAMES = {
    "alertmanager": "alertmanager",
    "cadvisor": "cadvisor",
    "container_gpu_collector": "container-gpu-collector",
    "dcgm_exporter": "dcgm-exporter",
    "grafana": "grafana",
    "node_exporter": "node-exporter",
    "prometheus": "prometheus",
    "victoria_metrics": "victoria-metrics",
}
GPU1, MONITOR = {"ansible_host": "10.0.0.1"}, {"ansible_host": "10.0.0.9"}
MOUNT = {"source": "/srv/site", "target": "/site", "read_only": True}


def rendered(role, folder, name="", **variables):
    host = "monitor1" if role in ("alertmanager", "grafana", "prometheus", "victoria_metrics") else "gpu1"
    inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {"victoria_metrics_enabled": True, **variables})
    return service(role, name or NAMES[role], inventory, host, folder)


@pytest.mark.parametrize("role", SERVICES)
def test_what_a_site_adds_comes_beside_what_the_role_sets(role, tmp_path):
    plain = rendered(role, tmp_path)
    extras = {"environment": {"TZ": "UTC", "LEVEL": 1}, "labels": {"team": "ml"}, "mounts": [MOUNT]}
    variables = {f"{role}_{kind}_extra": value for kind, value in extras.items()}
    options = rendered(role, tmp_path, **variables, **{f"{role}_cpus": 1.5})
    assert options["env"] == {**plain["env"], "TZ": "UTC", "LEVEL": 1}
    assert options["labels"] == {**plain["labels"], "team": "ml"}
    assert options["mounts"] == [*plain["mounts"], MOUNT]
    assert (plain["cpus"], options["cpus"]) == (0, 1.5)
    assert (
        check(host_variables(tmp_path, {"gpu1": GPU1}, {"monitor1": MONITOR}, variables), [role], ["gpu1", "monitor1"])
        is None
    )


@pytest.mark.parametrize("role", SERVICES)
def test_the_names_of_the_role_itself_are_known(role, tmp_path):
    options, own = (
        rendered(role, tmp_path, dcgm_exporter_remote_hostengine="10.0.0.1:5555", container_gpu_collector_usage=True),
        SERVICES[role],
    )
    targets = {mount["target"] for mount in options["mounts"]} | {
        path.partition(":")[0] for path in options.get("tmpfs", [])
    }
    # The folder of Docker's data is the host's, and the files of /proc are below one folder.
    targets = {target for target in targets if target != "/var/lib/docker" and not target.startswith("/procfs/")}
    assert targets <= set(own.mounts)
    assert set(options["labels"]) == set(own.labels)
    if role != "grafana":
        assert set(options["env"]) == set(own.environment)


@pytest.mark.parametrize("role", [*SERVICES, "cadvisor_proxy"])
def test_names_and_logs_of_all_containers_follow_the_shared_variables(role, tmp_path):
    shared = {
        "gpu_monitoring_container_prefix": "gpu-",
        "gpu_monitoring_log_driver": "local",
        "gpu_monitoring_log_options": {"max-size": "1m"},
    }
    name = "cadvisor-proxy" if role == "cadvisor_proxy" else ""
    role = "cadvisor" if name else role
    options = rendered(role, tmp_path, name, **shared, cadvisor_labels_extra={"team": "ml"})
    assert (options["name"], options["container_name"]) == (name or NAMES[role], f"gpu-{name or NAMES[role]}")
    assert (options["log_driver"], options["log_options"]) == ("local", {"max-size": "1m"})
    assert rendered(role, tmp_path, name)["container_name"] == (name or NAMES[role])
    if role == "cadvisor":
        assert options["labels"] == {"team": "ml"}


@pytest.mark.parametrize("role", [role for role in NAMES if role != "container_gpu_collector"])
def test_errors_name_the_variable_of_a_port(role, tmp_path):
    name = "cadvisor-proxy" if role == "cadvisor" else ""
    assert [port["variable"] for port in rendered(role, tmp_path, name)["ports"]] == [f"{role}_port"]


@pytest.mark.parametrize(
    ("role", "variable", "value", "problem"),
    [
        (
            "dcgm_exporter",
            "dcgm_exporter_environment_extra",
            {"DCGM_EXPORTER_LISTEN": ":1"},
            "the role sets DCGM_EXPORTER_LISTEN itself",
        ),
        (
            "grafana",
            "grafana_environment_extra",
            {"GF_SECURITY_SECRET_KEY": "x"},
            "the role sets GF_SECURITY_SECRET_KEY. Set grafana_secret_key",
        ),
        ("grafana", "grafana_environment_extra", {"GF_LIVE_ENABLED": True}, "the value of GF_LIVE_ENABLED is not text"),
        ("cadvisor", "cadvisor_environment_extra", {"A=B": "x"}, "'A=B' is not a name of an environment variable"),
        (
            "prometheus",
            "prometheus_environment_extra",
            {"AWS_SECRET_ACCESS_KEY": "x"},
            "AWS_SECRET_ACCESS_KEY is a secret, .* by prometheus_secret_files",
        ),
        (
            "cadvisor",
            "cadvisor_environment_extra",
            {"PROXY": "http://me:x@proxy"},
            "PROXY is a secret, .* by cadvisor_mounts_extra",
        ),
        (
            "grafana",
            "grafana_environment_extra",
            {True: "x", "GF_LIVE_ENABLED": True},
            "the value of GF_LIVE_ENABLED is not text",
        ),
        ("dcgm_exporter", "dcgm_exporter_labels_extra", {"gpus": "none"}, "the role sets gpus itself"),
        (
            "prometheus",
            "prometheus_labels_extra",
            {"mlops.gpu_monitoring.service": "x"},
            "is a label of the collection",
        ),
        (
            "prometheus",
            "prometheus_mounts_extra",
            [{**MOUNT, "target": "/prometheus/"}],
            "has a mount at /prometheus already",
        ),
        ("node_exporter", "node_exporter_mounts_extra", [MOUNT, MOUNT], "has a mount at /site already"),
        ("node_exporter", "node_exporter_mounts_extra", [{**MOUNT, "target": "site"}], "site is not an absolute path"),
        (
            "grafana",
            "grafana_mounts_extra",
            [{**MOUNT, "source": "plugins"}],
            "the source plugins is not an absolute path",
        ),
        ("node_exporter", "node_exporter_mounts_extra", [{"source": "/srv"}], "target"),
    ],
)
def test_what_cannot_be_added_is_refused(tmp_path, role, variable, value, problem):
    variables = host_variables(tmp_path, {"gpu1": GPU1}, {"monitor1": MONITOR}, {variable: value})
    with pytest.raises(ValueError, match=problem) as error:
        check(variables, [role], ["gpu1"])
    assert str(error.value).startswith(f"{variable} on gpu1: ")
