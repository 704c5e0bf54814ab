"""Each role works in somebody else's playbook, with nothing but its own variables, on a host that knows nothing of the
collection.
"""

from __future__ import annotations

import json

import pytest
import yaml

from tests.stack import INVENTORY, SECRETS, TARGETS, wait_until

NGINX = "library/nginx:{cadvisor_proxy_version}-alpine-slim"


@pytest.fixture
def bare_inventory(tmp_path):
    """The hosts without groups and without any variable of the collection, but for the limit that the lab's engines
    have and the folder for secrets.
    """
    everything = yaml.safe_load(INVENTORY.read_text())["all"]
    of_lab = ("gpu_monitoring_nofile", "gpu_monitoring_secrets_dir")
    connection = {
        key: value for key, value in everything["vars"].items() if key.startswith("ansible_") or key in of_lab
    }
    hosts = {name: values for group in everything["children"].values() for name, values in group["hosts"].items()}
    hosts |= everything.get("hosts", {})
    path = tmp_path / "bare.yml"
    path.write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": connection}}))
    return path


@pytest.fixture(scope="module")
def versions():
    return yaml.safe_load(INVENTORY.read_text())["all"]["vars"]


def run_role(play, inventory, target, role, variables, *arguments):
    run = play(
        {"hosts": target, "roles": [f"mlops.gpu_monitoring.{role}"]},
        *arguments,
        inventory=inventory,
        variables=variables,
    )
    assert run.code == 0, run.output
    return run


@pytest.fixture
def removed(play, bare_inventory):
    """Removes, after the test, the containers that the test names."""
    named = []
    yield named.append
    for target, service in named:
        task = {
            "mlops.gpu_monitoring.container_service": {
                "services": [{"name": service, "state": "absent", "remove_data": True}]
            }
        }
        assert play({"hosts": target, "tasks": [task]}, inventory=bare_inventory).code == 0


def test_docker_engine(play, bare_inventory):
    assert run_role(play, bare_inventory, "gpu1", "docker_engine", {}).recap["gpu1"]["changed"] == 0


def test_nvidia_container_toolkit(play, bare_inventory, versions):
    own = {key: value for key, value in versions.items() if key.startswith("nvidia_container_toolkit_")}
    assert run_role(play, bare_inventory, "gpu1", "nvidia_container_toolkit", own).recap["gpu1"]["changed"] == 0


def test_a_reload_that_fails_restores_the_configuration(play, bare_inventory, versions, host):
    own = {key: value for key, value in versions.items() if key.startswith("nvidia_container_toolkit_")}
    gpu1, drop_in = host("gpu1"), "/run/systemd/system/docker.service.d/no-reload.conf"
    complete = json.loads(gpu1.file("/etc/docker/daemon.json").content_string)
    without = json.dumps({key: value for key, value in complete.items() if key != "runtimes"})
    gpu1.check_output(
        f"mkdir -p $(dirname {drop_in}) && printf '[Service]\\nExecReload=\\nExecReload=/bin/false\\n'"
        f" >{drop_in} && systemctl daemon-reload"
    )
    gpu1.check_output(f"printf '%s' '{without}' >/etc/docker/daemon.json")
    try:
        run = play(
            {"hosts": "gpu1", "roles": ["mlops.gpu_monitoring.nvidia_container_toolkit"]},
            inventory=bare_inventory,
            variables=own,
        )
        assert run.code != 0
        assert "did not take the runtime nvidia" in run.error
        assert "previous configuration was restored" in run.error
        assert gpu1.file("/etc/docker/daemon.json").content_string == without
    finally:
        gpu1.check_output(f"rm {drop_in} && systemctl daemon-reload")
    run_role(play, bare_inventory, "gpu1", "nvidia_container_toolkit", own)
    assert json.loads(gpu1.file("/etc/docker/daemon.json").content_string) == complete


@pytest.mark.long
def test_the_toolkit_comes_back_in_its_version_beside_the_entry_of_nvidias_guide(play, bare_inventory, versions, host):
    own = {key: value for key, value in versions.items() if key.startswith("nvidia_container_toolkit_")}
    gpu1 = host("gpu1")
    other = "/etc/apt/sources.list.d/nvidia-guide.list"
    gpu1.check_output("dpkg --remove --force-depends --force-hold libnvidia-container1 && rm -rf /var/lib/apt/lists/*")
    gpu1.check_output(f"echo 'deb [trusted=yes] {own['nvidia_container_toolkit_repository_url']} /' >{other}")
    run_role(play, bare_inventory, "gpu1", "nvidia_container_toolkit", own)
    assert not gpu1.file(other).exists
    assert gpu1.file(f"{other}.disabled").exists
    gpu1.check_output(f"rm {other}.disabled")
    assert gpu1.package("libnvidia-container1").version.startswith(versions["nvidia_container_toolkit_version"])


@pytest.mark.parametrize(
    ("role", "target", "images", "path"),
    [
        (
            "cadvisor",
            "monitor1",
            {"cadvisor": "google/cadvisor:v{cadvisor_version}", "cadvisor_proxy": NGINX},
            "8088/metrics",
        ),
        pytest.param(
            "alertmanager",
            "gpu1",
            {"alertmanager": "prom/alertmanager:v{alertmanager_version}"},
            "9093/-/ready",
            marks=pytest.mark.long,
        ),
        # `tests/engine/test_prometheus_role.py` deploys what this role renders too.
        pytest.param(
            "prometheus",
            "gpu1",
            {"prometheus": "prom/prometheus:v{prometheus_version}"},
            "9090/-/ready",
            marks=pytest.mark.long,
        ),
        ("grafana", "gpu1", {"grafana": "grafana/grafana:{grafana_version}"}, "3000/api/health"),
    ],
)
def test_service(play, bare_inventory, versions, removed, host, addresses, role, target, images, path):
    own = {f"{name}_image": "registry.lab:5000/" + image.format(**versions) for name, image in images.items()}
    for name in images:
        removed((target, name.replace("_", "-")))
    assert run_role(play, bare_inventory, target, role, own).recap[target]["changed"] > 0
    assert run_role(play, bare_inventory, target, role, own).recap[target]["changed"] == 0
    port, _slash, path_below = path.partition("/")
    password = (
        (SECRETS / ("prometheus_password" if role in ("alertmanager", "prometheus") else "exporter_password"))
        .read_text()
        .strip()
    )
    ask = "curl --silent --fail --insecure --output /dev/null --user prometheus:%s https://%s:%s/%s"
    host(target).check_output(ask, password, addresses[target], port, path_below)


@pytest.mark.long
def test_dcgm_exporter_with_variables_of_its_own(play, bare_inventory, versions, host, addresses, site):
    own = {
        "dcgm_exporter_image": "registry.lab:5000/nvidia/k8s/dcgm-exporter:" + versions["dcgm_exporter_version"],
        "dcgm_exporter_interval": "1s",
    }
    assert run_role(play, bare_inventory, "gpu2", "dcgm_exporter", own).recap["gpu2"]["changed"] > 0
    password = (SECRETS / "exporter_password").read_text().strip()
    metrics = host("gpu2").check_output(
        "curl --silent --fail --insecure --user prometheus:%s https://%s:9400/metrics", password, addresses["gpu2"]
    )
    assert "DCGM_FI_DEV_GPU_UTIL{" in metrics
    environment = json.loads(host("gpu2").check_output("docker inspect dcgm-exporter"))[0]["Config"]["Env"]
    assert "DCGM_EXPORTER_INTERVAL=1000" in environment
    assert site("--limit=gpu2", "--tags=dcgm_exporter").code == 0


@pytest.mark.parametrize("role", ["dcgm_exporter", "nvidia_container_toolkit"])
def test_a_host_without_a_gpu_gets_a_message(play, bare_inventory, role):
    run = run_role(play, bare_inventory, "monitor1", role, {})
    assert run.recap["monitor1"]["changed"] == 0
    assert "left out here" in run.error or "left out here" in run.output


@pytest.mark.long
def test_a_fleet_with_a_host_without_a_gpu(site, tmp_path, prometheus, play):
    """The monitoring host joins gpu_hosts: it is measured, its missing GPU is said, and Prometheus expects none."""
    inventory = yaml.safe_load(INVENTORY.read_text())
    inventory["all"]["children"]["gpu_hosts"]["hosts"]["monitor1"] = {}
    path = tmp_path / "inventory.yml"
    path.write_text(yaml.safe_dump(inventory))
    try:
        run = site(inventory=path)
        assert run.code == 0, run.output
        assert "no NVIDIA GPU" in run.output
        expected = dict.fromkeys({*TARGETS, ("cadvisor", "monitor1")}, "up")
        wait_until(lambda: prometheus.health() == expected, lambda: f"targets: {prometheus.health()}")
        targets = prometheus.get("targets")["activeTargets"]
        urls = {
            target["labels"]["job"]: target["scrapeUrl"] for target in targets if target["labels"]["host"] == "monitor1"
        }
        assert urls["cadvisor"] == "https://cadvisor-proxy:8443/metrics"
        assert urls["node"] == "https://node-exporter:9100/metrics"
    finally:
        services = [{"name": name, "state": "absent"} for name in ("cadvisor-proxy", "cadvisor")]
        assert (
            play(
                {"hosts": "monitor1", "tasks": [{"mlops.gpu_monitoring.container_service": {"services": services}}]}
            ).code
            == 0
        )
        assert site().code == 0
