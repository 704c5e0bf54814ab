"""Hosts whose names are labels, deployed by controllers that keep no file: all secrets come from variables."""

from __future__ import annotations

import json
import tempfile

import pytest
import trustme
import yaml

from tests.stack import INVENTORY, ROOT, run_playbook

pytestmark = pytest.mark.long

NAMES = {"gpu1": "a-very-long-name." * 5 + "research.example.org", "gpu2": "GPU Node 2", "monitor1": "101"}


@pytest.fixture
def inventory(tmp_path):
    """The hosts of the lab under other names, with all secrets."""
    everything = yaml.safe_load(INVENTORY.read_text())["all"]
    for group in everything["children"].values():
        group["hosts"] = {NAMES.get(name, name): variables for name, variables in group["hosts"].items()}
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    everything["vars"].update(
        gpu_monitoring_secrets_dir="~/.config/gpu_monitoring",
        tls_ca_certificate=authority.cert_pem.bytes().decode(),
        tls_ca_private_key=authority.private_key_pem.bytes().decode(),
        tls_exporter_password="a password of the exporters",
        tls_prometheus_password="a password of Prometheus",
        grafana_admin_password="a password of Grafana",
        verify_report="",
    )
    path = tmp_path / "inventory.yml"
    path.write_text(yaml.safe_dump({"all": everything}))
    return path


@pytest.fixture
def sockets():
    """A folder for the sockets of ssh, whose paths must be short."""
    with tempfile.TemporaryDirectory() as folder:
        yield folder


@pytest.fixture
def taken_back(site):
    """Leaves the stack as converge made it."""
    yield
    run = site()
    assert run.code == 0, run.output


@pytest.mark.usefixtures("taken_back")
def test_two_controllers_without_files_deploy_the_same_on_hosts_with_odd_names(
    site, inventory, tmp_path, sockets, host
):
    runs = []
    for name in ("first", "second"):
        home = tmp_path / name
        home.mkdir()
        ansible = {"ANSIBLE_HOME": str(tmp_path / f"ansible_{name}"), "ANSIBLE_SSH_CONTROL_PATH_DIR": sockets}
        environment = {"HOME": str(home), **ansible}
        runs.append(site(inventory=inventory, environment=environment))
        assert runs[-1].code == 0, runs[-1].output
        assert not (home / ".config").exists()
    assert sum(counts["changed"] for counts in runs[1].recap.values()) == 0, runs[1].output
    verify = ROOT / "playbooks" / "verify.yml"
    run = run_playbook(verify, inventory=inventory, environment=environment)
    assert run.code == 0, run.output
    late = run_playbook(
        verify,
        inventory=inventory,
        environment=environment,
        variables={"verify_certificate_days": 400, "verify_wait": "0s"},
    )
    for owner in ("Grafana", "Prometheus", NAMES["gpu1"], NAMES["gpu2"]):
        assert f"The certificate of {owner} at " in late.error
    assert not (home / ".config").exists()
    (exporter,) = json.loads(host("gpu1").check_output("docker inspect node-exporter"))
    assert exporter["Config"]["Hostname"] == NAMES["gpu1"][:64]
