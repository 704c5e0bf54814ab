"""Dashboards that people really use ask what their authors meant. The models are not part of the repository."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.unit.plugins.module_utils.verify.fake_prometheus import FakePrometheus, queries

FOLDER = Path(os.environ.get("PUBLISHED_DASHBOARDS", os.devnull))
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="no published dashboards")
PUBLISHED = (
    *("cadvisor-10619", "cadvisor-thomas", "dcgm-exporter", "deepops-gpu-dashboard", "dockprom-docker-containers"),
    *(
        "node-exporter-full",
        "nvidia-gpu-exporter",
        "tgi",
        "triton-k8s-onprem",
        "vllm-own-2024",
        "vllm-production-stack",
    ),
)
POWER = 'label_replace(DCGM_FI_DEV_POWER_USAGE{instance=~".*:9400"}, "instance", "$1", "instance", "(.*):9400.*")'
SERIES = {
    "group by (container) (tgi_request_count)": [{"container": "tgi"}],
    POWER: [{"__name__": "DCGM_FI_DEV_POWER_USAGE", "gpu": "0", "instance": "gpu1"}],
    "group by (job) (container_cpu_user_seconds_total)": [{"job": "docker"}],
    "group by (instance) (DCGM_FI_DEV_GPU_TEMP)": [{"instance": "gpu1:9400"}, {"instance": "gpu2:9400"}],
    "group by (gpu) (DCGM_FI_DEV_GPU_TEMP)": [{"gpu": "0"}],
}


def model(name):
    """A model, of which every input is the Prometheus of the tests."""
    written = (FOLDER / f"{name}.json").read_text()
    for given in ("${DS_PROMETHEUS_EKS API INFERENCE PROD}", "mimir", "prometheus"):
        written = written.replace(f'"uid": "{given}"', '"uid": "prom"')
    return json.loads(written.replace('"${DS_PROMETHEUS}"', '"prom"'))


def visible(holder):
    """The targets of the panels of a model or a row that show something of Prometheus, or are used by an expression."""
    children = [*(holder.get("panels") or []), *(holder.get("rows") or [])]
    computes = '"__expr__"' in json.dumps(holder.get("targets"))
    given = [target for target in holder.get("targets") or [] if target.get("expr")]
    targets = [target for target in given if computes or not target.get("hide")]
    return targets + [target for child in children for target in visible(child)]


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_query_is_asked_with_all_its_variables(name):
    asked = queries(model(name), FakePrometheus(SERIES))
    assert [query.written for query in asked] == [target["expr"] for target in visible(model(name))]
    assert len(asked) >= 8
    assert not [query.expression for query in asked if re.search(r"\$[a-z_{]|\[\[|\[\]", query.expression)]
    assert {(query.datasource, query.problem) for query in asked} <= {("prom", ""), ("other", "")}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tgi", 'container="tgi"'),
        ("deepops-gpu-dashboard", 'instance="gpu1:9400"'),
        ("cadvisor-10619", "[50s]"),
        ("dcgm-exporter", 'instance=~"(gpu1:9400|gpu2:9400)"'),
    ],
)
def test_the_authors_values_give_way(name, words):
    expressions = " ".join(query.expression for query in queries(model(name), FakePrometheus(SERIES)))
    assert words in expressions
    assert not re.search(r"cohereforai|hostname|auto_interval", expressions.replace("Hostname", ""))


@pytest.mark.parametrize("name", ["grafana-devenv-library-panel", "grafana-k8s-wrapper"])
def test_missing_library_panels_are_reported(name):
    given = model(name)
    problems = {query.problem for query in queries(given.get("spec", given))}
    assert problems
    assert all(re.fullmatch("its library panel .* is not in Grafana", problem) for problem in problems)
