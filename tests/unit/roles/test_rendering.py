"""What the roles hand to container_service, rendered as for a user's inventory."""

from __future__ import annotations

import json

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import flags

from tests.unit.roles.rendering import GPU, arguments, fleet, service

GPU1, GPU2, MONITOR = {"ansible_host": "10.0.0.1"}, {"ansible_host": "10.0.0.2"}, {"ansible_host": "10.0.0.9"}


@pytest.fixture
def prometheus(tmp_path):
    """The options of Prometheus' container with its files, parsed, by path in the configuration's folder."""

    def render(inventory, host="monitor1"):
        options = service("prometheus", "prometheus", inventory, host, tmp_path)
        files = {
            file["path"].removeprefix("/etc/gpu_monitoring/prometheus/"): yaml.safe_load(file["content"])
            for file in options["files"]
        }
        return options, files

    return render


@pytest.fixture
def node_exporter(tmp_path):
    return lambda inventory, host: service("node_exporter", "node-exporter", inventory, host, tmp_path)


def addresses(groups):
    return {group["labels"]["host"]: group["targets"] for group in groups}


def test_every_host_of_both_groups_is_a_target_of_the_job_node(prometheus):
    _options, files = prometheus(
        fleet({"gpu1": GPU1, "gpu2": {**GPU2, "node_exporter_enabled": False}}, {"monitor1": MONITOR})
    )
    assert addresses(files["targets/node.json"]) == {"gpu1": ["10.0.0.1:9100"], "monitor1": ["node-exporter:9100"]}
    assert addresses(files["targets/cadvisor.json"]) == {"gpu1": ["10.0.0.1:8088"], "gpu2": ["10.0.0.2:8088"]}


def test_another_host_changes_the_target_files_alone(prometheus):
    server = {"model_servers": [{"name": "llama", "port": 8000}]}
    before = prometheus(fleet({"gpu1": GPU1}, {"monitor1": MONITOR}))
    after = prometheus(fleet({"gpu1": GPU1, "gpu2": {**GPU2, **server}}, {"monitor1": MONITOR}))
    changed = {name for name in after[1] if before[1][name] != after[1][name]}
    assert changed == {
        "targets/cadvisor.json",
        "targets/nvidia-gpu.json",
        "targets/node.json",
        "targets/model-server.json",
    }
    effects = {file["path"].rpartition("prometheus/")[2]: file["on_change"] for file in after[0]["files"]}
    assert {effects[name] for name in changed} == {"none"}
    assert {name for name in effects if effects[name] != "reload"} == changed | {
        "web/ca.crt",
        "/etc/gpu_monitoring/prometheus.data_since",
    }
    assert {name: value for name, value in before[0].items() if name != "files"} == {
        name: value for name, value in after[0].items() if name != "files"
    }


@pytest.mark.parametrize(
    ("interval", "timeout"), [("1s", "1s"), ("5s", "5s"), ("10s", "10s"), ("15s", "10s"), ("1m", "10s")]
)
def test_one_variable_drives_every_interval_and_the_timeout_fits(prometheus, interval, timeout):
    _options, files = prometheus(
        fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {"gpu_monitoring_scrape_interval": interval})
    )
    assert files["prometheus.yml"]["global"] == {
        "scrape_interval": interval,
        "scrape_timeout": timeout,
        "evaluation_interval": interval,
    }


def test_a_site_may_have_a_job_of_its_own_for_prometheus(prometheus):
    _options, files = prometheus(
        fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {"prometheus_scrape_configs": [{"job_name": "prometheus"}]})
    )
    assert files["prometheus.yml"]["scrape_configs"][-1] == {"job_name": "prometheus"}
    assert [job["job_name"] for job in files["prometheus.yml"]["scrape_configs"]].count("prometheus") == 1


def test_alerts_are_left_out_where_a_site_has_its_own(prometheus):
    _options, files = prometheus(
        fleet(
            {"gpu1": GPU1},
            {"monitor1": MONITOR},
            {"prometheus_alerts_enabled": "false", "prometheus_gpu_counts": {"gpu1": 8}},
        )
    )
    assert files["prometheus.yml"]["rule_files"] == ["rules/dcgm.yml", "rules/container-gpu.yml", "rules/extra.yml"]


def test_the_jobs_are_what_their_exporters_need(prometheus):
    _options, files = prometheus(
        fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {"prometheus_scrape_configs": [{"job_name": "mine"}]})
    )
    jobs = {job.pop("job_name"): job for job in files["prometheus.yml"]["scrape_configs"]}
    assert list(jobs) == ["cadvisor", "nvidia-gpu", "node", "model-server", "prometheus", "alertmanager", "mine"]
    assert jobs["cadvisor"]["track_timestamps_staleness"] is True
    assert {name for name, job in jobs.items() if job.get("fallback_scrape_protocol") == "PrometheusText0.0.4"} == {
        "nvidia-gpu",
        "model-server",
    }
    assert {name: job["file_sd_configs"][0]["files"] for name, job in jobs.items() if "file_sd_configs" in job} == {
        name: [f"targets/{name}.json"] for name in ("cadvisor", "nvidia-gpu", "node", "model-server")
    }


def test_a_job_finds_targets_beside_the_inventory_and_another_job_does_not(prometheus):
    service_of_site, racks = {"url": "https://example.com/sd"}, {"files": ["targets/site-*.json"]}
    static = {"targets": ["10.0.0.7:9100"]}
    extra = [
        {"job": "node", "http_sd_configs": [service_of_site], "file_sd_configs": None},
        {"job": "node", "file_sd_configs": [racks], "static_configs": [static]},
        {"job": "model-server", "static_configs": [static]},
    ]
    _options, files = prometheus(fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {"prometheus_targets_extra": extra}))
    jobs = {job["job_name"]: job for job in files["prometheus.yml"]["scrape_configs"]}
    assert jobs["node"]["file_sd_configs"] == [{"files": ["targets/node.json"]}, racks]
    assert jobs["node"]["http_sd_configs"] == [service_of_site]
    assert jobs["node"]["static_configs"] == jobs["model-server"]["static_configs"] == [static]
    assert jobs["node"]["relabel_configs"][-1] == {"target_label": "__scheme__", "replacement": "https"}
    assert [rule["target_label"] for rule in jobs["model-server"]["relabel_configs"]] == ["host"]
    assert "relabel_configs" not in jobs["cadvisor"] and jobs["cadvisor"]["scheme"] == "https"


def test_every_job_of_the_role_has_the_limits_and_those_of_the_site_have_their_own(prometheus):
    variables = {
        "prometheus_scrape_configs": [{"job_name": "mine"}],
        "prometheus_label_limit": 0,
        "victoria_metrics_enabled": True,
    }
    _options, files = prometheus(fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, variables))
    limits = {
        "sample_limit": 50000,
        "label_limit": 0,
        "label_value_length_limit": 8192,
        "body_size_limit": "100MB",
    }
    for job in files["prometheus.yml"]["scrape_configs"]:
        expected = {} if job["job_name"] == "mine" else limits
        assert {name: job[name] for name in limits if name in job} == expected, job["job_name"]


def test_an_agent_scrapes_and_sends_without_rules_and_database(prometheus):
    write = [{"url": "https://example.com/write"}]
    agent = {
        "prometheus_agent_mode": True,
        "prometheus_alerts_enabled": False,
        "alertmanager_enabled": False,
        "prometheus_remote_write": write,
    }
    # The Alertmanager of another host gets nothing from an agent either.
    monitoring = {"monitor1": {**MONITOR, **agent}, "monitor2": {"ansible_host": "10.0.0.8"}}
    options, files = prometheus(fleet({"gpu1": GPU1}, monitoring))
    assert {"--agent", "--storage.agent.path=/prometheus/data-agent"} < {*options["command"]}
    assert not [flag for flag in options["command"] if flag.startswith("--storage.tsdb")]
    config = files["prometheus.yml"]
    assert config["remote_write"] == write and not {"rule_files", "alerting", "remote_read"} & set(config)
    assert not [name for name in files if name.startswith("rules/") or name.endswith("data_since")]
    assert options["validate"]["command"][:4] == ["promtool", "check", "config", "--agent"]


def test_every_rule_file_is_loaded_and_the_sites_rules_are_one(prometheus):
    rules = [{"name": "site", "rules": [{"record": "x", "expr": "1"}]}]
    _options, files = prometheus(fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {"prometheus_rules_extra": rules}))
    assert files["rules/extra.yml"] == {"groups": rules}
    assert sorted(files["prometheus.yml"]["rule_files"]) == sorted(name for name in files if name.startswith("rules/"))


EVERYTHING = {
    "prometheus_secret_files": {"remote": "x"},
    "prometheus_external_labels": {"site": "a", "replica": 1},
    "prometheus_remote_write": [
        {"url": "https://example.com/write", "basic_auth": {"username": "me", "password_file": "secrets/remote"}}
    ],
    "prometheus_remote_read": [{"url": "https://example.com/read"}],
    "prometheus_alertmanagers": [
        {"scheme": "https", "static_configs": [{"targets": ["alertmanager.example.com:9093"]}]}
    ],
    "prometheus_scrape_configs": [{"job_name": "mine"}],
}


def test_the_sections_that_a_site_writes_are_taken_as_they_are(prometheus):
    _options, files = prometheus(fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, EVERYTHING))
    config = files["prometheus.yml"]
    assert config["global"]["external_labels"] == {"site": "a", "replica": 1}
    assert config["remote_write"] == EVERYTHING["prometheus_remote_write"]
    assert config["remote_read"] == EVERYTHING["prometheus_remote_read"]
    assert config["alerting"]["alertmanagers"][:-1] == EVERYTHING["prometheus_alertmanagers"]
    assert [job["job_name"] for job in config["scrape_configs"]][-1] == "mine"
    _options, files = prometheus(fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {"alertmanager_enabled": False}))
    assert not {"remote_write", "remote_read", "alerting"} & set(files["prometheus.yml"])
    assert "external_labels" not in files["prometheus.yml"]["global"]
    assert "alertmanager" not in [job["job_name"] for job in files["prometheus.yml"]["scrape_configs"]]


def test_prometheus_sends_alerts_to_the_alertmanager_of_its_host_and_watches_it(prometheus):
    def rendered(**variables):
        config = prometheus(
            fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {"gpu_monitoring_labels": {"site": "a"}, **variables})
        )[1]["prometheus.yml"]
        return config["alerting"]["alertmanagers"], next(
            job for job in config["scrape_configs"] if job["job_name"] == "alertmanager"
        )

    login = {
        "scheme": "https",
        "tls_config": {"ca_file": "web/ca.crt"},
        "basic_auth": {"username": "prometheus", "password_file": "web/password"},
    }
    own, job = rendered()
    assert own == [{"static_configs": [{"targets": ["alertmanager:9093"]}], **login}]
    assert {name: job[name] for name in login} == login
    assert job["static_configs"] == [{"targets": ["alertmanager:9093"], "labels": {"host": "monitor1", "site": "a"}}]
    assert job["metrics_path"] == "/metrics"
    own, job = rendered(gpu_monitoring_tls=False, alertmanager_external_url="https://x.example.com/am/")
    assert own == [{"static_configs": [{"targets": ["alertmanager:9093"]}], "path_prefix": "/am"}]
    assert (job["metrics_path"], set(job) & set(login)) == ("/am/metrics", set())


def test_prometheus_of_several_hosts_sends_equal_alerts_to_all_alertmanagers(prometheus):
    monitoring = {"monitor1": MONITOR, "monitor2": {"ansible_host": "10.0.0.8", "alertmanager_route_prefix": "/am"}}

    def alerting(host, **variables):
        _options, files = prometheus(fleet({"gpu1": GPU1}, monitoring, variables), host)
        members = files.get("rules/alertmanager_members.yml", {"groups": [{"rules": []}]})["groups"][0]["rules"]
        expected = [] if "gpu_monitoring_tls" in variables else ["monitor1", "monitor2"]
        assert [rule["labels"]["host"] for rule in members] == expected
        return files["prometheus.yml"]["alerting"]

    first = alerting("monitor1")
    assert [(entry["static_configs"][0]["targets"], entry.get("path_prefix")) for entry in first["alertmanagers"]] == [
        (["alertmanager:9093"], None),
        (["10.0.0.8:9093"], "/am"),
    ]
    # The certificate of the other host has this name, whatever address it is reached at.
    assert first["alertmanagers"][1]["tls_config"] == {"ca_file": "web/ca.crt", "server_name": "alertmanager"}
    assert first["alertmanagers"][1]["basic_auth"] == first["alertmanagers"][0]["basic_auth"]
    assert first["alert_relabel_configs"] == [{"action": "labeldrop", "regex": "prometheus_replica"}]
    plain = alerting("monitor2", gpu_monitoring_tls=False)
    assert [entry["static_configs"][0]["targets"] for entry in plain["alertmanagers"]] == [["alertmanager:9093"]]
    _options, alone = prometheus(fleet({"gpu1": GPU1}, {"monitor1": MONITOR}))
    assert set(alone["prometheus.yml"]["alerting"]) == {"alertmanagers"}


@pytest.mark.parametrize(
    ("data", "uid"),
    [
        ({"gpu_monitoring_query_url": "https://example.com"}, "query"),
        ({"victoria_metrics_enabled": True}, "victoria-metrics"),
    ],
)
def test_beside_an_agent_grafana_has_the_query_datasource_alone(tmp_path, data, uid):
    agent = {"prometheus_agent_mode": True, "prometheus_alerts_enabled": False, "alertmanager_enabled": False, **data}
    needed = {"grafana_admin_password": "x", "tls_prometheus_password": "x"}
    inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {**agent, **needed})
    task = "Declare datasources, folders and dashboards"
    declared = arguments("grafana", task, inventory, "monitor1", tmp_path)
    assert [(datasource["uid"], datasource["is_default"]) for datasource in declared["datasources"]] == [(uid, True)]
    assert {dashboard["datasource_uid"] for dashboard in declared["dashboards"]} == {uid}


def test_grafana_has_a_datasource_for_the_alertmanager_of_its_host(tmp_path):
    def datasource(**variables):
        needed = {"grafana_admin_password": "x", "tls_prometheus_password": "x"}
        inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {**variables, **needed})
        declared = arguments("grafana", "Declare datasources, folders and dashboards", inventory, "monitor1", tmp_path)[
            "datasources"
        ]
        return next((datasource for datasource in declared if datasource["type"] == "alertmanager"), None)

    secured = datasource(alertmanager_external_url="https://x.example.com/am/")
    assert (secured["url"], secured["basic_auth_user"]) == ("https://alertmanager:9093/am", "prometheus")
    assert secured["secure_json_data"]["basicAuthPassword"] == "a password of Prometheus"
    # Grafana asks Mimir's paths unless the datasource says otherwise.
    assert secured["json_data"] == {
        "implementation": "prometheus",
        "handleGrafanaManagedAlerts": False,
        "tlsAuthWithCACert": True,
    }
    plain = datasource(gpu_monitoring_tls=False)
    assert (plain["url"], plain["secure_json_data"]["basicAuthPassword"], "basic_auth_user" in plain) == (
        "http://alertmanager:9093",
        None,
        False,
    )
    assert datasource(alertmanager_enabled=False) is None


@pytest.mark.parametrize(
    ("variables", "flags", "prefix"),
    [
        ({}, ["--web.external-url=https://10.0.0.9:9090", "--web.route-prefix=/"], ""),
        ({"gpu_monitoring_tls": False}, ["--web.external-url=http://10.0.0.9:9090", "--web.route-prefix=/"], ""),
        (
            {"prometheus_external_url": "https://x.example.com"},
            ["--web.external-url=https://x.example.com", "--web.route-prefix=/"],
            "",
        ),
        (
            {"prometheus_external_url": "https://x/p/q/"},
            ["--web.external-url=https://x/p/q/", "--web.route-prefix=/p/q/"],
            "/p/q",
        ),
        (
            {"prometheus_external_url": "https://x/p", "prometheus_route_prefix": "/"},
            ["--web.external-url=https://x/p", "--web.route-prefix=/"],
            "",
        ),
        (
            {"prometheus_route_prefix": "/p"},
            ["--web.external-url=https://10.0.0.9:9090/p", "--web.route-prefix=/p/"],
            "/p",
        ),
    ],
)
def test_health_reload_datasource_and_verify_follow_the_path(prometheus, tmp_path, variables, flags, prefix):
    needed = {"grafana_admin_password": "x", "tls_prometheus_password": "x", "verify_dashboards": []}
    inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {**variables, **needed})
    options, _files = prometheus(inventory)
    assert [flag for flag in options["command"] if "external-url" in flag or "prefix" in flag] == flags
    assert options["health"]["http"]["path"] == f"{prefix}/-/ready"
    assert options["reload"]["http"]["path"] == f"{prefix}/-/reload"
    compared = arguments("verify", "Compare the hosts with Prometheus and Grafana", inventory, "monitor1", tmp_path)
    scheme = "http" if variables.get("gpu_monitoring_tls") is False else "https"
    assert compared["prometheus_url"] == f"{scheme}://10.0.0.9:9090{prefix}"
    resources = arguments("grafana", "Declare datasources, folders and dashboards", inventory, "monitor1", tmp_path)
    assert resources["datasources"][0]["url"] == f"{scheme}://prometheus:9090{prefix}"


@pytest.mark.parametrize(
    ("role", "own"),
    [("alertmanager", flags.ALERTMANAGER), ("prometheus", flags.PROMETHEUS), ("cadvisor", flags.CADVISOR)],
)
def test_every_flag_of_a_role_is_refused_as_a_further_one(tmp_path, role, own):
    variables = {
        "prometheus_external_url": "https://x/p",
        "prometheus_retention_size": "1GB",
        "gpu_monitoring_container_labels": ["a", "b"],
    }
    added = {f"{role}_flags_extra": ["--further=1"]}
    inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {**variables, **added})
    *command, last = service(role, role, inventory, "gpu1" if role == "cadvisor" else "monitor1", tmp_path)["command"]
    assert last == "--further=1"
    assert {flag.removeprefix("--").partition("=")[0] for flag in command} <= set(own)


def test_labels_of_containers_are_kept_where_a_site_names_them(tmp_path):
    def kept(labels):
        inventory = fleet({"gpu1": {**GPU1, "gpu_monitoring_container_labels": labels}}, {"monitor1": MONITOR})
        command = service("cadvisor", "cadvisor", inventory, "gpu1", tmp_path)["command"]
        return [flag.partition("=")[2] for flag in command if flag.startswith("--whitelisted_container_labels=")]

    assert kept(["com.docker.compose.project", "com.docker.compose.service"]) == [
        "com.docker.compose.project,com.docker.compose.service"
    ]
    assert kept([]) == []


def test_retention_by_time_and_by_size(prometheus):
    options, _files = prometheus(fleet({}, {"monitor1": MONITOR}))
    assert "--storage.tsdb.retention.time=15d" in options["command"]
    assert not any("retention.size" in flag for flag in options["command"])
    options, _files = prometheus(
        fleet({}, {"monitor1": MONITOR}, {"prometheus_retention_size": "100GB", "prometheus_retention_time": "30d"})
    )
    assert {"--storage.tsdb.retention.time=30d", "--storage.tsdb.retention.size=100GB"} <= set(options["command"])


def test_limits_fit_hosts_and_machine_unless_set(tmp_path):
    def limits(**variables):
        gpu_hosts = {f"gpu{number}": {"ansible_host": f"10.1.0.{number}"} for number in range(1, 60)}
        facts = {
            "gpu_monitoring_host": {
                "capacity": {"memory": 4 * 1024**3, "engine_disk": 100 * 1024**3},
                "gpu": {"present": False},
            }
        }
        inventory = fleet(gpu_hosts, {"monitor1": MONITOR}, variables)
        options = service("prometheus", "prometheus", inventory, "monitor1", tmp_path, facts)
        said = arguments("prometheus", "Deploy Prometheus", inventory, "monitor1", tmp_path, facts)["warnings"]
        sizes = [
            flag.partition("=")[2] for flag in options["command"] if flag.startswith("--storage.tsdb.retention.size=")
        ]
        return options["memory"], sizes, len(said)

    assert limits() == ("3g", ["64GB"], 1)
    assert limits(prometheus_memory="2g", prometheus_retention_size="20GB") == ("2g", ["20GB"], 0)
    assert limits(prometheus_retention_time="2d") == ("3g", [], 0)
    assert limits(prometheus_adopt_volume=True) == ("3g", [], 0)


@pytest.mark.parametrize(
    ("job", "problems"),
    [
        ({"static_configs": [{"targets": ["127.0.0.1:9090"]}]}, 1),
        ({"static_configs": [{"targets": ["127.0.0.1:9090"], "labels": {"host": "monitor1"}}]}, 0),
        (
            {
                "static_configs": [{"targets": ["x:9090"]}],
                "relabel_configs": [{"target_label": "host", "replacement": "monitor1"}],
            },
            0,
        ),
        ({"file_sd_configs": [{"files": ["targets/own.json"]}]}, 0),
    ],
)
def test_a_job_for_prometheus_without_the_label_host_is_reported(tmp_path, job, problems):
    jobs = [{"job_name": "mine", "static_configs": []}, {"job_name": "prometheus", **job}]
    inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {"prometheus_scrape_configs": jobs})
    reported = arguments("prometheus", "Deploy Prometheus", inventory, "monitor1", tmp_path)["warnings"]
    assert len(reported) == problems
    assert all(
        text.startswith("prometheus_scrape_configs on monitor1: the job prometheus has no label host.")
        for text in reported
    )


def test_the_node_exporter_has_no_privilege_and_mounts_nothing_writable(node_exporter):
    inventory = fleet(
        {"gpu1": GPU1}, {"monitor1": MONITOR}, {"gpu_monitoring_host": {"kernel": {"pressure": True}, "gpu": GPU}}
    )
    options = node_exporter(inventory, "gpu1")
    assert (options["user"], options["cap_drop"], options["read_only"], "cap_add" in options) == (
        "65534:65534",
        ["ALL"],
        True,
        False,
    )
    assert all(mount["read_only"] for mount in options["mounts"])
    assert {"/", "/proc/1/net", "/proc/pressure"} <= {mount["source"] for mount in options["mounts"]}
    assert "/proc" not in {mount["source"] for mount in options["mounts"]}
    assert options["ports"] == [
        {"container_port": 9100, "host_port": 9100, "address": "10.0.0.1", "variable": "node_exporter_port"}
    ]


def test_a_further_collector_gets_what_it_reads_and_no_more(node_exporter):
    def mounted(*collectors):
        options = node_exporter(
            fleet({"gpu1": {**GPU1, "node_exporter_collectors_extra": [*collectors]}}, {"monitor1": MONITOR}), "gpu1"
        )
        return {mount["source"] for mount in options["mounts"]}, options["command"]

    default, command = mounted()
    more, longer = mounted("interrupts", "arp", "netstat")
    assert more - default == {"/proc/interrupts"}
    assert set(longer) - set(command) == {
        "--collector.interrupts",
        "--collector.arp",
        "--no-collector.arp.netlink",
        "--collector.netstat",
    }


def test_a_collector_that_is_named_twice_is_one_flag(node_exporter):
    """The exporter ends with an error if a switch is there twice."""
    twice = {"node_exporter_collectors_extra": ["cpu", "textfile", "arp", "arp"]}
    command = node_exporter(fleet({"gpu1": {**GPU1, **twice}}, {"monitor1": MONITOR}), "gpu1")["command"]
    assert [command.count(f"--collector.{name}") for name in ("cpu", "textfile", "arp")] == [1, 1, 1]


def test_a_kernel_without_pressure_gets_no_mount_of_it(node_exporter):
    inventory = fleet(
        {"gpu1": GPU1}, {"monitor1": MONITOR}, {"gpu_monitoring_host": {"kernel": {"pressure": False}, "gpu": GPU}}
    )
    assert "/proc/pressure" not in {mount["source"] for mount in node_exporter(inventory, "gpu1")["mounts"]}


def test_a_textfile_directory_is_read_through_the_mount_of_the_root(node_exporter):
    inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {"node_exporter_textfile_dir": "/var/lib/node_exporter"})
    command = node_exporter(inventory, "gpu1")["command"]
    assert {"--collector.textfile", "--collector.textfile.directory=/host/var/lib/node_exporter"} <= set(command)
    assert not any(
        "directory=/host" in flag
        for flag in node_exporter(fleet({"gpu1": GPU1}, {"monitor1": MONITOR}), "gpu1")["command"]
    )


def test_the_ends_of_certificates_are_metrics_of_the_host(node_exporter):
    options = node_exporter(fleet({"gpu1": GPU1}, {"monitor1": MONITOR}), "gpu1")
    assert (options["files"][0]["path"], options["files"][0]["on_change"]) == (
        "/etc/gpu_monitoring/node_exporter/textfile/certificates.prom",
        "none",
    )
    assert options["files"][0]["content"].startswith("gpu_monitoring_certificate_expiry_timestamp_seconds{")
    assert "--collector.textfile.directory=/etc/gpu_monitoring/textfile" in options["command"]


def test_the_metric_of_backups_is_read_on_a_monitoring_host_without_certificates(tmp_path):
    inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {"gpu_monitoring_tls": False})
    for host, expected in (("monitor1", True), ("gpu1", False)):
        options = service(
            "node_exporter", "node-exporter", inventory, host, tmp_path, {"tls_certificate_metrics_text": ""}
        )
        assert ("--collector.textfile.directory=/etc/gpu_monitoring/textfile" in options["command"]) == expected
        assert ("/etc/gpu_monitoring" in {mount["target"] for mount in options["mounts"]}) == expected
        assert (
            "/etc/gpu_monitoring/node_exporter/textfile/README" in {file["path"] for file in options["files"]}
        ) == expected


@pytest.mark.parametrize(("enabled", "more"), [(True, ["alertmanager"]), (False, [])])
def test_a_restore_expects_alertmanager_where_a_backup_has_it(tmp_path, enabled, more):
    variables = {"alertmanager_enabled": enabled, "backup_vault_password": "p"}
    inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, variables)
    assert arguments("restore", "Restore the data", inventory, "monitor1", tmp_path)["services"] == [
        "grafana",
        "prometheus",
        *more,
    ]
    backed_up = arguments(
        "backup", "Back up the monitoring host", inventory, "monitor1", tmp_path, {"backup_grafana": {}}
    )
    assert (
        "alertmanager_volume" in backed_up and not str(backed_up["alertmanager_volume"]).startswith("__omit")
    ) == enabled


def test_textfiles_of_the_collection_are_beside_those_of_the_site(tmp_path):
    inventory = fleet(
        {"gpu1": GPU1},
        {"monitor1": MONITOR},
        {"node_exporter_textfile_dir": "/var/lib/node_exporter", "gpu_monitoring_tls": False},
    )
    own = [{"path": "/etc/gpu_monitoring/node_exporter/textfile/x.prom", "content": "x 1\n", "on_change": "none"}]
    options = service("node_exporter", "node-exporter", inventory, "gpu1", tmp_path, {"__node_exporter_textfiles": own})
    folders = [
        flag.partition("=")[2] for flag in options["command"] if flag.startswith("--collector.textfile.directory=")
    ]
    assert folders == ["/host/var/lib/node_exporter", "/etc/gpu_monitoring/textfile", "/textfile"]
    assert options["files"][:-1] == own
    assert {mount["source"]: mount["target"] for mount in options["mounts"]}[
        "/etc/gpu_monitoring/node_exporter"
    ] == "/etc/gpu_monitoring"


def test_the_node_exporter_reads_where_the_collector_writes(node_exporter, tmp_path):
    def folders(host, **variables):
        options = node_exporter(fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, variables), host)
        mounted = {mount["target"]: mount["source"] for mount in options["mounts"]}.get("/textfile")
        flag = "--collector.textfile.directory=/textfile" in options["command"]
        notes = [file["path"] for file in options["files"] if file["path"].endswith("README")]
        return mounted, flag, [path for path in notes if path != "/etc/gpu_monitoring/node_exporter/textfile/README"]

    inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {"gpu_monitoring_textfile_dir": "/srv/metrics"})
    collector = service("container_gpu_collector", "container-gpu-collector", inventory, "gpu1", tmp_path)
    assert [mount["source"] for mount in collector["mounts"] if not mount.get("read_only")] == ["/srv/metrics"]
    assert collector["cap_add"] == ["DAC_OVERRIDE"], "the directory can belong to the user of the site's node exporter"
    assert folders("gpu1", gpu_monitoring_textfile_dir="/srv/metrics") == (
        "/srv/metrics",
        True,
        ["/srv/metrics/README"],
    )
    for nothing in (folders("monitor1"), folders("gpu1", container_gpu_collector_enabled=False)):
        assert nothing == (None, False, [])


def test_the_run_says_what_the_collector_does_not_get(tmp_path):
    def said(**variables):
        inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, variables)
        task = "Deploy the container GPU collector"
        return arguments("container_gpu_collector", task, inventory, "gpu1", tmp_path)["warnings"]

    assert said() == []
    [unread] = said(node_exporter_enabled=False)
    assert "node_exporter_enabled is false on gpu1" in unread and "/etc/gpu_monitoring/textfile" in unread
    assert said(node_exporter_enabled=False, gpu_monitoring_textfile_dir="/srv/metrics") == []
    assert said(container_gpu_collector_usage=True) == []
    assert said(container_gpu_collector_enabled=False, node_exporter_enabled=False) == []


def test_the_collector_gets_more_only_to_ask_nvml(tmp_path):
    def rendered(**gpu):
        inventory = fleet({"gpu1": {**GPU1, "container_gpu_collector_usage": bool(gpu)}}, {"monitor1": MONITOR})
        host = {
            "gpu": {**GPU, **gpu},
            "engine": {
                "cdi_gpus": True,
                "runtimes": {},
                "nvidia_runtimes": [],
                "cgroup_driver": "systemd",
                "cgroup_parent": "jobs.slice",
            },
            "toolkit": {"cdi_folders": []},
        }
        return service(
            "container_gpu_collector",
            "container-gpu-collector",
            inventory,
            "gpu1",
            tmp_path,
            {"gpu_monitoring_host": host},
        )

    for options in (rendered(), rendered(present=False)):
        assert (options["gpus"], options.get("pid_mode"), options["read_only"], options["networks"]) == (
            "none",
            None,
            True,
            ["none"],
        )
        assert not any(argument.startswith("--usage") for argument in options["command"])
    asking = rendered(present=True)
    assert (asking["gpus"], asking["pid_mode"], asking["read_only"], asking["networks"]) == (
        "auto",
        "host",
        False,
        ["none"],
    )
    assert {"--usage-interval=5", "--cgroup-driver=systemd", "--cgroup-parent=jobs.slice"} <= {*asking["command"]}


def test_a_host_without_hardware_has_no_collector_and_no_old_metrics(tmp_path):
    host = {"gpu": {**GPU, "present": False, "hardware": False}, "engine": {}, "toolkit": {"cdi_folders": []}}
    inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR})
    options = service(
        "container_gpu_collector", "container-gpu-collector", inventory, "gpu1", tmp_path, {"gpu_monitoring_host": host}
    )
    assert (options["state"], [file["path"] for file in options["files"]]) == (
        "absent",
        ["/etc/gpu_monitoring/textfile/container_gpu.prom"],
    )


def test_a_host_that_only_watches_itself_publishes_nothing_to_others(node_exporter, prometheus):
    machine = {"ansible_connection": "local"}
    inventory = fleet({"localhost": machine}, {"localhost": machine})
    assert node_exporter(inventory, "localhost")["ports"][0]["address"] == "127.0.0.1"
    _options, files = prometheus(inventory, "localhost")
    assert addresses(files["targets/node.json"]) == {"localhost": ["node-exporter:9100"]}
    assert json.dumps(files["targets/model-server.json"]) == "[]"


def test_verify_expects_what_prometheus_is_given(prometheus, tmp_path):
    variables = {"grafana_admin_password": "x", "tls_prometheus_password": "x", "verify_dashboards": []}
    alert = {"alert": "SiteIsBusy", "expr": "up", "annotations": {"summary": "busy"}}
    variables["prometheus_rules_extra"] = [
        {"name": "site", "rules": [{"record": "a", "expr": "up"}, alert]},
        {"name": "empty"},
    ]
    inventory = fleet(
        {"gpu1": {**GPU1, "model_servers": [{"name": "llama", "port": 8000}]}, "gpu2": GPU2},
        {"monitor1": MONITOR},
        variables,
    )
    options = arguments("verify", "Compare the hosts with Prometheus and Grafana", inventory, "monitor1", tmp_path)
    _options, files = prometheus(inventory)
    assert options["targets"] == {
        job: files[f"targets/{job}.json"] for job in ("cadvisor", "nvidia-gpu", "node", "model-server")
    }
    assert "SiteIsBusy" in options["alerts"] and len(options["alerts"]) == len(set(options["alerts"]))
    assert options["groups"] == {"gpu_hosts": ["gpu1", "gpu2"], "monitoring": ["monitor1"]}


def test_the_mark_of_the_data_is_begun_again_with_another_retention_alone(tmp_path):
    def mark(**variables):
        options = service(
            "prometheus", "prometheus", fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, variables), "monitor1", tmp_path
        )
        return next(
            file["content"] for file in options["files"] if file["path"] == "/etc/gpu_monitoring/prometheus.data_since"
        )

    assert mark() == mark(prometheus_scrape_interval="1s")
    assert (
        len(
            {
                mark(**variables)
                for variables in ({}, {"prometheus_retention_time": "90d"}, {"prometheus_retention_size": "10GB"})
            }
        )
        == 3
    )


@pytest.mark.parametrize(
    ("engine", "error", "deployed"),
    [
        ({"cdi_gpus": True, "runtimes": {}}, "", True),
        ({"cdi_gpus": False, "runtimes": {"nvidia": "nvidia-container-runtime"}}, "", True),
        ({"cdi_gpus": False, "runtimes": {"runc": "runc"}}, "", False),
        ({"cdi_gpus": True, "runtimes": {}}, "nvidia-smi -L ended with 15: GPU is lost.", False),
    ],
)
def test_the_dcgm_exporter_waits_for_an_engine_that_gives_containers_gpus(tmp_path, engine, error, deployed):
    inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR})
    facts = {"gpu_monitoring_host": {"gpu": {**GPU, "error": error}, "engine": engine}}
    given = arguments("dcgm_exporter", "Deploy the DCGM exporter", inventory, "gpu1", tmp_path, facts)
    assert [service["name"] for service in given["services"]] == (["dcgm-exporter"] if deployed else [])


def test_another_driver_or_device_recreates_the_dcgm_exporter_and_a_lost_gpu_does_not(tmp_path):
    def labels(**gpu):
        engine = {"cdi_gpus": True, "runtimes": {}}
        facts = {"gpu_monitoring_host": {"gpu": {**GPU, **gpu}, "engine": engine}}
        return service(
            "dcgm_exporter", "dcgm-exporter", fleet({"gpu1": GPU1}, {"monitor1": MONITOR}), "gpu1", tmp_path, facts
        )["labels"]

    assert labels() == labels(uuids=[], lost_devices=["0000:3b:00.0"])
    assert labels() != labels(driver_version="580.126.09")
    assert labels() != labels(devices=["0000:3b:00.0", "0000:86:00.0"])


@pytest.mark.parametrize(
    ("mig_mode", "lost", "running", "deployed"),
    [
        ("Enabled", ["0000:ba:00.0"], ["dcgm-exporter"], False),
        ("Enabled", ["0000:ba:00.0"], ["node-exporter", ""], True),
        ("Enabled", [], ["dcgm-exporter"], True),
        ("Disabled", ["0000:ba:00.0"], ["dcgm-exporter"], True),
    ],
    ids=["MIG and lost", "first deployment", "MIG", "lost"],
)
def test_a_lost_gpu_whose_instances_are_not_known_keeps_the_dcgm_exporter(tmp_path, mig_mode, lost, running, deployed):
    gpu = {**GPU, "gpus": [{"mig_mode": mig_mode}, {"mig_mode": "[N/A]"}], "lost_devices": lost}
    engine = {"cdi_gpus": True, "runtimes": {}, "containers": [{"service": name} for name in running]}
    facts = {"gpu_monitoring_host": {"gpu": gpu, "engine": engine}}
    gpu["msg"] = "7 NVIDIA GPUs."
    inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR})
    given = arguments("dcgm_exporter", "Deploy the DCGM exporter", inventory, "gpu1", tmp_path, facts)
    assert [service["name"] for service in given["services"]] == (["dcgm-exporter"] if deployed else [])
    unknown = ["The MIG instances of a lost GPU are not known." in warning for warning in given["warnings"]]
    assert unknown == ([] if deployed else [True])


@pytest.mark.parametrize("address", ["", "10.0.0.1:5555"])
def test_the_dcgm_exporter_asks_the_host_engine_that_it_is_given(tmp_path, address):
    inventory = fleet({"gpu1": {**GPU1, "dcgm_exporter_remote_hostengine": address}}, {"monitor1": MONITOR})
    environment = service("dcgm_exporter", "dcgm-exporter", inventory, "gpu1", tmp_path)["env"]
    assert environment.get("DCGM_REMOTE_HOSTENGINE_INFO", "") == address


def test_a_dry_run_shows_the_dcgm_exporter_of_a_host_that_is_about_to_get_the_toolkit(tmp_path):
    inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR})
    engine = {"cdi_gpus": False, "runtimes": {}}
    facts = {"ansible_check_mode": True, "gpu_monitoring_host": {"gpu": GPU, "engine": engine}}
    given = arguments("dcgm_exporter", "Deploy the DCGM exporter", inventory, "gpu1", tmp_path, facts)
    assert [service["name"] for service in given["services"]] == ["dcgm-exporter"]


def test_the_service_that_loses_the_port_of_the_host_comes_first(tmp_path):
    def names(tls):
        inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR}, {"gpu_monitoring_tls": tls})
        return [
            (options["name"], options.get("state", "present"), len(options.get("ports", [])))
            for options in arguments("cadvisor", "Deploy cAdvisor and its proxy", inventory, "gpu1", tmp_path)[
                "services"
            ]
        ]

    assert names(True) == [("cadvisor", "present", 0), ("cadvisor-proxy", "present", 1)]
    assert names(False) == [("cadvisor-proxy", "absent", 0), ("cadvisor", "present", 1)]


@pytest.mark.parametrize(
    ("enabled", "present", "hardware", "states"),
    [
        (True, True, True, ["present"]),
        (True, False, True, []),
        (True, False, False, ["absent"]),
        (False, True, True, ["absent"]),
    ],
    ids=["driver works", "driver fails", "no GPU", "not wanted"],
)
def test_the_dcgm_exporter_goes_where_it_is_not_wanted_and_stays_where_the_driver_fails(
    tmp_path, enabled, present, hardware, states
):
    inventory = fleet({"gpu1": {**GPU1, "dcgm_exporter_enabled": enabled}}, {"monitor1": MONITOR})
    gpu = {**GPU, "present": present, "hardware": hardware}
    facts = {"gpu_monitoring_host": {"gpu": gpu, "engine": {"cdi_gpus": True, "runtimes": {}}}}
    services = arguments("dcgm_exporter", "Deploy the DCGM exporter", inventory, "gpu1", tmp_path, facts)["services"]
    assert [options.get("state", "present") for options in services] == states


@pytest.mark.parametrize("role", ["alertmanager", "cadvisor", "dcgm_exporter", "node_exporter", "prometheus"])
def test_one_variable_defers_the_deployment_of_all_roles_but_grafana(tmp_path, role):
    def deferred(**variables):
        task = {
            "alertmanager": "Alertmanager",
            "cadvisor": "cAdvisor and its proxy",
            "dcgm_exporter": "the DCGM exporter",
            "node_exporter": "the node exporter",
            "prometheus": "Prometheus",
        }[role]
        inventory = fleet({"monitor1": MONITOR}, {"monitor1": MONITOR}, variables)
        return arguments(role, f"Deploy {task}", inventory, "monitor1", tmp_path)["deferred"]

    assert (deferred(), deferred(gpu_monitoring_deploy="deferred")) == (False, True)
    assert "deferred" not in arguments(
        "grafana", "Deploy Grafana", fleet({}, {"monitor1": MONITOR}), "monitor1", tmp_path
    )


@pytest.mark.parametrize(
    ("name", "host_name"),
    [
        ("gpu_1.Example.org", "gpu_1.Example.org"),
        ("GPU Node 1", "GPU-Node-1"),
        ("x" * 87, "x" * 64),
        ("a" * 63 + ".example.org", "a" * 63),
        ("rechner-für-gpus", "rechner-f-r-gpus"),
        ("显卡", "host"),
    ],
)
def test_the_host_name_of_the_node_exporter_is_one_that_the_kernel_takes(tmp_path, name, host_name):
    inventory = fleet({name: {"ansible_host": "10.0.0.1"}}, {"monitor1": {"ansible_host": "10.0.0.9"}})
    assert service("node_exporter", "node-exporter", inventory, name, tmp_path)["hostname"] == host_name


@pytest.mark.parametrize(
    ("apparmor", "expected"), [(True, ["no-new-privileges", "apparmor=unconfined"]), (False, ["no-new-privileges"])]
)
def test_cadvisor_leaves_the_profile_that_hides_privileged_containers(tmp_path, apparmor, expected):
    facts = {"gpu_monitoring_host": {"engine": {"apparmor": apparmor}}}
    inventory = fleet({"gpu1": GPU1}, {"monitor1": MONITOR})
    assert service("cadvisor", "cadvisor", inventory, "gpu1", tmp_path, facts)["security_opts"] == expected


def test_a_changed_toolkit_does_not_take_the_known_targets_from_the_report(tmp_path):
    inventory = fleet({"gpu1": {"ansible_host": "10.0.0.1"}}, {"gpu1": {}})
    targets = {"/etc/gpu_monitoring/prometheus/targets/node.json": []}
    facts = {
        "gpu_monitoring_host": {"gpu": {"present": False}, "json_files": targets},
        "nvidia_container_toolkit_result": {"host": {"gpu": {"present": True}, "json_files": {}}},
    }
    told = arguments(
        "nvidia_container_toolkit", "Update the state of the host for later roles", inventory, "gpu1", tmp_path, facts
    )
    assert told["gpu_monitoring_host"] == {"gpu": {"present": True}, "json_files": targets}
