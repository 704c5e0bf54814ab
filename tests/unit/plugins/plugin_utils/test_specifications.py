"""The variables of a role, checked for all hosts at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import foreign_variables
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.foreign_variables import without_effect
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.misspelt_variables import first_hosts
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.specifications import check

from tests.unit.plugins.plugin_utils.inventory import host_variables

ROLES = Path(__file__).resolve().parents[4] / "roles"
MONITOR = {"monitor1": {"ansible_host": "10.0.0.9"}}
HOSTENGINE_FIX = "Write an address that containers reach, which no loopback address is, like 10.0.0.11:5555."
RULE = {
    "variable": "prometheus_volume",
    "problem": "prometheus_volume ~ ' is too short' if prometheus_volume | length < 3 else ''",
    "fix": "Choose another",
}


def refused(tmp_path, role, host, variables, **rules):
    with pytest.raises(ValueError) as error:
        check(
            host_variables(tmp_path, {"gpu1": {"ansible_host": "10.0.0.1"}}, MONITOR, variables),
            [role],
            [host],
            **rules,
        )
    return str(error.value)


def test_defaults_and_values_of_the_right_types_pass(tmp_path):
    values = {
        "prometheus_port": "9091",
        "prometheus_scrape_configs": [{"job_name": "{{ name_of_job }}"}],
        "name_of_job": "x",
    }
    check(
        host_variables(tmp_path, {}, MONITOR, values),
        ["prometheus"],
        ["monitor1"],
        intervals=["prometheus_scrape_interval"],
        refuse=[RULE],
    )


@pytest.mark.parametrize("value", ["none", "{{ 'no' ~ 'ne' }}"])
def test_a_value_of_another_type_is_refused(tmp_path, value):
    message = refused(tmp_path, "prometheus", "monitor1", {"prometheus_scrape_configs": value})
    assert message.startswith("prometheus_scrape_configs on monitor1: ")
    assert "Set it to a value of the type list" in message


@pytest.mark.parametrize("given", ["grafana_admin_password", "grafana_admin_password_file"])
def test_a_password_that_grafana_refuses_later_is_refused_without_its_value(tmp_path, given):
    (tmp_path / "password").write_text("xyz\n")
    values = {"grafana_admin_password": "xyz"} if given == "grafana_admin_password" else {given: f"{tmp_path}/password"}
    message = refused(tmp_path, "grafana", "monitor1", values, **rules_of("grafana"))
    assert message.startswith(given) and "xyz" not in message
    assert message.endswith(" on monitor1: the password has fewer than 4 characters. Give a longer password.")


def test_a_secret_of_another_type_is_refused_without_its_value(tmp_path):
    message = refused(tmp_path, "prometheus", "monitor1", {"prometheus_secret_files": "word of mine"})
    assert message.startswith("prometheus_secret_files on monitor1: the value is not of the type dict")
    assert "word of mine" not in message


def test_a_choice_that_is_not_known_is_refused(tmp_path):
    message = refused(tmp_path, "grafana", "monitor1", {"grafana_protocol": "ftp"})
    assert message.startswith("grafana_protocol on monitor1: ")
    assert message.endswith("Set it to http or https.")


def rules_of(role):
    """The rules of a role."""
    return yaml.safe_load((ROLES / role / "meta" / "variable_rules.yml").read_text())


@pytest.mark.parametrize(
    ("role", "variable", "value", "fix"),
    [
        ("cadvisor", "cadvisor_memory", "lots", "Write it like 512m or 1g."),
        ("common", "gpu_monitoring_batch_size", 0, "Write it like 20 or 10%."),
        ("common", "gpu_monitoring_deploy_timeout", "0s", "Write it like 30m or 2h."),
        ("common", "gpu_monitoring_inspect_timeout", "a minute", "Write it like 90s or 5m."),
        ("dcgm_exporter", "dcgm_exporter_remote_hostengine", "unix:///run/nv", HOSTENGINE_FIX),
        ("dcgm_exporter", "dcgm_exporter_remote_hostengine", "127.0.0.1:5555", HOSTENGINE_FIX),
        ("dcgm_exporter", "dcgm_exporter_remote_hostengine", "localhost:5555", HOSTENGINE_FIX),
        ("prometheus", "prometheus_memory", "4 GB", "Write it like 512m or 1g."),
        ("prometheus", "prometheus_retention_time", "15 days", "Write it like 15d."),
        ("prometheus", "prometheus_retention_size", "lots", "Write it like 100GB."),
        ("prometheus", "prometheus_sample_limit", -1, "Set it to a number. 0 sets no limit."),
        ("prometheus", "prometheus_body_size_limit", "100 MB", "Write it like 100MB."),
        (
            "nvidia_container_toolkit",
            "nvidia_container_toolkit_version",
            "latest",
            "Write it in quotation marks like '1.20.1'.",
        ),
        (
            "nvidia_container_toolkit",
            "nvidia_container_toolkit_version",
            1.20,
            "Write it in quotation marks like '1.20.1'.",
        ),
        (
            "docker_engine",
            "gpu_monitoring_registry",
            "https://r.example.com",
            "Write only host and port, like registry.example.com:5000.",
        ),
        ("docker_engine", "gpu_monitoring_network", "bad name", "Use letters, digits, _, . and -."),
        ("docker_engine", "gpu_monitoring_network_subnet", "172.30.0.0", "Write it like 10.213.0.0/24."),
        ("docker_engine", "gpu_monitoring_network_mtu", 9, "Write bytes like 1450, or 0 for the MTU of the engine."),
        ("docker_engine", "gpu_monitoring_nofile", -5, "Set it to a number from 1."),
    ],
)
def test_a_value_of_another_form_is_refused_before_anything_changes(tmp_path, role, variable, value, fix):
    message = refused(tmp_path, role, "monitor1", {variable: value}, **rules_of(role))
    assert message == f"{variable} on monitor1: '{value}' is not valid. {fix}"


CERTIFICATE = "-----BEGIN CERTIFICATE-----"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"gpu_monitoring_registries": {"gcr.io": "h.example.com"}},
            "gpu_monitoring_registries on monitor1: no image comes from 'gcr.io'.",
        ),
        (
            {"gpu_monitoring_registries": {"quay.io": "https://h.example.com"}},
            "'https://h.example.com' is not a registry with a path.",
        ),
        (
            {"gpu_monitoring_registry_ca": "/etc/ca.crt"},
            "gpu_monitoring_registry_ca on monitor1: it holds no certificate.",
        ),
        (
            {"gpu_monitoring_registry_ca": CERTIFICATE},
            "no registry is set that the authority is for. Set it to PEM text",
        ),
    ],
)
def test_mirrors_that_no_image_can_come_from_are_refused(tmp_path, values, message):
    assert message in refused(tmp_path, "docker_engine", "monitor1", values, **rules_of("docker_engine"))


def test_values_of_the_right_form_pass(tmp_path):
    values = {
        "prometheus_memory": "4g",
        "prometheus_retention_time": "1y6w",
        "prometheus_retention_size": "512MB",
        "prometheus_body_size_limit": "0",
        "gpu_monitoring_nofile": 20000,
    }
    values.update(gpu_monitoring_registry="registry.example.com:5000/mirror", nvidia_container_toolkit_version="1.17.8")
    values.update(dcgm_exporter_remote_hostengine="gpu1.lan:5555")
    values.update(
        gpu_monitoring_network_subnet="10.213.0.0/24",
        gpu_monitoring_network_mtu=1450,
        gpu_monitoring_registry_ca=CERTIFICATE,
    )
    values.update(
        gpu_monitoring_registries={"docker.io": "harbor.example.com:8443/hub/", "quay.io": "harbor.example.com/quay"}
    )
    for role in ("docker_engine", "nvidia_container_toolkit", "prometheus", "cadvisor", "dcgm_exporter"):
        check(host_variables(tmp_path, {}, MONITOR, values), [role], ["monitor1"], **rules_of(role))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("5 sec", "'5 sec' is not a duration. Write it like 5s"),
        ("2m", "2m is out of range. Set it to"),
        ("999ms", "1s to 60s"),
    ],
)
def test_an_interval_that_is_not_valid_is_refused(tmp_path, value, words):
    rules = {"intervals": ["cadvisor_housekeeping_interval"]}
    message = refused(tmp_path, "cadvisor", "gpu1", {"cadvisor_housekeeping_interval": value}, **rules)
    assert message.startswith("cadvisor_housekeeping_interval on gpu1: ")
    assert words in message


def test_the_shared_interval_counts_where_a_role_has_none_of_its_own(tmp_path):
    rules = {"intervals": ["cadvisor_housekeeping_interval"]}
    assert "2h is out of range" in refused(
        tmp_path, "cadvisor", "gpu1", {"gpu_monitoring_scrape_interval": "2h"}, **rules
    )


def test_a_rule_that_a_value_breaks_names_host_problem_and_fix(tmp_path):
    message = refused(tmp_path, "prometheus", "monitor1", {"prometheus_volume": "{{ 'x' }}"}, refuse=[RULE])
    assert message == "prometheus_volume on monitor1: x is too short. Choose another."


def test_a_value_that_cannot_be_evaluated_is_refused(tmp_path):
    message = refused(tmp_path, "prometheus", "monitor1", {"prometheus_port": "{{ none_such }}"})
    assert message.startswith("prometheus_port on monitor1: the value cannot be evaluated: ")
    assert "none_such" in message
    assert "!unsafe" not in message


@pytest.mark.parametrize("version", ["2.53.0", "2.55.1"])
def test_a_prometheus_before_3_0_is_refused(tmp_path, version):
    message = refused(tmp_path, "prometheus", "monitor1", {"prometheus_version": version})
    image = f"quay.io/prometheus/prometheus:v{version}"
    assert (
        message == f"prometheus_image on monitor1: {image} is older than 3.0. Set prometheus_version to 3.0.0 or newer."
    )


@pytest.mark.parametrize(
    "image", ["r.example:5000/prom:v3.0.0", "r.example:5000/prom:latest", "r.example:5000/prom@sha256:2531"]
)
def test_an_image_of_prometheus_whose_tag_is_no_older_version_passes(tmp_path, image):
    check(host_variables(tmp_path, {}, MONITOR, {"prometheus_image": image}), ["prometheus"], ["monitor1"])


def test_a_value_with_braces_of_another_program_is_refused_with_the_mark_that_it_needs(tmp_path):
    message = refused(
        tmp_path,
        "prometheus",
        "monitor1",
        {"prometheus_alert_annotations": {"runbook_url": "https://x/{{ $labels.alertname }}"}},
    )
    assert message.startswith(
        "prometheus_alert_annotations on monitor1: the value cannot be evaluated: Syntax error in template: "
    )
    assert message.endswith(". Mark text with double braces for Prometheus or Alertmanager as !unsafe.")


WORD = "word-of-mine"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "prometheus_scrape_configs",
            [{"job_name": "x", "basic_auth": {"password": WORD}}],
            "[0].basic_auth.password is a secret in the configuration. Put it",
        ),
        (
            "prometheus_remote_write",
            [{"url": f"https://me:{WORD}@example.com"}],
            "[0].url is a URL with a login. Remove the login",
        ),
        (
            "prometheus_remote_read",
            [{"authorization": {"credentials": WORD}}],
            "[0].authorization.credentials is a secret in the configuration.",
        ),
        (
            "prometheus_alertmanagers",
            [{"basic_auth": {"password_file": "secrets/am"}}],
            "[0].basic_auth.password_file names the file secrets/am, which",
        ),
        (
            "prometheus_rules_extra",
            [{"name": "g", "source": f"http://me:{WORD}@example.com"}],
            "[0].source is a URL with a login.",
        ),
        ("prometheus_flags_extra", [f"--proxy=http://me:{WORD}@example.com"], "[0] is a URL with a login."),
        (
            "prometheus_targets_extra",
            [{"job": "node"}],
            "[0] has no targets. Add file_sd_configs or http_sd_configs or",
        ),
        (
            "prometheus_targets_extra",
            [{"job": "nodes", "http_sd_configs": [{"url": "https://example.com"}]}],
            "[0].job: 'nodes' is not valid. Set it to cadvisor or nvidia-gpu or node or model-server.",
        ),
        (
            "prometheus_targets_extra",
            [{"job": "node", "http_sd_config": [{"url": "https://example.com"}]}],
            "[0] has the unknown key http_sd_config. Use job, file_sd_configs",
        ),
        (
            "prometheus_targets_extra",
            [{"job": "node", "http_sd_configs": ["https://example.com"]}],
            "[0].http_sd_configs: an element of the list is text and not a mapping.",
        ),
        (
            "prometheus_targets_extra",
            [{"job": "node", "http_sd_configs": [{"url": f"https://me:{WORD}@example.com"}]}],
            "[0].http_sd_configs[0].url is a URL with a login.",
        ),
        (
            "prometheus_targets_extra",
            [{"job": "node", "file_sd_configs": [{"files": ["./targets/*.json"]}]}],
            "[0].file_sd_configs: ./targets/*.json is a name of cadvisor.json, a file of the role. Choose another name",
        ),
        (
            "prometheus_targets_extra",
            [{"job": "node", "file_sd_configs": [{"files": ["/etc/prometheus/targets/node.json"]}]}],
            "[0].file_sd_configs: /etc/prometheus/targets/node.json is a name of node.json, a file of the role.",
        ),
        (
            "prometheus_targets_extra",
            [{"job": "node", "static_configs": [{"targets": ["10.0.0.7:9100"], "labels": {"__scheme__": "http"}}]}],
            "Prometheus would send the password of the exporters to 10.0.0.7:9100 in clear text",
        ),
        (
            "prometheus_targets_extra",
            [{"job": "node", "static_configs": [{"targets": ["10.0.0.7:9100"], "labels": ["team"]}]}],
            "the labels ['team'] are not a dictionary. Write them like {team: vision}.",
        ),
        (
            "prometheus_flags_extra",
            ["--web.enable-lifecycle"],
            "--web.enable-lifecycle is a flag that the role sets. Remove it.",
        ),
        (
            "prometheus_flags_extra",
            ["--no-web.enable-lifecycle"],
            "--no-web.enable-lifecycle is a flag that the role sets. Remove it.",
        ),
        (
            "prometheus_flags_extra",
            ["--web.external-url=http://x"],
            "--web.external-url is a flag that the role sets. Set prometheus_external_url.",
        ),
        (
            "prometheus_flags_extra",
            ["--log.level", "debug"],
            "a flag does not begin with '--'. Write each flag with its value",
        ),
        (
            "prometheus_flags_extra",
            ["--log.level=debug", "--log.level=info"],
            "--log.level is listed twice. Remove one of them.",
        ),
        (
            "prometheus_scrape_configs",
            [{"job_name": "node"}],
            "the job node is one of the role. Choose another job_name.",
        ),
        (
            "prometheus_scrape_configs",
            [{"job_name": "x"}, {"job_name": "x"}],
            "the job x is declared twice. Give each job its own job_name.",
        ),
        (
            "prometheus_node_targets",
            [{"targets": ["192.0.2.7:9100"], "labels": {"host": "gpu1", "__scheme__": "http"}}],
            "Prometheus would send the password of the exporters to 192.0.2.7:9100 in clear text (__scheme__: http)."
            " Remove the targets",
        ),
        ("prometheus_external_labels", {"data-center": "a"}, "'data-center' is not a name of a label. Use letters"),
        ("prometheus_external_labels", {"production": True}, "the label production has no text as value."),
        (
            "prometheus_external_url",
            f"https://me:{WORD}@example.com/",
            "the value is not a URL without login and query. Write it like https://",
        ),
        (
            "prometheus_external_url",
            "monitoring.example.com",
            "the value is not a URL without login and query. Write it like https://",
        ),
        (
            "prometheus_external_url",
            "https://[fe80/",
            "the value is not a URL without login and query. Write it like https://",
        ),
        (
            "prometheus_external_url",
            "https://example.com:99999/",
            "the value is not a URL without login and query. Write it like https://",
        ),
        ("prometheus_port", 65536, "'65536' is not a port number. Set it to a number from 1 to 65535."),
        ("prometheus_port", "0", "'0' is not a port number. Set it to a number from 1 to 65535."),
        ("prometheus_route_prefix", "prometheus", "'prometheus' is not a path. Write it like /prometheus."),
        ("prometheus_alerts_disabled", ["GpuHott"], "'GpuHott' is not an alert of the role. Write GpuHot."),
        ("prometheus_alerts_disabled", ["x"], "'x' is not an alert of the role. Use a name of docs/alerts.md."),
        ("prometheus_alert_settings", {"GpuHots": {}}, "'GpuHots' is not an alert of the role. Write GpuHot."),
        (
            "prometheus_alert_settings",
            {"GpuHot": 90},
            "the setting of GpuHot is not a dictionary. Write it like {threshold: 90",
        ),
        (
            "prometheus_alert_settings",
            {"GpuHot": {"limit": 90}},
            "GpuHot has the unknown key limit. Use threshold, for, severity.",
        ),
        (
            "prometheus_alert_settings",
            {"GpuHot": {"threshold": "90 C"}},
            "the threshold of GpuHot is '90 C'. Write a number such as 85.",
        ),
        (
            "prometheus_alert_settings",
            {"GpuHot": {"threshold": "80"}},
            "the threshold of GpuHot is the text '80'. Write it without quotation marks.",
        ),
        (
            "prometheus_alert_settings",
            {"HostDown": {"threshold": 1}},
            "HostDown has no threshold. Remove the key threshold.",
        ),
        (
            "prometheus_alert_settings",
            {"GpuHot": {"for": 5}},
            "the duration of GpuHot: '5' is not a duration. Write it like 5s",
        ),
        (
            "prometheus_alert_settings",
            {"GpuHot": {"severity": "critical"}},
            "the severity of GpuHot is 'critical'. Use one of page, warn, info.",
        ),
        (
            "prometheus_rules_extra",
            [{"name": "g", "rules": [{"alert": "GpuHot", "expr": "1"}]}],
            "the alert GpuHot is one of the role. Choose another",
        ),
        (
            "prometheus_rules_extra",
            [{"name": "g", "rules": 2 * [{"alert": "Mine", "expr": "1"}]}],
            "the alert Mine is declared 2 times. Give each alert",
        ),
        (
            "prometheus_gpu_counts",
            {"gpu7": 8},
            "gpu7 is not a host of the group gpu_hosts. Use the names of the inventory.",
        ),
        (
            "prometheus_rules_extra",
            [{"name": "g", "rules": [{"alert": "Mine", "for": "15min"}]}],
            "Mine.for: '15min' is not a duration. Write it like 5s, ",
        ),
        (
            "prometheus_rules_extra",
            [{"rules": [{"alert": "Mine", "keep_firing_for": 9}]}],
            "Mine.keep_firing_for: '9' is not a duration.",
        ),
        (
            "prometheus_gpu_counts",
            {"gpu1": "8"},
            "the number of GPUs of gpu1 is the text '8'. Write it without quotation marks.",
        ),
        ("prometheus_gpu_counts", {"gpu1": "eight"}, "the number of GPUs of gpu1 is 'eight'. Write it like {gpu1: 8}."),
        (
            "cadvisor_flags_extra",
            ["--store_container_labels=true"],
            "--store_container_labels is a flag that the role sets. Remove it.",
        ),
        ("cadvisor_flags_extra", ["-v=2"], "a flag does not begin with '--'. Write each flag with its value"),
        ("cadvisor_metrics", ["cpu", "gpu"], "'gpu' is not valid. Set it to advtcp or app or cpu or cpuLoad or "),
    ],
)
def test_a_setting_that_would_not_work_or_show_a_secret_is_refused(tmp_path, variable, value, message):
    refusal = refused(tmp_path, variable.partition("_")[0], "monitor1", {variable: value})
    assert refusal.startswith(f"{variable} on monitor1: {message}")
    assert WORD not in refusal


@pytest.mark.parametrize("role", ["cadvisor", "container_gpu_collector"])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("team", "the value is not a list. Write it like [team, job]."),
        (["a, b"], "'a, b' is not a name of a label. Write it like com.docker.compose.service."),
        (["a.b", "a_b"], "'a.b' and 'a_b' are the same label in metrics. Remove one."),
        (["team", "team"], "a label is listed twice. Remove one."),
    ],
)
def test_labels_of_containers_that_metrics_cannot_have_are_refused(tmp_path, role, labels, message):
    refusal = refused(tmp_path, role, "gpu1", {"gpu_monitoring_container_labels": labels})
    assert refusal == f"gpu_monitoring_container_labels on gpu1: {message}"


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("prometheus_version", "latest", "'latest' is not a version. Write it like 3.13.5, without a leading v"),
        ("grafana_version", "v12.4.0", "'v12.4.0' is not a version."),
        (
            "prometheus_rules_extra",
            [{"alert": "Down", "expr": "up == 0"}],
            "the key alert is one of a rule, as in prometheus_alert_rules",
        ),
        (
            "prometheus_alertmanagers",
            [{"targets": ["am:9093"]}],
            "an entry is not an alertmanager_config of Prometheus. Write it like",
        ),
        (
            "prometheus_alertmanagers",
            ["am:9093"],
            "an entry is not an alertmanager_config of Prometheus. Write it like",
        ),
        (
            "grafana_datasources",
            [{"name": "x", "access": "proxy", "orgId": 1}],
            "the key orgId is one of Grafana's provisioning files, as in grafana.grafana.",
        ),
        (
            "grafana_datasources_extra",
            [{"name": "x", "isDefault": True}],
            "the key isDefault is one of Grafana's provisioning files",
        ),
        (
            "grafana_dashboards",
            [{"dashboard_id": 1860, "revision_id": 37}],
            "the key dashboard_id is one of grafana.grafana, which downloads",
        ),
        (
            "node_exporter_collectors",
            ["cpu", {"textfile": {"directory": "/x"}}],
            "an entry is a dictionary, as in node_exporter_enabled_collectors",
        ),
        (
            "node_exporter_collectors_extra",
            ["--collector.cpu"],
            "'--collector.cpu' is not the name of a collector. Write it without",
        ),
    ],
)
def test_a_value_of_the_form_of_another_collection_is_refused(tmp_path, variable, value, message):
    role = "node_exporter" if variable.startswith("node_exporter") else variable.partition("_")[0]
    assert refused(tmp_path, role, "monitor1", {variable: value}).startswith(f"{variable} on monitor1: {message}")


def test_variables_that_other_collections_alone_have_are_named_once(tmp_path):
    others = {"node_exporter_enabled_collectors": ["systemd"], "prometheus_targets": {}, "prometheus_port": 9091}
    variables = host_variables(tmp_path, {"gpu1": {}, "gpu2": {}}, MONITOR, others)
    first = {
        role: first_hosts(variables, role, ["gpu1", "gpu2", "monitor1"]) for role in ("node_exporter", "prometheus")
    }
    assert without_effect("node_exporter", first["node_exporter"]) == [
        "node_exporter_enabled_collectors on gpu1 is a variable of prometheus.prometheus, and has no effect here."
        " Use node_exporter_collectors."
    ]
    assert [warning.partition(" ")[0] for warning in without_effect("prometheus", first["prometheus"])] == [
        "prometheus_targets"
    ]


@pytest.mark.parametrize("role", ["alertmanager", "cadvisor", "grafana", "node_exporter", "prometheus"])
def test_what_has_no_effect_is_no_variable_of_the_role_and_the_advice_is(role):
    [options] = [
        entry["options"]
        for entry in yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text())[
            "argument_specs"
        ].values()
    ]
    table = foreign_variables._WITHOUT_EFFECT[role]
    assert not set(table) & set(options)
    advised = {name for _collection, ours in table.values() for name in re.findall(rf"\b{role}_\w+", ours)}
    assert advised - {"grafana_environment_extra"} <= set(options)


AGENT = {
    "prometheus_agent_mode": True,
    "prometheus_alerts_enabled": False,
    "alertmanager_enabled": False,
    "prometheus_remote_write": [{"url": "https://example.com/write"}],
    "gpu_monitoring_query_url": "https://example.com",
}


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("prometheus_rules_extra", [{"name": "x", "rules": []}], "an agent evaluates no rules and sends no alerts ("),
        ("prometheus_gpu_counts", {"gpu1": 8}, "an agent evaluates no rules and sends no alerts ("),
        ("prometheus_alertmanagers", [{"static_configs": []}], "an agent evaluates no rules and sends no alerts ("),
        ("prometheus_remote_read", [{"url": "https://example.com"}], "an agent answers no queries ("),
        ("prometheus_retention_time", "31d", "an agent has no database (prometheus_agent_mode). Remove it."),
        ("prometheus_flags_extra", ["--query.timeout=1m"], "--query.timeout is not a flag of an agent ("),
        ("prometheus_alerts_enabled", True, "an agent evaluates no rules and sends no alerts (prometheus_agent_mode)."),
        ("alertmanager_enabled", True, "no Prometheus would send alerts to this Alertmanager (prometheus_agent_mode)."),
        ("prometheus_remote_write", [], "the list is empty, and the fleet has no VictoriaMetrics. An agent keeps no"),
        ("gpu_monitoring_query_url", "", "it is empty, and the fleet has no VictoriaMetrics. Grafana cannot query"),
    ],
)
def test_what_an_agent_cannot_do_is_refused(tmp_path, variable, value, message):
    refusal = refused(tmp_path, "prometheus", "monitor1", {**AGENT, variable: value})
    assert refusal.startswith(f"{variable} on monitor1: {message}")


@pytest.mark.parametrize(
    "receiver", [AGENT, {**AGENT, "prometheus_remote_write": [], "victoria_metrics_enabled": True}]
)
def test_an_agent_with_a_receiver_and_a_query_url_passes(tmp_path, receiver):
    check(host_variables(tmp_path, {}, MONITOR, receiver), ["prometheus"], ["monitor1"])


def test_an_agent_alone_has_all_its_problems_in_one_error(tmp_path):
    values = {
        "prometheus_agent_mode": True,
        "prometheus_flags_extra": ["--query.timeout=1m"],
        "prometheus_mounts_extra": [{"source": "relative", "target": "/srv"}],
    }
    refusal = refused(tmp_path, "prometheus", "monitor1", values)
    wanted = {*AGENT, *values} - {"prometheus_agent_mode"}
    assert {line.partition(" on ")[0] for line in refusal.splitlines()} == wanted


@pytest.mark.parametrize(
    ("role", "values"),
    [
        ("grafana", {"grafana_root_url": "example.com", "grafana_secret_files": {"a/b": "x"}}),
        (
            "victoria_metrics",
            {
                "victoria_metrics_enabled": True,
                "victoria_metrics_image": "example.com/victoria-metrics:v1.100.0",
                "victoria_metrics_flags_extra": ["--retentionPeriod=1y"],
            },
        ),
        # The prefix comes from the URL, so the URL alone is wrong.
        ("prometheus", {"prometheus_external_url": "example.com/a b", "prometheus_external_labels": {"1": "x"}}),
        ("prometheus", {"prometheus_external_url": "example.com/a b", "prometheus_route_prefix": "a b"}),
    ],
)
def test_all_wrong_settings_of_a_role_are_one_error(tmp_path, role, values):
    refusal = refused(tmp_path, role, "monitor1", values)
    wrong = [name for name in values if not name.endswith("_enabled")]
    assert [line.partition(" on ")[0] for line in refusal.splitlines()] == wrong


def test_settings_with_their_secrets_in_files_pass(tmp_path):
    values = {
        "prometheus_secret_files": {"remote": "{{ remote_password }}"},
        "remote_password": "x",
        "prometheus_scrape_configs": [{"job_name": "mine", "authorization": {"credentials_file": "secrets/remote"}}],
        "prometheus_remote_write": [
            {"url": "https://example.com/write", "basic_auth": {"username": "me", "password_file": "secrets/remote"}}
        ],
        "prometheus_targets_extra": [
            {"job": "node", "file_sd_configs": [{"files": ["targets/site-*.json", "/srv/targets/node.json"]}]},
            {
                "job": "model-server",
                "http_sd_configs": [
                    {"url": "https://example.com/sd", "basic_auth": {"password_file": "secrets/remote"}}
                ],
                "static_configs": [{"targets": ["10.0.0.7:8000"], "labels": {"__scheme__": "http"}}],
            },
        ],
        "prometheus_external_labels": {"site": "a", "rack": 12},
        "prometheus_external_url": "https://monitoring.example.com:8443/prometheus/",
        "prometheus_flags_extra": ["--log.level=debug", "--web.enable-remote-write-receiver"],
        "cadvisor_flags_extra": ["--v=2"],
        "gpu_monitoring_container_labels": ["com.docker.compose.project", "com.docker.compose.service"],
        "cadvisor_metrics": ["cpu", "pressure"],
        "prometheus_environment_extra": {"GOOGLE_APPLICATION_CREDENTIALS": "/etc/prometheus/secrets/remote"},
        # `access` is an option of the module too.
        "grafana_datasources_extra": [{"uid": "x", "name": "X", "access": "proxy"}],
        "grafana_environment_extra": {True: "yes"},
    }
    for role in ("prometheus", "cadvisor", "grafana"):
        check(host_variables(tmp_path, {}, MONITOR, values), [role], ["monitor1"])


@pytest.mark.parametrize(
    ("role", "variable", "value", "problem"),
    [
        (
            "grafana",
            "grafana_admin_password",
            12345678,
            "the value is a number and not text. Put the value into quotation marks.",
        ),
        (
            "grafana",
            "grafana_admin_user",
            True,
            "the value is a boolean and not text. Put the value into quotation marks.",
        ),
        (
            "grafana",
            "grafana_root_url",
            None,
            "the value is null. Remove the variable to get the default, or set it to ''.",
        ),
        ("grafana", "grafana_version", 12.1, "the value is a number and not text. Put the value into quotation marks."),
        (
            "common",
            "gpu_monitoring_bundle",
            ["/b"],
            "the value is a list and not text. Put the value into quotation marks.",
        ),
        (
            "common",
            "gpu_monitoring_bundle",
            True,
            "the value is a boolean and not text. Put the value into quotation marks.",
        ),
        ("grafana", "grafana_volume", ["a"], "the value is a list and not text. Put the value into quotation marks."),
        (
            "grafana",
            "grafana_admin_user",
            "{{ 1000 }}",
            "the value is a number and not text. Put the value into quotation marks.",
        ),
        (
            "grafana",
            "grafana_datasources_extra",
            "a, b",
            "the value is not of the type list, but text. Set it to a value of the type list,",
        ),
        (
            "prometheus",
            "prometheus_secret_files",
            "a=b",
            "the value is not of the type dict, but text. Set it to a value of the type dict,",
        ),
        (
            "prometheus",
            "prometheus_port",
            True,
            "the value is not of the type int, but a boolean. Set it to a value of the type int,",
        ),
        ("prometheus", "prometheus_rules_extra", ["a"], "an element of the list is text and not a mapping."),
        (
            "tls",
            "tls_alternative_names",
            [False],
            "an element of the list is a boolean and not text. Put the elements into quotation marks.",
        ),
        (
            "tls",
            "tls_exporter_password",
            12345678,
            "the value is a number and not text. Put the value into quotation marks.",
        ),
    ],
)
def test_a_value_that_tasks_would_get_in_another_type_is_refused(tmp_path, role, variable, value, problem):
    rules = rules_of(role) if role != "common" else {}
    message = refused(tmp_path, role, "monitor1", {variable: value}, **rules)
    assert message.startswith(f"{variable} on monitor1: {problem}")
    assert "12345678" not in message


@pytest.mark.parametrize(
    ("role", "variable", "value", "problem"),
    [
        (
            "tls",
            "tls_exporter_password",
            "x" * 73,
            "the password has more than the 72 bytes that bcrypt reads. Set a shorter one.",
        ),
        (
            "tls",
            "tls_prometheus_password",
            "\u20ac" * 25,
            "the password has more than the 72 bytes that bcrypt reads. Set a shorter one.",
        ),
        ("tls", "tls_prometheus_password", " ", "the password is empty or has only white space. Set another one."),
        ("tls", "tls_exporter_password", "word of mine ", "the password begins or ends with white space,"),
        (
            "grafana",
            "grafana_admin_password",
            "word\tof mine",
            "the password has a control character, such as a line break. Set another one.",
        ),
        (
            "docker_engine",
            "gpu_monitoring_registry_password",
            "word of mine\n",
            "the password begins or ends with white space,",
        ),
        (
            "docker_engine",
            "gpu_monitoring_registry_password",
            12345678,
            "the value is not text. Put the value into quotation marks.",
        ),
        ("prometheus", "prometheus_secret_files", {"token": " "}, "the content of 'token' is empty."),
        (
            "prometheus",
            "prometheus_secret_files",
            {"token": 12345678},
            "the content of 'token' is not text. Put the content into quotation marks.",
        ),
        (
            "grafana",
            "grafana_secret_files",
            {"token": 12345678},
            "the content of 'token' is not text. Put the content into quotation marks.",
        ),
        ("grafana", "grafana_secret_key", "word of mine ", "the password begins or ends with white space,"),
    ],
)
def test_a_secret_that_cannot_be_used_is_refused_without_its_value(tmp_path, role, variable, value, problem):
    message = refused(tmp_path, role, "monitor1", {variable: value}, **rules_of(role))
    assert message.startswith(f"{variable} on monitor1: {problem}")
    assert "word" not in message.replace("password", "") and "12345678" not in message


@pytest.mark.parametrize(
    ("role", "values", "problem"),
    [
        ("backup", {}, "backup_vault_password on monitor1: it is empty, and secrets are encrypted. Set it, or set"),
        ("backup", {"backup_dir": "backups"}, "backup_dir on monitor1: backups is not an absolute path. Set it to"),
        (
            "backup",
            {"backup_dir": "~/b", "backup_location": "host"},
            "backup_dir on monitor1: ~/b is not an absolute path.",
        ),
        ("backup", {"backup_dir": ["/b"]}, "backup_dir on monitor1: the value is a list and not text."),
        ("backup", {"backup_dir": ""}, "backup_dir on monitor1:  is not an absolute path. Set it to the"),
        (
            "backup",
            {"backup_dir": __file__},
            f"backup_dir on monitor1: {__file__} is a file. Set it to the absolute path",
        ),
        ("backup", {"backup_location": "nas"}, "backup_location on monitor1: value of backup_location must be one of"),
        ("backup", {"backup_keep": -1}, "backup_keep on monitor1: '-1' is not valid. Set it to a number from 0."),
        ("backup", {"backup_keep": "all"}, "backup_keep on monitor1: 'all' is not valid. Set it to a number from 0."),
        ("backup", {"backup_keep": 1.5}, "backup_keep on monitor1: '1.5' is not valid. Set it to a number from 0."),
        ("backup", {"backup_services": "grafana"}, "backup_services on monitor1: the value is not of the type list"),
        (
            "backup",
            {"backup_services": ["loki"]},
            "backup_services on monitor1: 'loki' is not valid. Set it to grafana or",
        ),
        ("backup", {"backup_services": []}, "backup_services on monitor1: the list is empty. Name services, like"),
        ("backup", {"backup_secrets": "no"}, "backup_secrets on monitor1: value of backup_secrets must be one of"),
        (
            "backup",
            {"backup_vault_password": 12},
            "backup_vault_password on monitor1: the value is a number and not text.",
        ),
        ("backup", {"backup_max_age": "0s"}, "backup_max_age on monitor1: '0s' is not valid. Write it like 26h"),
        ("backup", {"backup_max_age": 48}, "backup_max_age on monitor1: '48' is not valid. Write it like 26h"),
        (
            "backup",
            {"backup_max_age": "2 days"},
            "backup_max_age on monitor1: '2 days' is not valid. Write it like 26h",
        ),
        ("restore", {}, "restore_backup on monitor1: it is empty. Set it to the folder of a backup"),
        (
            "restore",
            {"restore_backup": "/b"},
            "restore_vault_password on monitor1: it is empty, and the backup of Grafana",
        ),
        ("restore", {"restore_backup": "b"}, "restore_backup on monitor1: b is not an absolute path."),
        (
            "restore",
            {"restore_backup": "/b"},
            "restore_backup on monitor1: /b on the controller has no manifest.json. Set",
        ),
        ("restore", {"restore_backup": ["/b"]}, "restore_backup on monitor1: the value is a list and not text."),
        (
            "restore",
            {"restore_backup": "~/b", "restore_location": "host"},
            "restore_backup on monitor1: ~/b is not an absolute path. Set it to the folder of a backup",
        ),
        (
            "restore",
            {"restore_location": "nas"},
            "restore_location on monitor1: value of restore_location must be one of",
        ),
        ("restore", {"restore_host": ["a"]}, "restore_host on monitor1: the value is a list and not text."),
        (
            "restore",
            {"restore_services": ["loki"]},
            "restore_services on monitor1: 'loki' is not valid. Set it to grafana",
        ),
        ("restore", {"restore_services": "grafana"}, "restore_services on monitor1: the value is not of the type list"),
        ("restore", {"restore_services": []}, "restore_services on monitor1: the list is empty. Name services, like"),
        (
            "restore",
            {"restore_controller": "maybe"},
            "restore_controller on monitor1: argument 'restore_controller' is of",
        ),
    ],
)
def test_a_backup_or_a_restore_that_cannot_work_is_refused(tmp_path, role, values, problem):
    assert problem in refused(tmp_path, role, "monitor1", values, **rules_of(role))


def test_the_password_of_backups_serves_a_restore_too(tmp_path):
    password = {"backup_vault_password": "word of mine"}
    (tmp_path / "manifest.json").write_text("")
    on_host = {"restore_location": "host", "restore_backup": "/srv/backups/monitor1/1"}
    restores = [("restore", {**password, **values}) for values in ({"restore_backup": str(tmp_path)}, on_host)]
    for role, values in (("backup", password), *restores):
        check(host_variables(tmp_path, {}, MONITOR, values), [role], ["monitor1"], **rules_of(role))


FILE = str(Path(__file__).resolve())
FOLDER = str(Path(__file__).resolve().parent)


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("gpu_monitoring_bundle", "", "it is empty. Set it to the folder of the bundle on the controller"),
        (
            "gpu_monitoring_bundle",
            "b",
            "b is not an absolute path. Set it to the folder of the bundle on the controller",
        ),
        ("gpu_monitoring_bundle", FILE, f"{FILE} is a file. Set it to the folder of the bundle on the controller"),
        ("bundle_platforms", "linux/amd64", "the value is not of the type list, but text."),
        ("bundle_platforms", ["amd64"], "'amd64' is not valid. Set it to linux/amd64 or linux/arm64."),
        ("bundle_platforms", [], "the list is empty. Name the platforms of the hosts, like [linux/amd64]."),
        ("bundle_packages", ["deb"], "'deb' is not valid. Set it to apt or rpm."),
        ("bundle_apt_url", "mirror/apt", "'mirror/apt' is not valid. Write it like https://"),
        ("bundle_apt_url", "ftp://mirror/apt", "'ftp://mirror/apt' is not valid. Write it like https://"),
        ("bundle_rpm_url", 5, "'5' is not valid. Write it like https://"),
        ("bundle_ca_path", "/nowhere/ca.pem", "/nowhere/ca.pem is not a file of the controller. Set it to a file with"),
        ("bundle_ca_path", str(ROLES / "bundle" / "README.md"), f"{ROLES}/bundle/README.md has no certificate."),
        ("bundle_tar", "b.tar", "b.tar is not an absolute path. Set it to the path of a file outside of the bundle"),
        ("bundle_tar", FOLDER, f"{FOLDER} is a folder. Set it to the path of a file outside of the bundle"),
        (
            "bundle_tar",
            "/nowhere/b/../b/b.tar",
            "/nowhere/b/../b/b.tar is in the folder of the bundle. Set it to the path",
        ),
        (
            "bundle_tar",
            "/nowhere/b.tar",
            "the folder of /nowhere/b.tar is missing. Set it to the path of a file outside",
        ),
        ("bundle_insecure_registries", "r:5000", "the value is not of the type list, but text."),
        (
            "bundle_insecure_registries",
            ["r:5000", "http://r:5000"],
            "http://r:5000 is not a host[:port]. Write it like",
        ),
        ("bundle_target", "both", "value of bundle_target must be one of: registry, hosts, got: both. Set it to"),
        (
            "bundle_target",
            "registry",
            "it is registry, and gpu_monitoring_registry and gpu_monitoring_registries are empty.",
        ),
        ("bundle_transfer_dir", "lib", "'lib' is not valid. Set it to an absolute path on the hosts, like /var/lib."),
    ],
)
def test_a_bundle_that_cannot_be_made_or_loaded_is_refused(tmp_path, variable, value, problem):
    values = {"gpu_monitoring_bundle": "/nowhere/b", variable: value}
    message = refused(tmp_path, "bundle", "monitor1", values, **rules_of("bundle"))
    assert message.startswith(f"{variable} on monitor1: {problem}")


def test_a_service_whose_bundle_has_no_absolute_path_is_refused(tmp_path):
    message = refused(tmp_path, "grafana", "monitor1", {"gpu_monitoring_bundle": "b"})
    assert message == "gpu_monitoring_bundle on monitor1: b is not an absolute path. Begin it with /."


def test_values_of_a_bundle_pass(tmp_path):
    values = {
        "gpu_monitoring_bundle": "~/a bundle",
        "bundle_tar": f"{tmp_path}/bundle.tar",
        "bundle_packages": [],
        "bundle_apt_url": "https://mirror.example.com/deb/$(ARCH)",
        "bundle_rpm_url": "http://mirror.example.com/rpm/$basearch",
        "bundle_insecure_registries": ["r:5000", "[::1]:5000"],
        "bundle_target": "registry",
        "gpu_monitoring_registry": "r:5000",
    }
    check(host_variables(tmp_path, {}, MONITOR, values), ["bundle"], ["monitor1"], **rules_of("bundle"))


@pytest.mark.parametrize("content", ["", "\n", "x" * 73])
def test_a_secret_that_a_file_of_the_controller_has_is_refused(tmp_path, content):
    (tmp_path / "exporter_password").write_text(content)
    message = refused(tmp_path, "tls", "monitor1", {"tls_secrets_dir": str(tmp_path)}, **rules_of("tls"))
    assert message.startswith(f"tls_exporter_password_file ({tmp_path}/exporter_password) on monitor1: the password ")


def test_secrets_that_can_be_used_pass(tmp_path):
    (tmp_path / "prometheus_password").write_text(f"{'x' * 72}\n")
    values = {
        "tls_secrets_dir": str(tmp_path),
        "tls_exporter_password": "\u20ac" * 24,
        "grafana_admin_password": "a long one " * 10 + "!",
    }
    values["prometheus_secret_files"] = {"ca.crt": "a certificate\n"}
    for role in ("tls", "grafana", "prometheus", "docker_engine"):
        check(host_variables(tmp_path, {}, MONITOR, values), [role], ["monitor1"], **rules_of(role))


def test_one_message_has_all_wrong_variables_and_their_hosts(tmp_path):
    values = {"prometheus_port": "none", "prometheus_memory": "lots", "prometheus_volume": 1}
    hosts = {f"monitor{number}": {"ansible_host": f"10.0.0.{number}"} for number in range(1, 8)}
    with pytest.raises(ValueError) as error:
        check(host_variables(tmp_path, {}, hosts, values), ["prometheus"], [*hosts], **rules_of("prometheus"))
    lines = str(error.value).splitlines()
    assert [line.partition(" on ")[0] for line in lines] == [
        "prometheus_memory",
        "prometheus_port",
        "prometheus_volume",
    ]
    assert all(" on monitor1, monitor2, monitor3, monitor4, monitor5 and 2 more hosts: " in line for line in lines)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("grafana_root_url", "example.com/grafana", "the value is not a URL without login and query."),
        ("grafana_root_url", "https://[fe80/", "the value is not a URL without login and query."),
        ("grafana_root_url", "%(protocol)s://%(domain)s/grafana/", "the value is not a URL without login and query."),
        ("grafana_secret_files", {"../x": WORD}, "'../x' is not a name of a file."),
        (
            "grafana_environment_extra",
            {"GF_SMTP_PASSWORD": WORD},
            "GF_SMTP_PASSWORD is a secret, which everybody can read",
        ),
        (
            "grafana_environment_extra",
            {"GF_AUTH_GENERIC_OAUTH_CLIENT_SECRET": WORD},
            "GF_AUTH_GENERIC_OAUTH_CLIENT_SECRET is a secret",
        ),
        ("grafana_environment_extra", {"GF_DATABASE_URL": f"mysql://me:{WORD}@db/x"}, "GF_DATABASE_URL is a secret"),
        (
            "grafana_environment_extra",
            {"GF_REMOTE_CACHE_CONNSTR": f"addr=x,password={WORD}"},
            "GF_REMOTE_CACHE_CONNSTR is a secret",
        ),
        (
            "grafana_environment_extra",
            {"GF_SECURITY_SECRET_KEY": WORD},
            "the role sets GF_SECURITY_SECRET_KEY. Set grafana_secret_key instead.",
        ),
        (
            "grafana_environment_extra",
            {"GF_SECURITY_ADMIN_PASSWORD__FILE": "/x"},
            "Set grafana_admin_password instead.",
        ),
        (
            "grafana_environment_extra",
            {"GF_SMTP_PASSWORD": "$__file{/etc/gpu_monitoring/secrets/smtp}"},
            "GF_SMTP_PASSWORD names the file smtp, which grafana_secret_files does not have.",
        ),
    ],
)
def test_a_setting_of_grafana_that_would_not_work_is_refused(tmp_path, variable, value, message):
    said = refused(tmp_path, "grafana", "monitor1", {variable: value})
    assert said.startswith(f"{variable} on monitor1: ")
    assert message in said
    assert WORD not in said


def test_settings_of_grafana_with_secrets_in_files_pass(tmp_path):
    environment = {
        "GF_SMTP_PASSWORD": "$__file{/etc/gpu_monitoring/secrets/smtp}",
        "GF_SMTP_USER__FILE": "/etc/gpu_monitoring/secrets/smtp",
        "GF_AUTH_GENERIC_OAUTH_USE_REFRESH_TOKEN": "true",
        "GF_AUTH_GENERIC_OAUTH_TLS_CLIENT_KEY": "/etc/gpu_monitoring/secrets/smtp",
        "GF_AUTH_GENERIC_OAUTH_TOKEN_URL": "https://sso.example.com/token",
        "GF_LOG_LEVEL": "debug",
    }
    values = {
        "grafana_environment_extra": environment,
        "grafana_secret_files": {"smtp": WORD},
        "grafana_root_url": "https://example.com/grafana/",
    }
    check(host_variables(tmp_path, {}, MONITOR, values), ["grafana"], ["monitor1"])
