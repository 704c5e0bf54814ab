"""Hosts that reach nothing but the controller and each other install, upgrade and verify from a bundle.

The controller reaches the lab's registry, which stands for the internet.
"""

from __future__ import annotations

import contextlib
import json
import re

import pytest

from tests.lab import images
from tests.lab.services import ADDRESS, SUBNET
from tests.lab.shell import LabError, run
from tests.stack import ROOT, SERVICES, on, run_playbook

pytestmark = pytest.mark.long
REGISTRY = f"{ADDRESS}:5000"
NAMES = {"container_gpu_collector_python_version": "container_gpu_collector_image"}
# Nothing but the peers and the controller: neither the registry nor what is outside of the lab.
RULES = (
    f"OUTPUT --destination {ADDRESS} --jump REJECT",
    f"FORWARD --destination {ADDRESS} --jump REJECT",
    f"OUTPUT --out-interface eth0 ! --destination {SUBNET} --jump REJECT",
)
STORE = """
import json
with open("/etc/docker/daemon.json") as file:
    config = json.load(file)
config["features"] = {**config.get("features", {}), "containerd-snapshotter": %s}
with open("/etc/docker/daemon.json", "w") as file:
    json.dump(config, file)
"""

INSECURE = """
import json
with open("/etc/docker/daemon.json") as file:
    config = json.load(file)
config["insecure-registries"].append("%s")
with open("/etc/docker/daemon.json", "w") as file:
    json.dump(config, file)
"""


def reference(service: images.Service) -> str:
    """The image of a service from the registry that stands for the internet, or from the mirror of it."""
    image = {"repositories": [f"{REGISTRY}/{service.path}"], "tag": service.image.tag, "version": "", "digest": ""}
    return f"{{{{ {image} | mlops.gpu_monitoring.image_reference({service.variable}, gpu_monitoring_registry) }}}}"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Runs a playbook with the bundle's variables."""
    variables = {
        **{
            NAMES.get(service.variable, service.variable.replace("_version", "_image")): reference(service)
            for service in images.SERVICES
        },
        "nvidia_container_toolkit_verify_image": "{{ dcgm_exporter_image }}",
        "gpu_monitoring_registry": "",
        "gpu_monitoring_bundle": str(tmp_path_factory.mktemp("bundle")),
        "bundle_insecure_registries": [REGISTRY],
        "bundle_packages": ["apt"],
        "bundle_apt_url": f"http://{ADDRESS}/nvidia",
        "nvidia_container_toolkit_key": f"http://{ADDRESS}/nvidia/key.asc",
    }
    return lambda name, *arguments, **more: run_playbook(
        ROOT / "playbooks" / f"{name}.yml", *arguments, variables={**variables, **more}
    )


@pytest.fixture(scope="module")
def older():
    """The version of Prometheus 3.5 in the registry."""
    built = images.build("prometheus_debian", images.bases())
    version = run("docker", "inspect", "--format", '{{index .Config.Labels "lab.version"}}', built)
    port = run("docker", "port", "gpu-monitoring-lab-services", "5000/tcp").splitlines()[0]
    run("docker", "tag", built, f"{port}/prom/prometheus:v{version}")
    run("docker", "push", "--quiet", f"{port}/prom/prometheus:v{version}")
    return version


def forget(host: str) -> None:
    """Take the services and their images from a host."""
    on(host, f"docker rm --force {' '.join(SERVICES[host])}; docker image prune --all --force")


def set_store(containerd: bool) -> None:
    """Give gpu2 the image store of containerd, or that of its graph driver.

    The root of a lab's host is an overlay, which cannot hold further overlays, so the store is in the engine's volume.
    """
    folder = "/var/lib/docker/containerd-store"
    mount = (
        f"mkdir -p {folder} && mount --bind {folder} /var/lib/containerd"
        if containerd
        else "umount /var/lib/containerd"
    )
    on(
        "gpu2",
        f"python3 -c '{STORE % containerd}' && systemctl stop docker.socket docker containerd && {mount}"
        " && systemctl start containerd docker",
    )


@pytest.fixture(scope="module", autouse=True)
def cut_off():
    """The hosts reach nothing else, have no image, and gpu2 has the image store of containerd."""
    set_store(containerd=True)
    for host in SERVICES:
        forget(host)
        for rule in RULES:
            on(host, f"iptables --insert {rule}")
    yield
    for host in SERVICES:
        for rule in RULES:
            on(host, f"iptables --delete {rule}")
    set_store(containerd=False)


def well(done):
    assert done.code == 0, done.output
    return done


def changed(done) -> int:
    return sum(counts["changed"] for counts in well(done).recap.values())


def sent(done) -> dict[str, list[str]]:
    """The digests of the blobs that each host was sent, from the output with -v."""
    results = re.findall(r"^changed: \[(\S+)\] => (\{.*\})$", done.output, re.MULTILINE)
    parsed = ((host, json.loads(text)) for host, text in results)
    return {host: result["blobs"] for host, result in parsed if "blobs" in result}


def test_the_hosts_reach_no_registry():
    for host in SERVICES:
        with pytest.raises(LabError):
            on(host, f"curl --silent --max-time 5 http://{REGISTRY}/v2/")


def test_without_the_images_nothing_changes_and_the_fix_is_named(site, older):
    well(site("bundle", prometheus_version=older))
    done = site("site", prometheus_version=older)
    assert done.code != 0
    assert "gpu_monitoring_bundle allows no registry. Run the playbook load." in done.error
    assert on("monitor1", "docker ps --all --quiet --filter name=prometheus").strip() == ""


def test_each_image_is_sent_once_to_each_host(site, older):
    done = well(site("load", "-v", prometheus_version=older))
    blobs = sent(done)
    assert {*blobs} == {*SERVICES}
    assert all(len(digests) == len({*digests}) for digests in blobs.values())
    assert changed(site("load", "-v", prometheus_version=older)) == 0


def test_the_hosts_are_installed_and_verified(site, older):
    well(site("site", prometheus_version=older))
    well(site("verify", prometheus_version=older))
    assert changed(site("site", prometheus_version=older)) == 0


def test_an_upgrade_sends_only_what_is_new(site, older):
    well(site("bundle"))
    blobs = sent(well(site("load", "-v")))
    assert {*blobs} == {"monitor1"}
    well(site("site"))
    well(site("verify"))
    assert older not in on("monitor1", "docker inspect --format '{{.Config.Image}}' prometheus")


def test_an_image_of_somebody_else_under_the_same_name_is_refused_and_replaced(site):
    name = on("monitor1", "docker inspect --format '{{.Config.Image}}' alertmanager").strip()
    other = on("monitor1", "docker inspect --format '{{.Config.Image}}' grafana").strip()
    on("monitor1", f"docker tag {other} {name}")
    done = site("site", "--limit=monitor1", "--tags=alertmanager")
    assert done.code != 0
    assert f"{name} differs on this host" in done.error
    assert sent(well(site("load", "-v"))).keys() == {"monitor1"}
    well(site("site", "--limit=monitor1", "--tags=alertmanager"))


@contextlib.contextmanager
def reaching(registry: str):
    """The hosts reach the registry, as that of the site, and their engines take it without TLS."""
    for host in SERVICES:
        on(host, f"cp /etc/docker/daemon.json /root; python3 -c '{INSECURE % registry}'; systemctl reload docker")
        for rule in RULES[:2]:
            on(host, f"iptables --delete {rule}")
    try:
        yield
    finally:
        for host in SERVICES:
            on(host, "cp /root/daemon.json /etc/docker/daemon.json; systemctl reload docker")
            for rule in RULES[:2]:
                on(host, f"iptables --insert {rule}")


def test_the_registry_of_the_site_gets_the_bundle_and_gives_the_same_images(site):
    mirror = {"gpu_monitoring_registry": f"{REGISTRY}/site"}
    well(site("load", **mirror))
    assert changed(site("load", **mirror)) == 0
    for host in SERVICES:
        forget(host)
    with reaching(REGISTRY):
        well(site("site", **mirror))
        well(site("verify", **mirror))
    assert f"{REGISTRY}/site/grafana/grafana:" in on("monitor1", "docker inspect --format '{{.Config.Image}}' grafana")
