"""A machine that knows nothing of Docker and watches itself: the engine on request, then `inventories/localhost`, run
on the machine.
"""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml

from tests.lab import hosts, shell
from tests.stack import INVENTORY, LAB_NAME, ROOT, on, run_playbook

NAME = hosts.container(LAB_NAME, hosts.SPARE)
COLLECTION = "/root/.ansible/collections/ansible_collections/mlops/gpu_monitoring"


def on_spare(command: str) -> str:
    return on(hosts.SPARE, command)


@pytest.fixture(scope="module")
def spare(tmp_path_factory):
    """An inventory of one host of its own, which is removed afterwards."""
    image = shell.run("docker", "inspect", "--format", "{{.Config.Image}}", hosts.container(LAB_NAME, "monitor1"))
    hosts.start(LAB_NAME, hosts.SPARE, image)
    connection = {
        key: value
        for key, value in yaml.safe_load(INVENTORY.read_text())["all"]["vars"].items()
        if key.startswith("ansible_")
    }
    path = tmp_path_factory.mktemp("spare") / "inventory.yml"
    path.write_text(
        yaml.safe_dump(
            {
                "all": {
                    "hosts": {hosts.SPARE: {"ansible_host": hosts.address(LAB_NAME, hosts.SPARE)}},
                    "vars": connection,
                }
            }
        )
    )
    yield path
    hosts.remove(LAB_NAME, hosts.SPARE)


@pytest.fixture
def engine_role(spare, tmp_path):
    playbook = tmp_path / "playbook.yml"
    looked = {
        "ansible.builtin.assert": {
            "that": ["gpu_monitoring_host.engine.installed is defined", "gpu_monitoring_host.gpu.msg is defined"]
        }
    }
    play = {"hosts": "all", "gather_facts": False, "roles": ["mlops.gpu_monitoring.docker_engine"], "tasks": [looked]}
    playbook.write_text(yaml.safe_dump([play]))
    return lambda *arguments, **variables: run_playbook(playbook, *arguments, inventory=spare, variables=variables)


@pytest.fixture
def no_engine(spare):
    """The host has no engine."""
    on_spare(
        "systemctl stop docker.socket docker.service; dpkg --purge docker.io docker-cli && rm -f /var/run/docker.sock"
    )


@pytest.fixture
def an_engine(engine_role):
    """The host has an engine."""
    run = engine_role(docker_engine_install=True)
    assert run.code == 0, run.output


def test_no_engine_is_installed_unasked(no_engine, engine_role):
    run = engine_role()
    assert run.code != 0
    assert "docker_engine_install" in run.error
    assert "No Docker engine answers on spare1" in run.error
    assert on_spare("command -v dockerd || echo none").strip() == "none"


# A stand-in that answers at the engine's socket as Podman 4.3 does.
PODMAN = """
import http.server, json, os, socketserver
ANSWERS = {"version": {"Version": "4.3.1", "ApiVersion": "1.41", "MinAPIVersion": "1.24",
                       "Components": [{"Name": "Podman Engine"}]},
           "info": {"SecurityOptions": ["name=seccomp,profile=default"],
                    "DockerRootDir": "/var/lib/containers/storage"}}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(ANSWERS.get(self.path.rpartition("/")[2], [])).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def address_string(self):
        return "client"
socketserver.ThreadingUnixStreamServer("/run/docker.sock", Handler).serve_forever()
"""


@pytest.fixture
def podman(no_engine):
    """Podman's socket is at the place of Docker's."""
    subprocess.run(
        ["docker", "exec", "-i", NAME, "tee", "/run/podman.py"], input=PODMAN.encode(), check=True, capture_output=True
    )
    on_spare("rm -f /run/docker.sock; systemd-run --collect --unit podman-stand-in python3 /run/podman.py")
    shell.wait_for(
        lambda: (
            "200"
            in on_spare("curl -s -o /dev/null -w '%{http_code}' --unix-socket /run/docker.sock http://d/info || true")
        ),
        "the socket",
        20,
    )
    yield
    on_spare("systemctl stop podman-stand-in; rm -f /run/docker.sock /run/podman.py")


def test_podman_at_the_socket_of_docker_is_refused_and_no_engine_is_added(podman, engine_role):
    run = engine_role(docker_engine_install=True)
    assert run.code != 0
    assert "docker_engine on spare1: Podman 4.3.1 answers there, not Docker." in run.error
    assert (run.recap[hosts.SPARE]["changed"], on_spare("command -v dockerd || echo none").strip()) == (0, "none")


def test_no_engine_is_added_beside_a_rootless_one(no_engine, engine_role):
    on_spare("mkdir -p /run/user/1000 && touch /run/user/1000/docker.sock")
    try:
        run = engine_role(docker_engine_install=True)
    finally:
        on_spare("rm -r /run/user/1000")
    assert run.code != 0
    assert "docker_engine on spare1: A rootless Docker engine runs at /run/user/1000/docker.sock." in run.error
    assert on_spare("command -v dockerd || echo none").strip() == "none"


@pytest.fixture
def broken_repositories(spare):
    """Two entries of the toolkit's repository contradict each other, so that apt reads no source, and another
    repository does not exist.
    """
    entry = "deb [signed-by=/etc/%s.gpg] https://nvidia.github.io/libnvidia-container/stable/deb/amd64 /"
    lists = {"guide": entry % "a", "nvidia-docker": entry % "b", "gone": "deb http://apt.lab/none /"}
    for name, line in lists.items():
        on_spare(f"echo '{line}' >/etc/apt/sources.list.d/{name}.list")
    yield
    on_spare("rm -f /etc/apt/sources.list.d/*.list")


@pytest.mark.long
def test_an_engine_is_installed_on_request_once_whatever_repositories_there_are(
    no_engine, broken_repositories, engine_role
):
    checked = engine_role("--check", docker_engine_install=True)
    assert checked.code == 0, checked.output
    assert on_spare("command -v dockerd || echo none").strip() == "none"
    first = engine_role(docker_engine_install=True)
    assert first.code == 0, first.output
    assert on_spare("systemctl is-active docker").strip() == "active"
    for words in (
        "Conflicting values set for option Signed-By",
        "/etc/apt/sources.list.d/guide.list, line 1",
        "http://apt.lab/none",
    ):
        assert words in first.error
    second = engine_role(docker_engine_install=True)
    assert (second.code, second.recap[hosts.SPARE]["changed"]) == (0, 0), second.output


@pytest.fixture
def deploy(an_engine):
    """Runs the playbook site on the host itself, by the example inventory with these variables."""
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    archive = subprocess.run(
        ["tar", "-cf", "-", "-T", "-"], cwd=ROOT, input=files.encode(), check=True, capture_output=True
    ).stdout
    on_spare(f"mkdir -p {COLLECTION}")
    subprocess.run(["docker", "cp", "-", f"{NAME}:{COLLECTION}"], input=archive, check=True, capture_output=True)
    on_spare("apt-get update -q && apt-get install -q -y --no-install-recommends ansible-core docker-cli")
    given = yaml.safe_load(INVENTORY.read_text())["all"]["vars"]
    variables = {
        key: value
        for key, value in given.items()
        if not key.startswith("ansible_") and key != "gpu_monitoring_secrets_dir"
    }
    daemon = json.dumps({"insecure-registries": ["registry.lab:5000"]})
    on_spare(f"mkdir -p /etc/docker && echo '{daemon}' >/etc/docker/daemon.json && systemctl restart docker")
    playbook = f"ansible-playbook -i {COLLECTION}/inventories/localhost mlops.gpu_monitoring.site"
    return lambda **more: on_spare(f"{playbook} -e '{json.dumps({**variables, **more})}'")


def test_the_example_inventory_of_one_machine(deploy):
    assert "no NVIDIA GPU" in deploy()
    assert "changed=0" in deploy()

    published = on_spare("docker ps --format '{{.Names}} {{.Ports}}'")
    assert all("127.0.0.1:" in line and "0.0.0.0" not in line for line in published.splitlines()), published
    shell.wait_for(
        lambda: '"health":"up"' in on_spare("curl --silent http://127.0.0.1:9090/api/v1/targets"),
        "Prometheus reaching cAdvisor",
        60,
    )
    targets = json.loads(on_spare("curl --silent http://127.0.0.1:9090/api/v1/targets"))["data"]["activeTargets"]
    assert {target["labels"]["job"]: target["scrapeUrl"] for target in targets} == {
        "alertmanager": "http://alertmanager:9093/metrics",
        "cadvisor": "http://cadvisor:8080/metrics",
        "node": "http://node-exporter:9100/metrics",
        "prometheus": "http://127.0.0.1:9090/metrics",
    }
    assert on_spare("stat -c %a ~/.config/gpu_monitoring/localhost/grafana_admin_password").strip() == "600"


@pytest.mark.long
def test_one_machine_with_other_variables(deploy):
    deploy()
    deploy(grafana_protocol="https", node_exporter_enabled=False)
    assert "ok" in on_spare(
        "curl --silent --cacert ~/.config/gpu_monitoring/ca/ca.crt https://127.0.0.1:3000/api/health"
    )
    assert "node-exporter" not in on_spare("docker ps --all --format '{{.Names}}'")
