"""VictoriaMetrics of a fleet: its container, and how Prometheus and Grafana of each monitoring host use it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.specifications import check

from tests.unit.plugins.plugin_utils.inventory import host_variables
from tests.unit.roles.rendering import arguments, fleet, service

RULES = Path(__file__).resolve().parents[3] / "roles" / "victoria_metrics" / "meta" / "variable_rules.yml"
PASSWORD_FILE = "file:///etc/victoria-metrics/web/password"
GPU1 = {"ansible_host": "10.0.0.1"}
ON = {"victoria_metrics_enabled": True}
ONE = {"monitor1": {"ansible_host": "10.0.0.9", **ON}}
PAIR = {
    "monitor1": {"ansible_host": "10.0.0.9", **ON},
    "monitor2": {"ansible_host": "10.0.0.8"},
}


@pytest.fixture
def store(tmp_path):
    """The options of the container on monitor1."""

    def render(monitoring=None, **variables):
        inventory = fleet({"gpu1": GPU1}, monitoring or ONE, variables)
        return service("victoria_metrics", "victoria-metrics", inventory, "monitor1", tmp_path)

    return render


@pytest.fixture
def prometheus(tmp_path):
    """The configuration of Prometheus on a monitoring host."""

    def render(monitoring, host="monitor1", **variables):
        options = service("prometheus", "prometheus", fleet({"gpu1": GPU1}, monitoring, variables), host, tmp_path)
        text = next(file["content"] for file in options["files"] if file["path"].endswith("/prometheus.yml"))
        return yaml.safe_load(text)

    return render


@pytest.fixture
def grafana(tmp_path):
    """What Grafana on a monitoring host declares."""

    def render(monitoring, host="monitor1", **variables):
        inventory = fleet({"gpu1": GPU1}, monitoring, {"grafana_admin_password": "of the test", **variables})
        return arguments("grafana", "Declare datasources, folders and dashboards", inventory, host, tmp_path)

    return render


def of_job(configuration, name):
    return next((job for job in configuration["scrape_configs"] if job["job_name"] == name), None)


def test_it_runs_without_rights_and_keeps_the_password_out_of_the_command(store):
    options = store()
    assert (options["user"], options["cap_drop"], options["read_only"]) == ("65534:65534", ["ALL"], True)
    assert options["mounts"][1]["owner"] == "65534:65534"
    assert "a password of Prometheus" not in str({**options, "secret_files": []})
    secrets = {file["path"].rpartition("/")[2]: file for file in options["secret_files"]}
    assert secrets["password"]["content"] == "a password of Prometheus"
    passwords = {flag.partition("=")[0] for flag in options["command"] if flag.endswith("=" + PASSWORD_FILE)}
    assert {"--httpAuth.password", "--deleteAuthKey", "--snapshotAuthKey", "--forceMergeAuthKey"} < passwords
    assert options["health"]["http"] == {"port": 8428, "path": "/health", "scheme": "https"}


def test_without_tls_it_asks_for_no_password(store):
    options = store(gpu_monitoring_tls=False)
    assert not [flag for flag in options["command"] if re.search("tls|httpAuth|AuthKey", flag)]
    assert (options["secret_files"], options["health"]["http"]["scheme"]) == ([], "http")


@pytest.mark.parametrize(
    ("monitoring", "variables", "interval"),
    [
        (ONE, {}, None),
        (PAIR, {}, "5s"),
        (PAIR, {"gpu_monitoring_scrape_interval": "15s"}, "15s"),
        (PAIR, {"gpu_monitoring_topology": "shards"}, None),
    ],
)
def test_only_replicas_write_samples_twice(store, monitoring, variables, interval):
    command = store(monitoring, **variables)["command"]
    flags = [flag for flag in command if "dedup" in flag]
    assert flags == ([f"--dedup.minScrapeInterval={interval}"] if interval else [])


def test_flags_of_a_site_count_after_those_of_the_role(store):
    command = store(victoria_metrics_flags_extra=["--maxLabelsPerTimeseries=60"])["command"]
    assert command.index("--maxLabelsPerTimeseries=60") > command.index("--maxLabelsPerTimeseries=128")


def test_a_host_without_it_removes_it_and_keeps_the_data(store):
    options = store({"monitor1": {"ansible_host": "10.0.0.9"}})
    assert options == {"name": "victoria-metrics", "state": "absent"}


@pytest.mark.parametrize(("host", "address"), [("monitor1", "victoria-metrics:8428"), ("monitor2", "10.0.0.9:8428")])
def test_each_prometheus_writes_to_it_and_reads_its_state(prometheus, host, address):
    configuration = prometheus(PAIR, host)
    assert configuration["remote_write"] == [
        {
            "name": "victoria-metrics-monitor1",
            "url": f"https://{address}/api/v1/write",
            "tls_config": {"ca_file": "web/ca.crt", "server_name": "victoria-metrics"},
            "basic_auth": {"username": "prometheus", "password_file": "web/password"},
            "write_relabel_configs": [{"action": "labeldrop", "regex": "prometheus_replica"}],
        }
    ]
    (group,) = of_job(configuration, "victoria-metrics")["static_configs"]
    # Both Prometheus give the series the same labels.
    assert group == {"targets": [address], "labels": {"host": "monitor1", "instance": "10.0.0.9:8428"}}


def test_a_site_writes_elsewhere_too_and_has_a_job_of_its_own(prometheus):
    job = {"job_name": "victoria-metrics", "static_configs": [{"targets": ["10.0.0.7:8428"]}]}
    own = {"prometheus_remote_write": [{"url": "http://10.0.0.7/write"}], "prometheus_scrape_configs": [job]}
    configuration = prometheus(ONE, gpu_monitoring_tls=False, **own)
    assert [entry["url"] for entry in configuration["remote_write"]] == [
        "http://10.0.0.7/write",
        "http://victoria-metrics:8428/api/v1/write",
    ]
    assert [one for one in configuration["scrape_configs"] if one["job_name"] == "victoria-metrics"] == [job]


def test_without_it_nothing_changes(prometheus, grafana):
    plain = {"monitor1": {"ansible_host": "10.0.0.9"}}
    configuration = prometheus(plain)
    assert "remote_write" not in configuration
    assert of_job(configuration, "victoria-metrics") is None
    declared = grafana(plain)
    assert [source["uid"] for source in declared["datasources"]] == ["prometheus", "alertmanager"]
    assert declared["datasources"][0]["is_default"] is True
    assert not [dashboard for dashboard in declared["dashboards"] if "datasource_uid" in dashboard]


@pytest.mark.parametrize(
    ("host", "url"), [("monitor1", "https://victoria-metrics:8428"), ("monitor2", "https://10.0.0.9:8428")]
)
def test_grafana_and_its_dashboards_ask_it_first(grafana, host, url):
    declared = grafana(PAIR, host)
    sources = {source["uid"]: source for source in declared["datasources"]}
    assert sources["victoria-metrics"]["url"] == url
    assert {uid for uid, source in sources.items() if source.get("is_default")} == {"victoria-metrics"}
    assert sources["prometheus"]["url"] == "https://prometheus:9090"
    assert sources["victoria-metrics"]["json_data"]["serverName"] == "victoria-metrics"
    assert sources["victoria-metrics"]["secure_json_data"]["basicAuthPassword"] == "a password of Prometheus"
    assert {dashboard["datasource_uid"] for dashboard in declared["dashboards"]} == {"victoria-metrics"}


def test_each_grafana_asks_the_one_of_its_own_host(grafana):
    both = {host: {**variables, **ON} for host, variables in PAIR.items()}
    for host in both:
        sources = {source["uid"]: source for source in grafana(both, host)["datasources"]}
        assert sources["victoria-metrics"]["url"] == "https://victoria-metrics:8428"


def test_the_query_url_of_a_site_comes_before_it(grafana):
    declared = grafana(
        ONE,
        gpu_monitoring_query_url="https://thanos.example.com",
        grafana_query_datasource={
            "basic_auth_user": "grafana",
            "secure_json_data": {"basicAuthPassword": "of the site"},
            "json_data": {"prometheusType": "Thanos"},
        },
    )
    sources = {source["uid"]: source for source in declared["datasources"]}
    assert {uid for uid, source in sources.items() if source.get("is_default")} == {"query"}
    assert sources["query"] == {
        "uid": "query",
        "name": "Fleet",
        "type": "prometheus",
        "is_default": True,
        "url": "https://thanos.example.com",
        "basic_auth_user": "grafana",
        "secure_json_data": {"basicAuthPassword": "of the site"},
        "json_data": {"httpMethod": "POST", "timeInterval": "5s", "prometheusType": "Thanos"},
    }
    assert {dashboard["datasource_uid"] for dashboard in declared["dashboards"]} == {"query"}
    assert "victoria-metrics" in sources


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"victoria_metrics_version": "1.132.0"}, "victoria_metrics_image on monitor1: .*1.132.0 is older than 1.133"),
        (
            {"victoria_metrics_flags_extra": ["--snapshotAuthKey=word"]},
            "--snapshotAuthKey is a secret, which everybody can read .* write --snapshotAuthKey=file:///PATH",
        ),
        ({"victoria_metrics_flags_extra": ["--retentionPeriod=5y"]}, "Set victoria_metrics_retention"),
        ({"victoria_metrics_retention": "12"}, "victoria_metrics_retention on monitor1: '12' .* like 90d, 6M or 2y"),
        ({"victoria_metrics_min_free_disk": "20%"}, "victoria_metrics_min_free_disk .* Write it like 10GiB"),
        ({"victoria_metrics_version": "v1.153.0"}, "Write it like"),
    ],
)
def test_wrong_values_are_refused(tmp_path, variables, message):
    known = host_variables(tmp_path, {"gpu1": GPU1}, ONE, variables)
    rules = yaml.safe_load(RULES.read_text())
    with pytest.raises(ValueError, match=message) as refused:
        check(known, ["victoria_metrics"], ["monitor1"], patterns=rules["patterns"])
    assert "=word" not in str(refused.value)


def test_a_flag_with_the_path_of_a_secret_is_allowed(tmp_path):
    variables = {"victoria_metrics_flags_extra": ["--snapshotAuthKey=file:///run/key"]}
    known = host_variables(tmp_path, {"gpu1": GPU1}, ONE, variables)
    assert check(known, ["victoria_metrics"], ["monitor1"]) is None


def test_an_address_that_the_other_monitoring_host_cannot_reach(prometheus):
    hidden = {**PAIR, "monitor1": {**PAIR["monitor1"], "victoria_metrics_address": "127.0.0.1"}}
    with pytest.raises(ValueError, match=r"127.0.0.1 .* which monitor2 cannot reach. Set it to an address"):
        prometheus(hidden)
    everywhere = {**PAIR, "monitor1": {**PAIR["monitor1"], "victoria_metrics_address": "0.0.0.0"}}
    assert prometheus(everywhere, "monitor2")["remote_write"][0]["url"] == "https://10.0.0.9:8428/api/v1/write"
