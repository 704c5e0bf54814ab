"""What is open to whom, what each container may do, and that no secret is anywhere but where docs/security.md says."""

from __future__ import annotations

import json
import os
import ssl
import subprocess

import pytest
import trustme
import yaml

from tests.lab import hosts
from tests.stack import INVENTORY, LAB, LAB_NAME, ROOT, SECRETS, SERVICES, on, run_playbook, wait_until
from tests.tools.security_page import EXCEPTIONS

EVERY_SERVICE = [(name, service) for name, services in SERVICES.items() for service in services]
PORTS = {
    "cadvisor-proxy": 8088,
    "dcgm-exporter": 9400,
    "node-exporter": 9100,
    "alertmanager": 9093,
    "prometheus": 9090,
    "grafana": 3000,
}
EXPORTERS = ("cadvisor-proxy", "dcgm-exporter", "node-exporter")


def inspect(name: str, service: str) -> dict:
    return json.loads(on(name, f"docker inspect {service}"))[0]


@pytest.fixture(scope="module")
def variables():
    return yaml.safe_load(INVENTORY.read_text())["all"]["vars"]


@pytest.fixture(scope="module")
def ask(addresses):
    """The HTTP status of a service, asked from another host of the lab with or without authority and password; 000
    without an answer.
    """
    subprocess.run(
        ["docker", "cp", str(SECRETS / "ca" / "ca.crt"), f"{hosts.container(LAB_NAME, 'gpu2')}:/root/ca.crt"],
        check=True,
        capture_output=True,
    )

    def status(
        target: str,
        port: int,
        path: str = "/metrics",
        scheme: str = "https",
        user: str = "",
        trust: bool = True,
        options: str = "",
    ) -> str:
        credentials = f"--user '{user}'" if user else ""
        trusting = "--cacert /root/ca.crt" if trust else ""
        url = f"{scheme}://{addresses[target]}:{port}{path}"
        return on(
            "gpu2",
            f"curl --silent --output /dev/null --write-out '%{{http_code}}' --max-time 5 {options} {trusting}"
            f" {credentials} {url} || true",
        )

    return status


# Who can reach what


@pytest.mark.parametrize("service", EXPORTERS)
def test_an_exporter_answers_another_host_by_tls_and_password_alone(ask, service):
    port, password = PORTS[service], (SECRETS / "exporter_password").read_text().strip()
    assert ask("gpu1", port, user=f"prometheus:{password}") == "200"
    assert ask("gpu1", port) == "401"
    assert ask("gpu1", port, user="prometheus:another") == "401"
    assert ask("gpu1", port, user=f"prometheus:{password}", trust=False) == "000"
    assert ask("gpu1", port, scheme="http", user=f"prometheus:{password}") == "400"
    assert ask("gpu1", port, user=f"prometheus:{password}", options="--tls-max 1.1") == "000"


@pytest.mark.parametrize(("service", "path"), [("prometheus", "/api/v1/targets"), ("alertmanager", "/api/v2/status")])
def test_prometheus_and_alertmanager_ask_for_a_password_that_exporters_do_not_have(ask, service, path):
    port = PORTS[service]
    own, exporters = ((SECRETS / f"{name}_password").read_text().strip() for name in ("prometheus", "exporter"))
    assert ask("monitor1", port, path, user=f"prometheus:{own}") == "200"
    assert ask("monitor1", port, path, user=f"prometheus:{exporters}") == "401"
    for page in (path, "/", "/metrics", "/-/ready"):
        assert ask("monitor1", port, page) == "401"
    assert ask("monitor1", port, "/-/reload", options="--request POST") == "401"
    assert ask("monitor1", port, path, scheme="http", user=f"prometheus:{own}") == "400"
    assert ask("monitor1", port, path, user=f"prometheus:{own}", options="--tls-max 1.1") == "000"


def test_nobody_silences_alerts_without_a_password(ask, alertmanager):
    headers = "--header 'Content-Type: application/json'"
    silence = f'{headers} --data \'{{"matchers": [], "comment": "x"}}\''
    assert ask("monitor1", PORTS["alertmanager"], "/api/v2/silences", options=silence) == "401"
    assert alertmanager.silences() == []


def test_grafana_speaks_https_and_sends_its_cookie_by_it_alone(ask):
    assert ask("monitor1", 3000, "/login") == "200"
    assert ask("monitor1", 3000, "/login", scheme="http") in ("000", "400")
    assert ask("monitor1", 3000, "/api/datasources") == "401"
    assert "GF_SECURITY_COOKIE_SECURE=true" in inspect("monitor1", "grafana")["Config"]["Env"]


def test_cadvisor_itself_is_on_no_port(ask, addresses):
    assert not any(inspect("gpu1", "cadvisor")["NetworkSettings"]["Ports"].values())
    assert ask("gpu1", 8080, scheme="http") == "000"
    assert (
        ask("gpu1", 8088, "/containers/", user=f"prometheus:{(SECRETS / 'exporter_password').read_text().strip()}")
        == "404"
    )


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_else_of_the_stack_listens(name, addresses):
    """What Docker publishes is the ports of the page, on the address of the inventory."""
    published = on(name, "docker ps --format '{{.Names}} {{.Ports}}'")
    listening = set()
    for line in published.splitlines():
        service, _space, ports = line.partition(" ")
        listening |= {(service, port.partition("->")[0]) for port in ports.split(", ") if "->" in port}
    # The monitoring host's own exporters are reached over the Docker network.
    inward = {"node-exporter"} if name == "monitor1" else set()
    asked = [service for service in SERVICES[name] if service in PORTS]
    assert listening == {
        (service, f"{'127.0.0.1' if service in inward else addresses[name]}:{PORTS[service]}") for service in asked
    }


def test_published_ports_pass_by_the_chain_of_ufw(ask):
    """ufw works in INPUT: what it refuses there is reached all the same."""
    user = f"prometheus:{(SECRETS / 'exporter_password').read_text().strip()}"
    on("gpu1", "iptables --insert INPUT --protocol tcp --dport 9400 --jump DROP")
    try:
        assert ask("gpu1", 9400, user=user) == "200"
    finally:
        on("gpu1", "iptables --delete INPUT --protocol tcp --dport 9400 --jump DROP")


def test_a_certificate_is_for_its_host_alone(addresses):
    shown = on(
        "gpu2",
        f"openssl s_client -connect {addresses['gpu1']}:9400 </dev/null 2>/dev/null | openssl x509 -noout"
        " -ext subjectAltName -enddate",
    )
    assert f"IP Address:{addresses['gpu1']}" in shown
    assert "DNS:gpu1" in shown
    assert "prometheus" not in shown


def serial(addresses, name: str, service: str) -> str:
    """Serial number of the certificate that a service shows."""
    return on(
        "gpu2",
        f"openssl s_client -connect {addresses[name]}:{PORTS[service]} </dev/null 2>/dev/null |"
        " openssl x509 -noout -serial",
    )


def test_a_new_certificate_is_taken_without_a_restart(site, started, addresses, prometheus):
    """A run makes a missing certificate, as in the last 30 days of the old one's year. The proxy is reloaded, the
    exporters read it by themselves.
    """
    before = started()
    old = {service: serial(addresses, "gpu1", service) for service in EXPORTERS}
    for kind in ("crt", "key"):
        (SECRETS / "ca" / "hosts" / f"gpu1.{kind}").unlink()
    run = site("--limit=gpu1")
    assert run.code == 0, run.output
    assert "does not know" not in run.output
    new = {service: serial(addresses, "gpu1", service) for service in EXPORTERS}
    assert len({*new.values()}) == 1
    assert not {*new.values()} & {*old.values()}
    assert started() == before
    wait_until(lambda: all(state == "up" for state in prometheus.health().values()), "all targets are up")


def test_a_certificate_of_the_site_is_served(play, site, addresses):
    authority = trustme.CA()
    own = authority.issue_cert(addresses["gpu1"], "gpu1")
    given = {
        "tls_certificate": own.cert_chain_pems[0].bytes().decode(),
        "tls_private_key": own.private_key_pem.bytes().decode(),
        "tls_ca_certificate": authority.cert_pem.bytes().decode(),
    }
    try:
        run = play({"hosts": "gpu1", "roles": ["mlops.gpu_monitoring.node_exporter"]}, variables=given)
        assert run.code == 0, run.output
        served = ssl.get_server_certificate((addresses["gpu1"], PORTS["node-exporter"]))
        assert served.split() == given["tls_certificate"].split()
    finally:
        assert site("--limit=gpu1").code == 0


@pytest.mark.long
def test_new_secrets_for_all_hosts_in_one_run(site, tmp_path):
    """The folder with the secrets is lost, Grafana's password with it. Then the old one is found again."""
    new = {
        "gpu_monitoring_secrets_dir": str(tmp_path / "secrets"),
        "grafana_admin_password_file": str(tmp_path / "secrets" / "grafana_admin_password"),
    }
    try:
        run = site(variables={**new, "tls_new_secrets": True})
        assert run.code == 0, run.output
        check = run_playbook(ROOT / "playbooks" / "verify.yml", variables={**new, "verify_wait": "60s"})
        assert check.code == 0, check.output
    finally:
        assert site().code == 0
    check = run_playbook(ROOT / "playbooks" / "verify.yml", variables={"verify_wait": "60s"})
    assert check.code == 0, check.output


def test_a_new_host_alone_does_not_get_other_secrets_than_the_monitoring_host_knows(site, started, tmp_path):
    """It has nothing yet where its services would have their files."""
    inventory = yaml.safe_load(INVENTORY.read_text())
    inventory["all"]["children"]["gpu_hosts"]["hosts"]["gpu1"]["gpu_monitoring_config_dir"] = (
        "/etc/gpu_monitoring_of_a_new_host"
    )
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory))
    before = started()
    run = site(
        "--limit=gpu1",
        inventory=tmp_path / "inventory.yml",
        variables={"gpu_monitoring_secrets_dir": str(tmp_path / "none")},
    )
    assert run.code != 0
    assert "monitor1 was deployed with secrets that this controller does not have" in run.error
    assert started() == before


def test_a_controller_without_the_secrets_is_stopped_before_anything_changes(site, started, tmp_path):
    before = started()
    run = site(variables={"gpu_monitoring_secrets_dir": str(tmp_path / "none")})
    assert run.code != 0
    assert "was deployed with secrets that this controller does not have" in run.error
    assert "tls_new_secrets: true" in run.error
    assert not (tmp_path / "none").exists()
    assert started() == before


@pytest.mark.long
def test_tls_is_switched_off_and_on_again(site, addresses, ask):
    """Each time in one run, which ends with every target up, and which a dry run shows first."""
    try:
        checked = site("--check", "--diff", variables={"gpu_monitoring_tls": False})
        assert checked.code == 0, checked.output
        assert site(variables={"gpu_monitoring_tls": False}).code == 0
        targets = f"curl --silent http://{addresses['monitor1']}:9090/api/v1/targets"
        wait_until(lambda: on("monitor1", targets).count('"health":"up"') == 7, "all targets are up")
        assert ask("gpu1", 9400, scheme="http") == "200"
        checked = site("--check", "--diff")
        assert checked.code == 0, checked.output
    finally:
        assert site().code == 0
    assert ask("gpu1", 9400) == "401"


@pytest.mark.long
def test_an_image_may_be_given_by_its_digest(site, variables):
    reference = f"{variables['gpu_monitoring_registry']}/prom/node-exporter"
    digest = on(
        "gpu1",
        "docker image inspect --format '{{index .RepoDigests 0}}'"
        f" {reference}:v{variables['node_exporter_version']}",
    ).strip()
    assert digest.startswith(f"{reference}@sha256:")
    try:
        assert site("--limit=gpu1", variables={"node_exporter_image": digest}).code == 0
        assert inspect("gpu1", "node-exporter")["Config"]["Image"] == digest
        assert site("--limit=gpu1", variables={"node_exporter_image": digest}).recap["gpu1"]["changed"] == 0
    finally:
        assert site("--limit=gpu1").code == 0


# What each container may do


@pytest.mark.parametrize(("name", "service"), EVERY_SERVICE)
def test_a_container_has_no_right_but_those_of_the_page(name, service):
    container, exceptions = inspect(name, service), EXCEPTIONS.get(service, {})
    host = container["HostConfig"]
    assert not host["Privileged"]
    assert host["CapDrop"] == ["ALL"]
    assert {capability.removeprefix("CAP_") for capability in host["CapAdd"] or []} <= {
        exception for exception in exceptions if exception.isupper()
    }
    assert [option.removesuffix(":true") for option in host["SecurityOpt"]] == ["no-new-privileges"]
    assert host["ReadonlyRootfs"] or "read_only" in exceptions
    assert container["Config"]["User"].split(":")[0] not in ("", "0", "root") or "user" in exceptions
    assert bool(host["Devices"]) <= ("device" in exceptions)
    network = "none" if service == "container-gpu-collector" else "monitoring"
    assert (host["NetworkMode"], host["PidMode"], host["IpcMode"] in ("private", "shareable"), host["UTSMode"]) == (
        network,
        "",
        True,
        "",
    )
    assert host["Memory"] > 0
    assert host["PidsLimit"] == 1024
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 20000, "Hard": 20000}]
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
    assert any(mount["RW"] for mount in container["Mounts"] if mount["Type"] == "bind") == ("writes" in exceptions)


# Secrets

PLANTED = {
    "grafana_admin_password": "planted-grafana-admin-3f1c",
    "tls_exporter_password": "planted-exporter-9b2e",
    "tls_prometheus_password": "planted-prometheus-77aa",
    "prometheus_secret_files": {"token": "planted-scrape-token-51d0"},
    "alertmanager_receivers": [{"name": "oncall", "webhook": {"url_file": "secrets/webhook"}}],
    "alertmanager_secret_files": {"webhook": "http://127.0.0.1:9/planted-webhook-c2d4"},
}
WORDS = [
    "planted-grafana-admin-3f1c",
    "planted-exporter-9b2e",
    "planted-prometheus-77aa",
    "planted-scrape-token-51d0",
    "planted-webhook-c2d4",
]
# Where docs/security.md says that they are. The stand-in for Grafana keeps the datasource's password as it is; the real
# one encrypts it.
ALLOWED = {
    "/etc/gpu_monitoring/alertmanager/secrets/webhook",
    "/etc/gpu_monitoring/alertmanager/web/password",
    "/etc/gpu_monitoring/grafana/admin_password",
    "/etc/gpu_monitoring/prometheus/web/exporter_password",
    "/etc/gpu_monitoring/prometheus/web/password",
    "/etc/gpu_monitoring/prometheus/secrets/token",
    "/var/lib/docker/volumes/grafana-storage/_data/grafana.db",
}


@pytest.fixture(scope="module")
def planted_run(site, tmp_path_factory):
    """The stack with known secrets, and the outputs of a successful and of a failed run at -vvvv with diffs. Reverted
    afterwards.
    """

    def run(*arguments, **variables):
        """Variables come from a file, as from Vault: Ansible itself repeats what stands in its command line."""
        path = tmp_path_factory.mktemp("planted") / "variables.json"
        path.write_text(json.dumps({**PLANTED, **variables}))
        return site("-vvvv", "--diff", f"--extra-vars=@{path}", *arguments)

    outputs = []
    good = run()
    assert good.code == 0, good.output[-3000:]
    outputs.append(good.output)
    checked = run("--check", tls_prometheus_password="planted-prometheus-77aa-next")
    assert checked.code == 0, checked.output[-3000:]
    outputs.append(checked.output)
    broken = [
        {
            "job_name": "broken",
            "static_configs": "none",
            "authorization": {"credentials_file": "/etc/prometheus/secrets/token"},
        }
    ]
    bad = run(
        "--limit=monitor1",
        prometheus_scrape_configs=broken,
        prometheus_secret_files={"token": "planted-scrape-token-51d0-b"},
        alertmanager_time_intervals=[
            {"name": "night", "time_intervals": [{"times": [{"start_time": "25:00", "end_time": "26:00"}]}]}
        ],
        alertmanager_secret_files={"webhook": "http://127.0.0.1:9/planted-webhook-c2d4-b"},
    )
    assert bad.code != 0
    assert "25:00" in bad.error
    outputs.append(bad.output)
    inline = run(
        alertmanager_receivers=[{"name": "oncall", "webhook": {"url": "http://127.0.0.1:9/planted-webhook-c2d4"}}]
    )
    assert "alertmanager_receivers" in inline.error
    outputs.append(inline.output)
    yield outputs
    assert site().code == 0
    assert on("monitor1", "find /etc/gpu_monitoring -name token -o -name webhook") == ""


@pytest.fixture(scope="module")
def secrets(planted_run):
    """Secrets that no output may show: the planted ones, and a line of each key of the certificates, the authority and
    Grafana.
    """
    keys = [
        path.read_text().splitlines()[1]
        for path in (SECRETS / "ca" / "ca.key", *(SECRETS / "ca" / "hosts" / f"{name}.key" for name in SERVICES))
    ]
    return [*WORDS, *keys, on("monitor1", "cat /etc/gpu_monitoring/grafana/secret_key").strip()]


def test_no_secret_is_in_the_output(planted_run, secrets):
    for output in planted_run:
        assert [secret for secret in secrets if secret in output] == []


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_seen_on_a_host(name, secrets):
    seen = on(
        name,
        "docker inspect $(docker ps --all --quiet); for one in $(docker ps --all --quiet);"
        " do docker logs $one 2>&1; done",
    )
    seen += on(name, "ps -eo args; journalctl --no-pager; cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'")
    seen += on(name, "find /tmp /var/tmp /root/.ansible /run/gpu_monitoring -type f -exec cat {} + 2>/dev/null || true")
    assert [secret for secret in secrets if secret in seen] == []


@pytest.mark.parametrize("name", SERVICES)
def test_every_file_with_a_secret_is_one_of_the_page_and_closed_to_others(name, secrets):
    patterns = " ".join(f"-e '{secret}'" for secret in secrets)
    folders = "--exclude-dir=netns /etc /var/lib /var/log /root /home /opt /srv /tmp /run"
    listed_paths = on(
        name,
        f"grep --recursive --files-with-matches --fixed-strings --binary-files=text {patterns}"
        f" {folders} 2>/dev/null || true",
    )
    files = {path for path in listed_paths.splitlines() if "/overlay2/" not in path}
    own = {path for path in files if path.endswith(("/tls.key", "/secret_key"))}
    assert files - own <= ALLOWED
    for path in files - {"/var/lib/docker/volumes/grafana-storage/_data/grafana.db"}:
        mode = int(on(name, f"stat --format %a {path}"), 8)
        assert mode & 0o007 == 0, f"{path}: {mode:o}"


def test_the_controller_keeps_its_secrets_to_itself():
    for path in (LAB / "secrets").rglob("*"):
        if path.is_file() and path.suffix != ".crt":
            assert os.stat(path).st_mode & 0o077 == 0, path
