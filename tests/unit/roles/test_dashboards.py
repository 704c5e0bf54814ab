"""The role's dashboards say what they show, in true units, with queries that fit a fleet."""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import contents, desired, references

from tests.dashboards import queries

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import role_readme

WORD_FOR_WORD = "ml-system-monitoring"
EVERY = pytest.mark.parametrize("path", queries.FILES, ids=lambda path: path.stem)
NEW = pytest.mark.parametrize(
    "path", [path for path in queries.FILES if path.stem != WORD_FOR_WORD], ids=lambda path: path.stem
)
# What Grafana fills in by itself.
BUILT_IN = {"__interval", "__range", "__range_s", "__rate_interval"}


def test_the_four_panels_are_word_for_word():
    asked = [
        (query.title, query.expr, query.legend)
        for path in queries.FILES
        if path.stem == WORD_FOR_WORD
        for query in queries.of(path)
    ]
    assert asked == [
        (
            "Docker Container Memory Usage (MB)",
            'sum(container_memory_usage_bytes{image!=""}) by (name) / 1024 / 1024',
            "{{name}}",
        ),
        ("GPU Utilization", "DCGM_FI_DEV_GPU_UTIL", "{{modelName}} - GPU {{gpu}}"),
        ("GPU Memory Usage (MB)", "DCGM_FI_DEV_FB_USED / 1024", "{{modelName}} - GPU {{gpu}}"),
        (
            "Docker Container CPU Usage (Cores)",
            'sum(rate(container_cpu_usage_seconds_total{image!=""}[5m])) by (name)',
            "{{name}}",
        ),
    ]


def test_every_file_is_declared():
    defaults = role_readme.defaults_of(role_readme.ROLES / "grafana")
    assert set(re.findall(r"'([\w-]+)\.yml'", defaults["grafana_dashboards"])) == {path.stem for path in queries.FILES}


@EVERY
def test_a_dashboard_is_named_like_its_file_and_has_no_problem(path):
    made = queries.model(path)
    assert made["uid"] == path.stem
    assert desired.problems_of_model(made) == []
    assert references.problems(made, {}, {"prometheus": "prometheus"}, {}) == []


@EVERY
def test_every_panel_says_how_to_read_it_and_has_a_unit(path):
    for panel in queries.item(path)["panels"]:
        if panel["type"] != "row":
            assert panel["description"], panel["title"]
            assert panel["unit"] or all(query["unit"] for query in panel["queries"]), panel["title"]


@EVERY
def test_no_panel_lies_on_another(path):
    grids = [panel["gridPos"] for panel in queries.model(path)["panels"]]
    for grid, other_grid in itertools.combinations(grids, 2):
        beside = grid["x"] + grid["w"] <= other_grid["x"] or other_grid["x"] + other_grid["w"] <= grid["x"]
        assert beside or grid["y"] + grid["h"] <= other_grid["y"] or other_grid["y"] + other_grid["h"] <= grid["y"]


@EVERY
def test_queries_and_links_use_variables_that_are_there(path):
    text = yaml.safe_dump([queries.item(path)[part] for part in ("panels", "variables")])
    made = queries.model(path)
    for name in re.findall(r"\$(\w+)", text):
        assert name in contents.variable_names(made) | BUILT_IN
    for uid, variables in re.findall(r"url: /d/([\w-]+)\?(\S+)", text):
        target = queries.model(path.with_name(f"{uid}.yml"))
        assert set(re.findall(r"var-(\w+)=", variables)) <= contents.variable_names(target)


@NEW
def test_queries_fit_a_fleet_and_every_interval(path):
    for query in queries.of(path):
        assert not re.search(r"\[\d", query.expr), f"{query.title}: a window that does not follow the interval"
        grouped = re.findall(r"by \(([^)]*)\)", query.expr)
        assert all("host" in labels for labels in grouped if re.search(r"\b(name|server)\b", labels)), (
            f"{query.title}: adds up hosts"
        )


@NEW
def test_memory_of_containers_has_the_working_set_beside_it(path):
    asked = " ".join(query.expr for query in queries.of(path))
    assert ("container_memory_usage_bytes" in asked) == ("container_memory_working_set_bytes" in asked)
