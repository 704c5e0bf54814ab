"""promtool, in the image that the lab deploys, on what the role renders."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.specifications import check

from tests.unit.plugins.plugin_utils.inventory import host_variables
from tests.unit.roles.rendering import fleet

ROOT = Path(__file__).resolve().parents[2]
GPU_HOSTS = {
    "gpu1": {"ansible_host": "10.0.0.1"},
    "gpu2": {"ansible_host": "10.0.0.2", "dcgm_exporter_port": 9500},
    "gpu3": {"ansible_host": "10.0.0.3", "dcgm_exporter_enabled": False},
}
MONITORING_HOST = {"monitor1": {"ansible_host": "10.0.0.9"}}
MODEL_SERVERS = [
    {"name": "llama", "port": 8000},
    {"name": "ranker", "port": 8443, "scheme": "https", "path": "/v2/metrics", "address": "ranker.lan"},
]
JOBS = [
    {
        "job_name": "slurm",
        "scrape_interval": "15s",
        "static_configs": [{"targets": ["10.0.0.7:8080"], "labels": {"host": "head"}}],
    }
]
RULES = [
    {
        "name": "site",
        "rules": [
            {
                "alert": "Hot",
                "expr": "DCGM_FI_DEV_GPU_TEMP > 90",
                "for": "5m",
                "annotations": {"summary": "GPU {% raw %}{{ $labels.gpu }}{% endraw %} is hot"},
            }
        ],
    }
]
LOGIN = {"username": "me", "password_file": "secrets/remote"}
SECTIONS = {
    "prometheus_secret_files": {"remote": "a password"},
    "prometheus_external_labels": {"site": "a", "replica": 1},
    "prometheus_remote_write": [
        {"url": "https://example.com/write", "basic_auth": LOGIN, "queue_config": {"max_shards": 4}}
    ],
    "prometheus_remote_read": [{"url": "https://example.com/read", "read_recent": False}],
    "prometheus_alertmanagers": [
        {"scheme": "https", "basic_auth": LOGIN, "static_configs": [{"targets": ["alertmanager.example.com:9093"]}]}
    ],
    "prometheus_scrape_configs": JOBS,
    "prometheus_rules_extra": RULES,
}


@pytest.mark.parametrize(
    "inventory",
    [
        fleet({}, MONITORING_HOST),
        fleet({"gpu1": GPU_HOSTS["gpu1"]}, MONITORING_HOST),
        fleet(GPU_HOSTS, MONITORING_HOST),
        fleet({"monitor1": {}}, {"monitor1": {}}, {"gpu_monitoring_address": "127.0.0.1"}),
        fleet({**GPU_HOSTS, "gpu1": {**GPU_HOSTS["gpu1"], "model_servers": MODEL_SERVERS}}, MONITORING_HOST),
        fleet(GPU_HOSTS, MONITORING_HOST, {"prometheus_scrape_configs": JOBS, "prometheus_rules_extra": RULES}),
        fleet(GPU_HOSTS, MONITORING_HOST, SECTIONS),
        fleet(GPU_HOSTS, MONITORING_HOST, {"gpu_monitoring_scrape_interval": "1s"}),
        fleet(GPU_HOSTS, MONITORING_HOST, {"gpu_monitoring_scrape_interval": "60s"}),
    ],
    ids=[
        "no host",
        "one host",
        "three hosts",
        "one machine",
        "model servers",
        "jobs and rules of the site",
        "all sections",
        "every second",
        "every minute",
    ],
)
def test_the_configuration_is_accepted(config, promtool, inventory):
    checked = promtool(config(inventory), "check", "config", "prometheus.yml")
    assert checked.returncode == 0, checked.stdout
    assert "WARNING" not in checked.stdout and "does not exist" not in checked.stdout


def examples():
    """The variables of each example of the documentation for Prometheus, with the secrets that they name."""
    text = "".join((ROOT / "docs" / page).read_text() for page in ("prometheus.md", "alertmanager.md", "scale.md"))
    blocks = [
        block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "alertmanager_receivers:" not in block
    ]
    loader = type("Loader", (yaml.SafeLoader,), {})
    # The inventory of the test is plain YAML, in which a text is a template.
    loader.add_constructor("!unsafe", lambda _loader, node: "{% raw %}" + node.value + "{% endraw %}")
    contents = [yaml.load(block, loader) for block in blocks]  # noqa: S506
    return [{**content, **dict.fromkeys(re.findall(r"vault_\w+", str(content)), "x")} for content in contents]


@pytest.mark.parametrize("example", examples(), ids=lambda example: next(iter(example)))
def test_every_example_of_the_documentation_is_accepted(config, promtool, tmp_path, example):
    for role in ("prometheus", "cadvisor", "grafana"):
        check(host_variables(tmp_path, GPU_HOSTS, MONITORING_HOST, example), [role], ["monitor1"])
    checked = promtool(config(fleet(GPU_HOSTS, MONITORING_HOST, example)), "check", "config", "prometheus.yml")
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"prometheus_gpu_targets": [{"targets": ["10.0.0.1:9400"], "label": {"host": "gpu1"}}]}, "nvidia-gpu.json"),
        ({"prometheus_scrape_configs": [{"job_name": "node", "static_configs": []}]}, "node"),
        ({"prometheus_rules_extra": [{"name": "site", "rules": [{"record": "x", "expr": "sum("}]}]}, "extra.yml"),
        ({"prometheus_scrape_timeout": "30s"}, "scrape timeout"),
    ],
    ids=["target file", "job of the same name", "rule", "timeout"],
)
def test_a_mistake_is_refused(config, promtool, variables, words):
    checked = promtool(config(fleet(GPU_HOSTS, MONITORING_HOST, variables)), "check", "config", "prometheus.yml")
    assert checked.returncode != 0
    assert words in checked.stdout


@pytest.mark.parametrize("rules", ["container-gpu", "dcgm"])
def test_the_rules_do_what_they_say(promtool, tmp_path, rules):
    tmp_path.chmod(0o755)
    shutil.copy(ROOT / f"roles/prometheus/files/rules/{rules}.yml", tmp_path)
    test = ROOT / f"tests/rules/{rules.replace('-', '_')}_test.yml"
    shutil.copy(test, tmp_path)
    tested = promtool(tmp_path, "test", "rules", test.name)
    assert tested.returncode == 0, tested.stdout


def test_windows_of_gpu_hours_do_not_overlap():
    [group] = yaml.safe_load((ROOT / "roles/prometheus/files/rules/container-gpu.yml").read_text())["groups"]
    windows = {window for rule in group["rules"] for window in re.findall(r"\[(\w+)\]", rule["expr"])}
    assert windows == {group["interval"]}
    assert all(rule["record"].endswith(group["interval"]) for rule in group["rules"])
