"""Real Alertmanagers of two monitoring hosts, with the files and the command of the role.

A Docker network stands in for the one between the hosts, and containers have the addresses of hosts. The test reaches
them by another network, which stays when the first one is cut.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import uuid
from pathlib import Path

import pytest
import requests
import trustme
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager import client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import cluster, collect_alerts
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import alertmanager_cluster, fleet_secrets
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.fleet import evaluate

from tests.lab import images
from tests.rules.servers import wait_until
from tests.unit.plugins.plugin_utils.inventory import host_variables
from tests.unit.roles.rendering import fleet, service
from tests.webhooks import webhook

pytestmark = pytest.mark.long

PEERS, PEOPLE = "10.213.7", "10.213.8"
GPU_HOSTS = {"gpu1": {"ansible_host": f"{PEERS}.11"}}
MONITORING = {
    f"monitor{number}": {"ansible_host": f"{PEERS}.{number}", "tls_alternative_names": [f"{PEOPLE}.{number}"]}
    for number in (2, 3)
}
ROUTE = {"receiver": "oncall", "group_by": ["host"], "group_wait": "1s", "group_interval": "1s"}
TOGETHER = {f"{PEERS}.2:9094", f"{PEERS}.3:9094"}


def docker(*command):
    run = subprocess.run(["docker", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert run.returncode == 0, run.stdout
    return run.stdout.strip()


class Member:
    """A container with the Alertmanager of a host."""

    def __init__(self, host, folder, container, network):
        self.peer, self.folder = MONITORING[host]["ansible_host"], folder
        self._address = self.peer.replace(PEERS, PEOPLE)
        self._container, self._network = container, network
        self._session = requests.Session()
        # Authorities in the environment would come before those of the session.
        self._session.trust_env = False
        self._session.auth = ("prometheus", (folder / "web" / "password").read_text())
        self._session.verify = str(folder / "web" / "ca.crt")

    def _get(self, path):
        answer = self._session.get(f"https://{self._address}:9093/{path}", timeout=10)
        answer.raise_for_status()
        return answer

    def _post(self, path, body):
        self._session.post(f"https://{self._address}:9093/api/v2/{path}", json=body, timeout=10).raise_for_status()

    def peers(self):
        return {peer["address"] for peer in self._get("api/v2/status").json()["cluster"]["peers"]}

    def missing(self):
        """The members that verify would report."""
        given = {"url": f"https://{self._address}:9093", "ca_path": self._session.verify, "timeout": 10}
        login = dict(zip(("url_username", "url_password"), self._session.auth))
        options = dict.fromkeys(("token", "client_cert", "client_key"), None) | {"use_proxy": False}
        status = client.Client({**options, **given, **login, "validate_certs": True}).status()
        others = [cluster.Member(address, address) for address in sorted(TOGETHER - {f"{self.peer}:9094"})]
        seen = cluster.Cluster(status.cluster, status.peers)
        return [
            problem.host for problem in cluster.problems(others, seen, lambda peer: collect_alerts.closed(peer, 10))
        ]

    def metric(self, name):
        lines = self._get("metrics").text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"alertmanager_{name} "))

    def position(self):
        return self.metric("peer_position")

    def fire(self, name):
        self._post("alerts", [{"labels": {"alertname": name, "host": name, "severity": "page"}}])

    def silence(self, name):
        matcher = {"name": "alertname", "value": name, "isRegex": False, "isEqual": True}
        times = {"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z"}
        self._post("silences", {"matchers": [matcher], **times, "createdBy": "test", "comment": name})

    def silences(self):
        return {silence["comment"] for silence in self._get("api/v2/silences").json()}

    def die(self):
        docker("kill", self._container)

    def start(self):
        docker("start", self._container)

    def cut(self):
        docker("network", "disconnect", self._network, self._container)

    def join(self):
        docker("network", "connect", f"--ip={self.peer}", self._network, self._container)


@pytest.fixture(scope="module")
def networks():
    """The networks of the hosts and of the test."""
    with contextlib.ExitStack() as stack:
        names = []
        for subnet in (PEERS, PEOPLE):
            name = f"test-{uuid.uuid4().hex[:8]}"
            docker("network", "create", f"--subnet={subnet}.0/24", f"--gateway={subnet}.1", name)
            stack.callback(docker, "network", "rm", name)
            names.append(name)
        yield names


@pytest.fixture(scope="module")
def told(networks):
    """The URL of a receiver of webhooks, and what it got."""
    with webhook(address=f"{PEOPLE}.1") as (url, notifications):
        yield url, notifications


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    """The certificates that the collection makes for the hosts."""
    folder = tmp_path_factory.mktemp("secrets")
    folder.chmod(0o700)
    variables = host_variables(folder, GPU_HOSTS, MONITORING, {"gpu_monitoring_secrets_dir": str(folder / "secrets")})
    evaluated = evaluate(variables)
    variables.use_defaults("common", "tls", "grafana")
    addresses = {host: facts["address"] for host, facts in evaluated["hosts"].items()}
    known = fleet_secrets.Fleet(True, addresses, alertmanager_cluster.clustered(evaluated["alertmanagers"]))
    maker = fleet_secrets.SecretMaker(lambda _path: "a password of this test", check_mode=False)
    return maker.make({host: fleet_secrets.inputs_of(variables, known, host) for host in addresses})


@pytest.fixture(scope="module")
def members(networks, told, secrets, tmp_path_factory):
    """The Alertmanagers of both hosts, once they see each other."""
    image = images.build("alertmanager", {"LAB_BASE": images.build("base", {})})
    variables = {
        "alertmanager_receivers": [{"name": "oncall", "webhook": {"url_file": "secrets/hook", "send_resolved": False}}],
        "alertmanager_route": ROUTE,
        "alertmanager_secret_files": {"hook": told[0]},
    }
    with contextlib.ExitStack() as stack:
        started = []
        for host in MONITORING:
            folder = tmp_path_factory.mktemp(host)
            inventory = fleet(GPU_HOSTS, MONITORING, variables)
            options = service(
                "alertmanager", "alertmanager", inventory, host, folder, {"tls_secrets": {"hosts": secrets}}
            )
            etc = folder / "etc"
            for file in options["files"] + options["secret_files"]:
                path = etc / Path(file["path"]).relative_to("/etc/gpu_monitoring/alertmanager")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(file["content"])
            for part in (folder, etc):
                part.chmod(0o755)
            place = [f"--network={networks[0]}", f"--ip={MONITORING[host]['ansible_host']}"]
            container = docker("create", *place, f"--volume={etc}:/etc/alertmanager:ro", image, *options["command"])
            stack.callback(docker, "rm", "--force", "--volumes", container)
            member = Member(host, etc, container, networks[0])
            docker("network", "connect", f"--ip={member.peer.replace(PEERS, PEOPLE)}", networks[1], container)
            member.start()
            started.append(member)
        wait_for_all(started)
        yield started


def wait_for_all(members):
    for member in members:
        wait_until(lambda member=member: member.peers() == TOGETHER, f"{member.peer} does not see the other", 60)
        wait_until(lambda member=member: member.missing() == [], f"{member.peer} does not reach the other", 60)


def arrived(told, name):
    return [message for message in told[1] if name in message.names("firing")]


def context(authority=None, folder=None):
    """TLS of a client that takes any server, with the certificate of an authority or of a folder."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if folder:
        made.load_cert_chain(folder / "web" / "tls.crt", folder / "web" / "tls.key")
    if authority:
        authority.issue_cert("alertmanager").configure_cert(made)
    return made


def is_taken(member, tls):
    """Whether the member waits for what the client says. With TLS 1.3, the client reads that it is refused."""
    try:
        with socket.create_connection((member.peer, 9094), timeout=10) as plain, tls.wrap_socket(plain) as connection:
            connection.sendall(b"\xff")
            connection.settimeout(2)
            connection.recv(1)
    except TimeoutError:
        return True
    except (ssl.SSLError, ConnectionError):
        return False
    return False


def test_members_notify_once_and_have_the_same_silences(members, told):
    members[0].silence("Silenced")
    wait_until(lambda: members[1].silences() == {"Silenced"}, "the silence is not on the other member")
    for member in members:
        member.fire("Silenced")
        member.fire("Twice")
    wait_until(lambda: arrived(told, "Twice"), "nobody was told")
    # The second member sends after a wait. When it sends a later alert of its own, it has decided about the first.
    second = next(member for member in members if member.position() == 1)
    second.fire("Later")
    wait_until(lambda: arrived(told, "Later"), "the second member told nobody", 60)
    assert len(arrived(told, "Twice")) == 1 and not arrived(told, "Silenced")


def test_the_other_member_tells_when_one_is_dead_which_comes_back_by_itself(members, told):
    first, second = sorted(members, key=Member.position)
    first.die()
    second.fire("WhileOneIsDead")
    second.silence("WhileOneIsDead2")
    wait_until(lambda: arrived(told, "WhileOneIsDead"), "the living member told nobody", 60)
    # Alertmanager may count it all the same.
    assert second.missing() == [f"{first.peer}:9094"]
    first.start()
    wait_for_all(members)
    wait_until(lambda: first.silences() == second.silences(), "the silences are not the same")


def test_both_tell_if_they_do_not_reach_each_other_until_they_do(members, told):
    """Alertmanager may count a member that it does not reach, so the number of members says nothing here."""
    members[0].cut()
    for member in members:
        member.fire("Cut")
    wait_until(lambda: len(arrived(told, "Cut")) == 2, "one of them told nobody", 60)
    members[0].join()
    wait_for_all(members)
    for member in members:
        member.fire("Joined")
    second = next(member for member in members if member.position() == 1)
    second.fire("AfterJoined")
    wait_until(lambda: arrived(told, "AfterJoined"), "the second member told nobody", 60)
    assert len(arrived(told, "Joined")) == 1


def test_members_alone_are_taken(members, secrets, tmp_path):
    assert is_taken(members[0], context(folder=members[1].folder))
    of_gpu_host = tmp_path / "web"
    of_gpu_host.mkdir()
    (of_gpu_host / "tls.crt").write_text(secrets["gpu1"]["certificate"])
    (of_gpu_host / "tls.key").write_text(secrets["gpu1"]["private_key"])
    refused = [context(), context(trustme.CA()), context(folder=tmp_path)]
    assert [is_taken(members[0], tls) for tls in refused] == [False] * 3


def test_a_client_without_tls_is_not_taken(members):
    before = members[0].metric("tls_transport_read_errors_total")
    with socket.create_connection((members[0].peer, 9094), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        wait_until(lambda: members[0].metric("tls_transport_read_errors_total") > before, "the member takes the client")
