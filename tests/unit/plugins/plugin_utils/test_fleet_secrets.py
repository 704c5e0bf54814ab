"""The certificates and passwords of all hosts, made and read in one go."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest
import trustme
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import (
    alertmanager_cluster,
    certificates,
    fleet_secrets,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.fleet import evaluate

from tests.unit.plugins.plugin_utils.inventory import host_variables

HOSTS = {"gpu1": {"ansible_host": "10.0.0.1"}, "gpu2": {"ansible_host": "10.0.0.2"}}
MONITOR = {"monitor1": {"ansible_host": "10.0.0.9"}}


@pytest.fixture
def inputs(tmp_path):
    """What the variables of each host say, by host."""

    def read(gpu_hosts=None, monitoring=None, **variables):
        shared = {"gpu_monitoring_secrets_dir": str(tmp_path / "secrets"), **variables}
        of_hosts = host_variables(tmp_path, HOSTS if gpu_hosts is None else gpu_hosts, monitoring or MONITOR, shared)
        evaluated = evaluate(of_hosts)
        of_hosts.use_defaults("common", "tls", "grafana")
        known = fleet_secrets.Fleet(
            evaluated["tls"],
            {host: facts["address"] for host, facts in evaluated["hosts"].items()},
            alertmanager_cluster.clustered(evaluated["alertmanagers"]),
        )
        return {host: fleet_secrets.inputs_of(of_hosts, known, host) for host in evaluated["hosts"]}

    return read


@pytest.fixture
def maker():
    """Makes secrets with passwords that are those of their files' names."""
    return lambda check_mode=False: fleet_secrets.SecretMaker(lambda path: path.rpartition("/")[2], check_mode)


def names(pem):
    return {
        str(name.value) for name in certificates.names_of(certificates.x509.load_pem_x509_certificate(pem.encode()))
    }


def test_every_host_has_a_certificate_of_one_authority_with_its_names(inputs, maker):
    secrets = maker().make(inputs(tls_alternative_names=["{{ inventory_hostname }}.example.org"]))
    assert names(secrets["gpu1"]["certificate"]) == {"gpu1", "10.0.0.1", "localhost", "127.0.0.1", "gpu1.example.org"}
    assert names(secrets["monitor1"]["certificate"]) == {
        *(
            "monitor1",
            "10.0.0.9",
            "localhost",
            "127.0.0.1",
            "monitor1.example.org",
            "alertmanager",
            "prometheus",
            "node-exporter",
        )
    }
    assert len({host["ca_certificate"] for host in secrets.values()}) == 1
    assert len({host["private_key"] for host in secrets.values()}) == 3


ODD_NAMES = [
    "101",
    "rack3.12",
    "GPU Node 1",
    "rechner-für-gpus",
    "GPU/1",
    "..",
    "x" * 300,
    "a-very-long-name." * 5 + "example.org",
    "GPU1",
    "gpu1",
]


def test_a_name_of_the_inventory_is_a_label_and_in_the_certificate_where_it_is_a_dns_name(inputs, maker, tmp_path):
    hosts = {name: {"ansible_host": f"10.0.1.{number}"} for number, name in enumerate(ODD_NAMES)}
    first, second = maker(), maker()
    secrets = first.make(inputs(hosts))
    assert second.make(inputs(hosts)) == secrets
    assert not second.changed
    always = {"localhost", "127.0.0.1"}
    for name, variables in hosts.items():
        dns_name = {name.lower()} if name.lower() in ("gpu1", ODD_NAMES[7]) else set()
        assert names(secrets[name]["certificate"]) == {variables["ansible_host"], *always, *dns_name}
    assert len([*(tmp_path / "secrets" / "ca" / "hosts").glob("*.crt")]) == len(hosts) + 1


def test_a_machine_in_both_groups_is_reached_by_all_its_containers(inputs, maker):
    secrets = maker().make(inputs({"both": {"ansible_host": "10.0.0.1"}}, {"both": {}}))
    assert {"alertmanager", "prometheus", "node-exporter", "cadvisor-proxy", "dcgm-exporter"} < names(
        secrets["both"]["certificate"]
    )


def test_a_second_run_changes_nothing(inputs, maker):
    first, second = maker(), maker()
    assert first.make(inputs()) == second.make(inputs())
    assert (first.changed, second.changed, second.diffs) == (True, False, [])


def test_a_certificate_that_lacks_the_name_of_a_new_service_is_made_again(inputs, maker):
    before = maker().make(inputs(alertmanager_enabled=False))
    upgraded = maker()
    after = upgraded.make(inputs())
    assert names(after["monitor1"]["certificate"]) - names(before["monitor1"]["certificate"]) == {"alertmanager"}
    assert (after["gpu1"], after["monitor1"]["ca_certificate"]) == (
        before["gpu1"],
        before["monitor1"]["ca_certificate"],
    )
    assert len(upgraded.diffs) == 1


def test_check_mode_makes_no_file(inputs, maker, tmp_path):
    checked = maker(check_mode=True)
    secrets = checked.make(inputs())
    assert checked.changed
    assert len({host["ca_certificate"] for host in secrets.values()}) == 1
    assert not (tmp_path / "secrets").exists()


def test_passwords_are_hashed_once(inputs, maker, monkeypatch):
    hashed = []

    def stand_in(password, _user, algorithm):
        hashed.append((password, algorithm))
        return f"{algorithm} of {password}"

    monkeypatch.setattr(fleet_secrets, "web_password_hash", stand_in)
    secrets = maker().make(inputs())
    assert sorted(hashed) == [
        ("exporter_password", "bcrypt"),
        ("exporter_password", "sha512"),
        ("prometheus_password", "bcrypt"),
    ]
    assert secrets["gpu2"]["exporter_password_bcrypt"] == "bcrypt of exporter_password"


def test_missing_files_are_those_that_would_be_made(inputs, tmp_path):
    folder = tmp_path / "secrets"
    assert fleet_secrets.missing(inputs()["gpu1"]) == [
        str(folder / name) for name in ("ca/ca.crt", "exporter_password", "prometheus_password")
    ]
    assert fleet_secrets.missing(inputs(tls_exporter_password="x", tls_prometheus_password="y")["gpu1"]) == [
        str(folder / "ca/ca.crt")
    ]


def test_without_tls_there_is_nothing_to_make(inputs):
    assert {*inputs(gpu_monitoring_tls=False).values()} == {None}
    grafana = inputs(
        gpu_monitoring_tls=False, monitoring={"monitor1": {"ansible_host": "10.0.0.9", "grafana_protocol": "https"}}
    )
    assert (grafana["gpu1"], grafana["monitor1"].passwords) == (None, False)


def own(*addresses):
    authority = trustme.CA()
    made = authority.issue_cert(*addresses)
    return {
        "tls_certificate": made.cert_chain_pems[0].bytes().decode(),
        "tls_private_key": made.private_key_pem.bytes().decode(),
        "tls_ca_certificate": authority.cert_pem.bytes().decode(),
    }


def test_a_certificate_of_the_site_is_taken(inputs, maker, tmp_path):
    given = own("10.0.0.1")
    secrets = maker().make({"gpu1": inputs({"gpu1": {"ansible_host": "10.0.0.1", **given}})["gpu1"]})
    assert secrets["gpu1"]["certificate"] == given["tls_certificate"]
    assert secrets["gpu1"]["ca_certificate"] == given["tls_ca_certificate"]
    assert not (tmp_path / "secrets").exists()


def test_a_certificate_of_the_site_without_the_name_of_alertmanager_is_refused_where_the_host_has_one(inputs):
    monitoring = {"monitor1": {"ansible_host": "10.0.0.9", **own("10.0.0.9", "prometheus", "node-exporter")}}
    assert inputs(monitoring=monitoring, alertmanager_enabled="no")["monitor1"].names == [
        "10.0.0.9",
        "prometheus",
        "node-exporter",
    ]
    with pytest.raises(
        ValueError, match=r"is not for alertmanager\..*, or set alertmanager_enabled to false\. Nothing was changed\."
    ):
        inputs(monitoring=monitoring)
    monitoring = {"monitor1": {"ansible_host": "10.0.0.9", **own("10.0.0.9")}}
    with pytest.raises(ValueError, match=r"tls_ca_certificate empty\. Nothing was changed\."):
        inputs(monitoring=monitoring)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"gpu_monitoring_secrets_dir": "secrets"},
            ["tls_secrets_dir (gpu_monitoring_secrets_dir) on gpu1", "'secrets'", "Begin it with / or ~"],
        ),
        (
            {"tls_certificate": "PEM"},
            ["tls_certificate on gpu1", "only tls_certificate is set", "Set all three", "Nothing was changed"],
        ),
        (own("10.0.0.7"), ["tls_certificate on gpu1: it cannot be used", "is not for 10.0.0.1", "Nothing was changed"]),
    ],
)
def test_inputs_that_cannot_be_used_are_refused(inputs, variables, words):
    with pytest.raises(ValueError) as refused:
        inputs(**variables)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"tls_alternative_names": ["https://gpu1"]},
            "tls_alternative_names on gpu1: 'https://gpu1' is neither an IP address nor a DNS name",
        ),
        ({"tls_exporter_password": " x"}, "tls_exporter_password on gpu1: .*white space"),
        ({"tls_prometheus_password": "x" * 73}, "tls_prometheus_password on gpu1: .*72 bytes"),
    ],
)
def test_values_that_cannot_be_used_are_refused(inputs, maker, variables, words):
    with pytest.raises(ValueError, match=words):
        maker().make(inputs(**variables))


def test_a_folder_that_others_can_write_to_is_refused_with_the_fix(inputs, maker, tmp_path):
    maker().make(inputs())
    (tmp_path / "secrets" / "ca").chmod(0o777)
    with pytest.raises(
        ValueError, match=r"tls_ca_dir on gpu1: .*/secrets/ca has the mode 0777\. Remove the rights of others: chmod"
    ):
        maker().make(inputs())


@pytest.fixture(scope="module")
def vault():
    """All that a site keeps in Vault for a controller without files."""
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    return {
        "tls_ca_certificate": authority.cert_pem.bytes().decode(),
        "tls_ca_private_key": authority.private_key_pem.bytes().decode(),
        "tls_exporter_password": "a password of the exporters",
        "tls_prometheus_password": "a password of Prometheus",
    }


def test_with_everything_from_vault_no_file_is_needed_or_made_and_another_controller_makes_the_same(
    inputs, maker, vault, tmp_path
):
    of_vault = inputs(**vault)
    assert [path for host_inputs in of_vault.values() for path in fleet_secrets.missing(host_inputs)] == []
    first, second = maker(), maker()
    secrets = first.make(of_vault)
    assert second.make(inputs(**vault)) == secrets
    assert (first.changed, first.diffs) == (False, [])
    assert not (tmp_path / "secrets").exists()
    assert names(secrets["gpu1"]["certificate"]) == {"gpu1", "10.0.0.1", "localhost", "127.0.0.1"}
    assert len({host["private_key"] for host in secrets.values()}) == 3
    assert {host["ca_certificate"] for host in secrets.values()} == {vault["tls_ca_certificate"]}


def test_a_host_with_a_certificate_of_its_own_takes_that_before_the_authority_from_vault(inputs, maker, vault):
    given = own("10.0.0.1")
    secrets = maker().make(
        inputs({"gpu1": {"ansible_host": "10.0.0.1", **given}, "gpu2": {"ansible_host": "10.0.0.2"}}, **vault)
    )
    assert secrets["gpu1"]["certificate"] == given["tls_certificate"]
    assert secrets["gpu2"]["ca_certificate"] == vault["tls_ca_certificate"]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"tls_ca_certificate": ""}, "tls_ca_private_key on gpu1: tls_ca_certificate is not set"),
        ({"tls_ca_private_key": "x"}, "tls_ca_private_key on gpu1: it cannot be used: the key is not PEM text"),
        (
            {"tls_ca_certificate": "x"},
            "tls_ca_private_key on gpu1: it cannot be used: tls_ca_certificate is not PEM text",
        ),
        ({"tls_certificate": "x"}, "tls_certificate on gpu1: .* only tls_certificate and tls_ca_certificate is set"),
        (
            {"tls_valid_days": 30},
            "tls_renew_days on gpu1: 30 is out of range. Set it to 0 or more,"
            " and to less than tls_valid_days, which is 30",
        ),
        ({"tls_valid_days": 4000}, "tls_valid_days on gpu1: 4000 is out of range"),
    ],
)
def test_what_cannot_be_used_from_vault_is_refused_without_showing_it(inputs, maker, vault, variables, words):
    with pytest.raises(ValueError, match=words) as refused:
        maker().make(inputs(**{**vault, **variables}))
    assert "PRIVATE KEY" not in str(refused.value)


def test_validity_and_renewal_are_variables(inputs, maker):
    def end(**variables):
        pem = maker().make(inputs(**variables))["gpu1"]["certificate"].encode()
        return certificates.ends(certificates.x509.load_pem_x509_certificate(pem))

    ninety_days = end(tls_valid_days=90)
    assert round((ninety_days - datetime.now(timezone.utc)).total_seconds() / 86400) == 90
    assert end() == ninety_days
    assert end(tls_renew_days=91) > ninety_days


def test_the_ends_of_all_certificates_are_metrics(inputs, maker):
    secrets = maker().make(inputs())["gpu1"]
    sample = r'^gpu_monitoring_certificate_expiry_timestamp_seconds{kind="(\w+)",subject="[^"]+"} (\d+)$'
    samples = dict(re.findall(sample, secrets["certificate_metrics"], re.MULTILINE))
    leaf, ca = (certificates.certificates_of(secrets[name])[0] for name in ("certificate", "ca_certificate"))
    assert samples == {
        "server": f"{certificates.ends(leaf).timestamp():.0f}",
        "ca": f"{certificates.ends(ca).timestamp():.0f}",
    }


TWO_MONITORS = {**MONITOR, "monitor2": {"ansible_host": "10.0.0.8"}}


def for_clients(pem):
    return certificates.is_for_clients(certificates.certificates_of(pem)[0])


def test_certificates_of_the_members_of_a_cluster_alone_are_for_clients(inputs, maker, vault):
    for given in ({}, vault):
        secrets = maker().make(inputs(monitoring=TWO_MONITORS, **given))
        clients = {host: for_clients(of_host["certificate"]) for host, of_host in secrets.items()}
        assert clients == {"gpu1": False, "gpu2": False, "monitor1": True, "monitor2": True}
        alone = maker().make(
            inputs(
                monitoring={**MONITOR, "monitor2": {"ansible_host": "10.0.0.8", "alertmanager_enabled": False}}, **given
            )
        )
        assert not any(for_clients(of_host["certificate"]) for of_host in alone.values())


def test_a_certificate_of_the_site_that_is_not_for_clients_is_refused_for_a_member_of_a_cluster(inputs):
    now, names = datetime.now(timezone.utc), ("10.0.0.9", "prometheus", "node-exporter", "alertmanager")
    authority, general = certificates.new_authority(now, 30), [certificates.general_name(name) for name in names]

    def given(client):
        pair = certificates.issued(authority, certificates.Content(general, client), now, 20)
        return {
            "ansible_host": "10.0.0.9",
            "tls_certificate": certificates.certificate_pem(pair).decode(),
            "tls_private_key": certificates.key_pem(pair).decode(),
            "tls_ca_certificate": certificates.certificate_pem(authority).decode(),
        }

    assert inputs(monitoring={"monitor1": given(client=False)})["monitor1"].own[0]
    assert inputs(monitoring={**TWO_MONITORS, "monitor1": given(client=True)})["monitor1"].client
    with pytest.raises(ValueError, match=r"^tls_certificate on monitor1: it is not for clients, .*clientAuth and"):
        inputs(monitoring={**TWO_MONITORS, "monitor1": given(client=False)})
