"""A real Prometheus with the role's files: one vocabulary, hosts that come without a reload, containers that go at
once.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

import pytest
import requests
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.collect import from_agent
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.password_hashes import web_password_hash

from tests.rules.exporters import answer, serve
from tests.rules.servers import wait_until
from tests.unit.roles.rendering import fleet, service

MONITORING_HOST = {"monitor1": {"ansible_host": "10.0.0.9"}}
SECOND = {
    "gpu_monitoring_scrape_interval": "1s",
    "prometheus_cadvisor_targets": [],
    "prometheus_gpu_targets": [],
    "prometheus_node_targets": [],
    "gpu_monitoring_tls": False,
}


def group(port, host, **labels):
    return {"targets": [f"127.0.0.1:{port}"], "labels": {"host": host, **labels}}


def test_every_generation_of_the_exporter_comes_out_the_same(config, prometheus):
    with contextlib.ExitStack() as stack:
        releases = {"gpu1": "4.8.2", "gpu2": "4.8.3", "gpu3": "4.9.0"}
        ports = {
            host: stack.enter_context(serve({"/metrics": answer(release, host)})) for host, release in releases.items()
        }
        targets = [group(port, host) for host, port in ports.items()]
        server = prometheus(config(fleet({}, MONITORING_HOST, {**SECOND, "prometheus_gpu_targets": targets})))

        def legacy(host):
            own = {"host", "instance", "UUID"}
            series = server.query(
                f'{{__name__=~"DCGM_.*",__name__!~".*(_RATIO|_BYTES|_HERTZ|_JOULES_TOTAL)",host="{host}"}}'
            )
            assert all(labels["UUID"] == f"GPU-{host}" for labels, _value in series)
            return sorted(
                (sorted(item for item in labels.items() if item[0] not in own), round(value, 6))
                for labels, value in series
            )

        wait_until(lambda: all(len(legacy(host)) == 10 for host in releases), "not all is there")
        assert legacy("gpu1") == legacy("gpu2") == legacy("gpu3")
        assert {labels["modelName"] for labels, _value in server.query('{__name__=~"DCGM_.*"}')} == {"NVIDIA H100"}
        assert {value for _labels, value in server.query("DCGM_FI_DEV_GPU_UTIL")} == {37}
        assert not server.query('{__name__=~"DCGM_.*",hostname!=""}') and not server.query(
            '{__name__=~"DCGM_.*",Hostname!=""}'
        )


def test_a_host_comes_and_goes_without_a_reload(config, prometheus):
    with serve({"/metrics": "up_and_running 1\n", "/v2/metrics": "requests 3\n"}) as port:
        folder = config(fleet({}, MONITORING_HOST, {**SECOND, "prometheus_node_targets": [group(port, "gpu1")]}))
        sender = prometheus(folder)
        wait_until(lambda: sender.query('up{job="node",host="gpu1"} == 1'), "gpu1 is not up")
        reloaded, series = (
            sender.own("prometheus_config_last_reload_success_timestamp_seconds"),
            sender.own("prometheus_tsdb_head_series_created_total"),
        )

        def put(name, groups):
            """Replace a target file as container_service does."""
            staged = folder / "staged"
            staged.write_text(json.dumps(groups))
            os.replace(staged, folder / "targets" / f"{name}.json")

        put("node", [group(port, "gpu1"), group(port, "gpu2")])
        server = {"server": "llama", "__metrics_path__": "/v2/metrics", "__scheme__": "http"}
        put("model-server", [group(port, "gpu2", **server)])
        wait_until(lambda: sender.query('up{job="node",host="gpu2"} == 1'), "gpu2 is not up")
        wait_until(
            lambda: sender.query('requests{job="model-server",host="gpu2",server="llama"} == 3'),
            "the model server is not scraped",
        )
        put("node", [group(port, "gpu1")])
        wait_until(lambda: not sender.query('up{host="gpu2",job="node"}'), "gpu2 is still there")
        assert sender.query('up{job="node",host="gpu1"} == 1')
        assert sender.own("prometheus_config_last_reload_success_timestamp_seconds") == reloaded
        assert sender.own("prometheus_tsdb_head_series_created_total") > series


def test_discovery_of_the_site_brings_targets_to_a_job_and_each_has_a_host(config, prometheus):
    pages = {"/metrics": "up_and_running 1\n"}
    with serve(pages) as port:
        pages["/targets.json"] = json.dumps([group(port, "rack7", team="vision")])
        extra = [
            {"job": "node", "http_sd_configs": [{"url": f"http://127.0.0.1:{port}/targets.json"}]},
            {"job": "node", "file_sd_configs": [{"files": ["targets/site-*.json"]}]},
        ]
        folder = config(fleet({}, MONITORING_HOST, {**SECOND, "prometheus_targets_extra": extra}))
        (folder / "targets" / "site-rack.json").write_text(json.dumps([{"targets": [f"localhost:{port}"]}]))
        server = prometheus(folder)
        wait_until(lambda: len(server.query('up_and_running{job="node"} == 1')) == 2, "not all targets are there")
        found = {labels["host"]: labels for labels, _value in server.query('up{job="node"}')}
        assert set(found) == {"rack7", "localhost"} and found["rack7"]["team"] == "vision"


@pytest.mark.parametrize(
    ("limit", "metric"),
    [
        ({"prometheus_sample_limit": 2}, "scrapes_exceeded_sample_limit"),
        ({"prometheus_body_size_limit": "40B"}, "scrapes_exceeded_body_size_limit"),
        ({"prometheus_label_limit": 4}, "scrape_pool_exceeded_label_limits"),
        ({"prometheus_label_value_length_limit": 20}, "scrape_pool_exceeded_label_limits"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_target_beyond_a_limit_is_down_alone_and_counted(config, prometheus, limit, metric):
    pages = {"/small": "a 1\n", "/large": 'a{x="1"} 1\na{x="2"} 1\nb{y="a value of many characters"} 1\n'}
    with serve(pages) as port:
        targets = [group(port, host, __metrics_path__=f"/{host}") for host in ("small", "large")]
        server = prometheus(config(fleet({}, MONITORING_HOST, {**SECOND, **limit, "prometheus_node_targets": targets})))
        wait_until(lambda: server.query('up{job="node",host="small"} == 1'), "the small target is not up")
        wait_until(lambda: server.query('up{job="node",host="large"} == 0'), "the large target is not refused")
        assert server.own(f"prometheus_target_{metric}_total") > 0
        assert not server.query('{host="large",__name__=~"a|b"}')


def test_a_removed_container_is_missing_at_once_and_an_empty_answer_is_no_failure(config, prometheus):
    def containers(*names):
        now = int(time.time() * 1000)
        return "".join(f'container_memory_usage_bytes{{name="{name}",image="x"}} 1 {now}\n' for name in names)

    pages = {"/metrics": "", "/empty": ""}
    with serve(pages) as port:
        pages["/metrics"] = containers("job", "web")
        variables = {
            "prometheus_cadvisor_targets": [group(port, "gpu1")],
            "prometheus_gpu_targets": [group(port, "gpu1", __metrics_path__="/empty")],
        }
        server = prometheus(config(fleet({}, MONITORING_HOST, {**SECOND, **variables})))
        wait_until(lambda: len(server.query("container_memory_usage_bytes")) == 2, "the containers are not there")
        pages["/metrics"] = containers("web")
        wait_until(
            lambda: [labels["name"] for labels, _value in server.query("container_memory_usage_bytes")] == ["web"],
            "the container is still drawn",
            5,
        )
        assert server.query('up{job="nvidia-gpu"} == 1')


@pytest.fixture
def receiver(prometheus, tmp_path):
    """Another Prometheus, which takes samples from who has a password."""
    folder = tmp_path / "receiver"
    folder.mkdir()
    (folder / "prometheus.yml").write_text("{}")
    (folder / "web.yml").write_text(
        json.dumps({"basic_auth_users": {"sender": web_password_hash("word of the sender", "sender")}})
    )
    flags = ["--web.enable-remote-write-receiver", "--web.config.file=/etc/prometheus/web.yml"]
    return prometheus(folder, *flags, login=("sender", "word of the sender"))


def test_an_agent_sends_its_samples_and_verify_sees_its_targets(config, promtool, prometheus, receiver, tmp_path):
    with serve({"/metrics": "gpu_busy 1\n"}) as port:
        variables = {
            **SECOND,
            "prometheus_agent_mode": True,
            "prometheus_alerts_enabled": False,
            "alertmanager_enabled": False,
            "prometheus_node_targets": [group(port, "gpu1")],
            "prometheus_secret_files": {"receiver": "word of the sender"},
            "prometheus_remote_write": [
                {
                    "url": f"{receiver.url}/api/v1/write",
                    "basic_auth": {"username": "sender", "password_file": "secrets/receiver"},
                }
            ],
        }
        inventory = fleet({}, MONITORING_HOST, variables)
        folder = config(inventory)
        checked = promtool(folder, "check", "config", "--agent", "prometheus.yml")
        assert checked.returncode == 0, checked.stdout
        command = service("prometheus", "prometheus", inventory, "monitor1", tmp_path)["command"]
        agent = prometheus(folder, *(flag for flag in command if "agent" in flag))
        wait_until(lambda: receiver.query('gpu_busy{host="gpu1"} == 1'), "no sample reached the receiver")
        unset = dict.fromkeys(("ca_path", "client_cert", "client_key", "token", "url_username", "url_password"))
        known = from_agent(
            Client({**unset, "url": agent.url, "validate_certs": True, "use_proxy": False, "timeout": 10})
        )
        assert [(target["job"], target["health"]) for target in known["targets"] if target["of_role"]] == [
            ("node", "up")
        ]
        assert known["scrape_interval"] == 1


@pytest.mark.long
def test_samples_and_alerts_reach_others_with_the_labels_of_the_site(
    config, prometheus, receiver, start_alertmanager, tmp_path
):
    alertmanager = start_alertmanager()
    rules = [{"name": "site", "rules": [{"alert": "Busy", "expr": "gpu_busy > 0", "labels": {"severity": "info"}}]}]
    with serve({"/metrics": "gpu_busy 1\n"}) as port:
        variables = {
            **SECOND,
            "prometheus_node_targets": [group(port, "gpu1", team="vision")],
            "prometheus_external_labels": {"site": "lab", "replica": 1},
            "prometheus_secret_files": {"receiver": "word of the sender"},
            "prometheus_remote_write": [
                {
                    "url": f"{receiver.url}/api/v1/write",
                    "basic_auth": {"username": "sender", "password_file": "secrets/receiver"},
                }
            ],
            "prometheus_alertmanagers": [{"static_configs": [{"targets": [alertmanager.removeprefix("http://")]}]}],
            "prometheus_rules_extra": rules,
            "prometheus_external_url": "https://monitoring.example.com/prometheus",
            "prometheus_flags_extra": ["--rules.alert.resend-delay=1s"],
        }
        inventory = fleet({}, MONITORING_HOST, variables)
        command = service("prometheus", "prometheus", inventory, "monitor1", tmp_path)["command"]
        flags = [flag for flag in command if flag.startswith(("--web.external-url", "--web.route-prefix", "--rules."))]
        sender = prometheus(config(inventory), *flags, path="/prometheus")
        assert wait_until(lambda: sender.query("gpu_busy"), "the sender has no samples")[0][0].get("site") is None
        [(labels, _value)] = wait_until(
            lambda: receiver.query('gpu_busy{site="lab"}'), "no sample reached the receiver"
        )
        assert {
            "host": "gpu1",
            "team": "vision",
            "job": "node",
            "site": "lab",
            "replica": "1",
        }.items() <= labels.items()
        [alert] = wait_until(
            lambda: requests.get(f"{alertmanager}/api/v2/alerts", timeout=10).json(),
            "no alert reached the Alertmanager",
        )
        assert {
            "alertname": "Busy",
            "host": "gpu1",
            "team": "vision",
            "site": "lab",
            "severity": "info",
        }.items() <= alert["labels"].items()
        assert alert["generatorURL"].startswith("https://monitoring.example.com/prometheus/graph?")
