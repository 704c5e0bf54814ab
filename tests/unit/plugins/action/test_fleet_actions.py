"""Actions that run once for all hosts, in plays that ansible-playbook runs for hosts that do not exist."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import trustme

ROOT = Path(__file__).resolve().parents[4]
SITE = ROOT / "playbooks" / "site.yml"
NEW = ("--extra-vars", "tls_new_secrets=true")


def check(*conditions):
    return {"ansible.builtin.assert": {"that": list(conditions)}}


TLS = {"ansible.builtin.include_role": {"name": "mlops.gpu_monitoring.tls"}}


def test_the_site_playbook_needs_nothing_of_a_host_outside_the_groups_and_can_skip_a_role(playbook):
    code, output = playbook(SITE, *NEW, "--skip-tags=cadvisor", variables={"gpu1": {"dcgm_exporter_interval": "1s"}})
    assert code == 0, output
    assert "Deploy the node exporter" in output
    assert "Deploy cAdvisor" not in output
    assert output.count("[WARNING]: dcgm_exporter_interval on ") == 1
    assert (
        "on gpu1 is 1s, and the counters have DCGM_FI_DEV_PCIE_TX_THROUGHPUT, DCGM_FI_DEV_PCIE_RX_THROUGHPUT. "
        in output
    )


@pytest.mark.parametrize(
    ("hosts", "variable", "value"),
    [
        (["monitor1", "monitor2"], "gpu_monitoring_topology", "shards"),
        (["gpu2"], "dcgm_exporter_interval", "2m"),
        (["monitor1"], "grafana_admin_password", "x "),
    ],
)
def test_the_first_play_refuses_a_value_of_any_role_before_anything_is_made(playbook, tmp_path, hosts, variable, value):
    variables = {host: {variable: value} for host in hosts}
    code, output = playbook(SITE, *NEW, variables=variables, monitoring=2)
    assert code != 0
    assert f"{variable} on {hosts[0]}: " in output
    assert output.count("PLAY [") == 1
    assert not (tmp_path / "secrets").exists()


def test_a_misspelt_variable_is_a_warning_of_the_first_play_and_a_run_without_grafana_names_no_address(playbook):
    code, output = playbook(SITE, *NEW, "--tags=common", "--extra-vars", "grafana_prot=3001")
    assert code == 0, output
    warning = "grafana_prot on monitor1: is not a variable of this collection. Did you mean grafana_port?"
    assert " ".join(output.split()).count(warning) == 1
    assert "Grafana: " not in output


def test_a_role_is_checked_for_no_host_that_does_not_get_it(playbook):
    wrong = {"dcgm_exporter_interval": "2m", "nvidia_container_toolkit_enabled": "perhaps"}
    code, output = playbook(
        SITE,
        *NEW,
        "--tags=common",
        variables={"monitor1": wrong, "switch1": {"node_exporter_memory": "{{ none_such }}"}},
    )
    assert code == 0, output


def test_a_role_whose_condition_leaves_out_the_first_host(playbook):
    role = {"role": "mlops.gpu_monitoring.tls", "when": "inventory_hostname == 'gpu2'"}
    condition = "tls_secrets.hosts[inventory_hostname].certificate is match('-----BEGIN')"
    code, output = playbook(
        [{"roles": [role], "tasks": [{**check(condition), "when": "inventory_hostname == 'gpu2'"}]}], *NEW
    )
    assert code == 0, output
    assert "ok: [gpu2]" in output


def test_a_role_whose_condition_leaves_out_the_first_host_checks_its_variables(playbook):
    role = {"role": "mlops.gpu_monitoring.cadvisor", "when": "inventory_hostname == 'gpu2'"}
    code, output = playbook([{"roles": [role]}], *NEW, variables={"gpu2": {"cadvisor_memory": "lots"}})
    assert code == 2, output
    assert "cadvisor_memory on gpu2: 'lots' is not valid." in output


def test_a_later_play_sees_what_changed_and_takes_the_secrets_of_the_earlier_one(playbook):
    keep = {
        "ansible.builtin.set_fact": {"first": "{{ tls_secrets.hosts[inventory_hostname].certificate }}"},
        "no_log": True,
    }
    discovered = {"ansible.builtin.set_fact": {"model_servers": [{"name": "llama", "port": 8000}]}}
    named = {"ansible.builtin.set_fact": {"tls_alternative_names": ["gpus.example.org"]}}
    certificate = "tls_secrets.hosts[inventory_hostname].certificate"
    code, output = playbook(
        [
            {"tasks": [TLS, check("gpu_monitoring_fleet.model_servers | length == 0"), keep]},
            {
                "tasks": [
                    discovered,
                    TLS,
                    check("gpu_monitoring_fleet.model_servers | length == 2", f"{certificate} == first"),
                ]
            },
            {"tasks": [named, TLS, check(f"{certificate} != first")]},
        ],
        *NEW,
        # A dry run writes no file, so what it makes again differs.
        "--check",
    )
    assert code == 0, output
    assert "BEGIN" not in output


def test_a_file_of_variables_for_each_host_counts_for_it_alone(playbook, tmp_path):
    for host, port in (("gpu1", 9001), ("gpu2", 9002)):
        (tmp_path / f"{host}.yml").write_text(f"cadvisor_port: {port}\n")
    ports = {
        host: f"gpu_monitoring_fleet.hosts.{host}.exporters.cadvisor == {port}"
        for host, port in (("gpu1", 9001), ("gpu2", 9002))
    }
    code, output = playbook(
        [{"vars_files": ["{{ inventory_hostname }}.yml"], "tasks": [TLS, check(*ports.values())]}], *NEW
    )
    assert code == 0, output


def test_an_earlier_deployment_is_looked_for_where_each_host_has_its_files(playbook):
    directory = "/etc/monitoring/{{ hostvars[inventory_hostname].ansible_host }}"
    missing = {"mlops.gpu_monitoring.tls_secrets": {}, "register": "tls_secrets", "run_once": True}
    fleet = {"mlops.gpu_monitoring.monitoring_fleet": {}, "register": "gpu_monitoring_fleet", "run_once": True}
    directories = {
        f"{host}": f"/etc/monitoring/10.0.0.{number}" for host, number in (("gpu1", 1), ("gpu2", 2), ("monitor1", 9))
    }
    code, output = playbook(
        [
            {
                "vars": {"gpu_monitoring_config_dir": directory},
                "tasks": [fleet, missing, check(f"tls_secrets.config_dirs == {directories}")],
            }
        ]
    )
    assert code == 0, output


def test_the_first_play_names_the_wrong_variables_of_all_roles_at_once(playbook, tmp_path):
    wrong = {
        "monitor1": {"grafana_admin_password": 12345678, "prometheus_port": "none"},
        "gpu2": {"cadvisor_memory": "lots"},
    }
    code, output = playbook(SITE, variables=wrong)
    assert code == 2, output
    for variable in ("grafana_admin_password on monitor1", "prometheus_port on monitor1", "cadvisor_memory on gpu2"):
        assert f"{variable}: " in output
    assert "12345678" not in output
    assert output.count("PLAY [") == 1
    assert not (tmp_path / "secrets").exists()


def test_a_role_refuses_a_wrong_variable_in_a_play_of_its_own(playbook):
    role = {"ansible.builtin.include_role": {"name": "mlops.gpu_monitoring.grafana", "tasks_from": "validate"}}
    code, output = playbook(
        [{"hosts": "monitoring", "tasks": [role]}], variables={"monitor1": {"grafana_admin_password": 12345678}}
    )
    assert code == 2, output
    assert (
        "grafana_admin_password on monitor1: the value is a number and not text. Put the value into quotation marks."
        in output
    )
    assert "12345678" not in output


def test_two_controllers_with_everything_from_vault_and_an_empty_home_make_the_same(playbook, tmp_path, monkeypatch):
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    content = {
        "gpu_monitoring_secrets_dir": "~/.config/gpu_monitoring",
        "tls_ca_certificate": authority.cert_pem.bytes().decode(),
        "tls_ca_private_key": authority.private_key_pem.bytes().decode(),
        "tls_exporter_password": "a password of the exporters",
        "tls_prometheus_password": "a password of Prometheus",
    }
    vault = tmp_path / "vault.json"
    vault.write_text(json.dumps(content))
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path / "ansible"))
    shown = {
        "ansible.builtin.debug": {"msg": "made {{ tls_secrets.hosts[inventory_hostname] | string | hash('sha256') }}"}
    }
    made = []
    for name in ("first", "second"):
        home = tmp_path / name
        home.mkdir()
        monkeypatch.setenv("HOME", str(home))
        code, output = playbook([{"hosts": "gpu_hosts:monitoring", "tasks": [TLS, shown]}], f"--extra-vars=@{vault}")
        assert code == 0, output
        made.append(re.findall(r"made \w+", output))
        assert [*home.rglob("*")] == []
    code, output = playbook(SITE, f"--extra-vars=@{vault}")
    assert code == 0, output
    assert "PRIVATE KEY" not in output
    assert [*home.rglob("*")] == []
    assert sorted(made[0]) == sorted(made[1])
    assert len({*made[0]}) == 3


@pytest.mark.parametrize(
    ("arguments", "refused"), [(["--tags=site"], True), (["--tags=site", "--skip-tags=cadvisor"], False)]
)
def test_the_look_plans_the_services_that_a_tag_of_the_whole_playbook_selects(playbook, arguments, refused):
    look = {"mlops.gpu_monitoring.host_info": {"roles": ["cadvisor"]}, "tags": ["always", "site"]}
    variables = {"tls_enabled": False, "cadvisor_network": "{{ none_such }}"}
    code, output = playbook([{"tasks": [look], "vars": variables}], *arguments)
    assert code == (2 if refused else 0), output
    assert ("cadvisor_network on gpu1: the value cannot be evaluated" in output) is refused, output


@pytest.mark.parametrize("deployed", [False, True])
def test_a_first_run_looks_for_an_earlier_deployment_and_leaves_out_a_host_that_hangs(
    playbook, tmp_path, hanging_ssh, deployed
):
    folders = {host: str(tmp_path / host) for host in ("gpu1", "gpu2", "monitor1")}
    if deployed:
        (tmp_path / "monitor1" / "grafana").mkdir(parents=True)
        (tmp_path / "monitor1" / "grafana" / "tls.crt").touch()
    tasks = [
        {"mlops.gpu_monitoring.monitoring_fleet": {}, "register": "gpu_monitoring_fleet"},
        {"ansible.builtin.include_tasks": str(ROOT / "roles" / "tls" / "tasks" / "first_deployment.yml")},
    ]
    left_out = [{"ansible.builtin.debug": {"msg": "<{{ gpu_monitoring_left_out }}: {{ gpu_monitoring_failures }}>"}}]
    # The modules read the files of this machine.
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}
    hangs = {
        "ansible_connection": "ssh",
        "ansible_ssh_executable": str(hanging_ssh),
        "gpu_monitoring_address": "10.0.0.2",
        "gpu_monitoring_inspect_timeout": "1s",
    }
    given = {
        "gpu_monitoring_inspect_timeout": "5m",
        "tls_secrets": {"config_dirs": folders, "missing": ["ca.key"]},
        "tls_secrets_dir": str(tmp_path),
    }
    code, output = playbook(
        [{"hosts": "monitoring", "tasks": tasks, "vars": given}, {"hosts": "gpu2", "tasks": left_out}],
        variables={"gpu1": local, "gpu2": hangs, "monitor1": local},
    )
    assert "is not a directory" not in output and "Skipped" not in output
    message = "monitor1 was deployed with secrets that this controller does not have: there is no ca.key."
    assert (message in " ".join(output.split())) == deployed, output
    assert ("Make the first certificates and passwords" in output) != deployed
    assert (code == 0) != deployed, output
    reason = "Look for an earlier deployment: Task failed: Timed out after 1 second(s)."
    assert (f"<True: ['{reason}']>" in output) != deployed, output


def test_a_removal_says_that_the_data_stays(playbook):
    code, output = playbook(SITE.with_name("remove.yml"), "--skip-tags=nvidia_container_toolkit")
    assert code == 0, output
    assert output.count("The volumes of Prometheus, VictoriaMetrics, Alertmanager and Grafana stay.") == 1
    code, output = playbook(
        SITE.with_name("remove.yml"), "--skip-tags=nvidia_container_toolkit", "-e", "gpu_monitoring_remove_data=true"
    )
    assert code == 0, output
    assert "Alertmanager and Grafana stay" not in output
