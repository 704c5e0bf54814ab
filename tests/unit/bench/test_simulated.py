"""The simulated hosts of the benchmark of a fleet: what their exporters answer, and what of it the role's files use."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
import yaml

from bench.simulated import addresses, served
from bench.simulated.host import CONTAINERS, GPUS, pages
from bench.simulated.notation import Values, read, text
from tests.dashboards import queries

ROLES = Path(__file__).resolve().parents[3] / "roles"
NOW = 1795999000
SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:]\w*)(\{(?P<labels>[^{}]*)\})? (?P<value>-?[\d.]+)( (?P<time>\d+))?")
# Fields that a Hopper GPU does not have: pages are retired up to Turing, NVLinks of Hopper count other errors.
NOT_OF_HOPPER = re.compile("DCGM_FI_DEV_(RETIRED_.*|NVLINK_.*_COUNT_TOTAL)")
# What the expressions also ask for: other GPUs, exporter 4.9, profiling, and the use of GPUs by containers.
OTHERS = re.compile(
    "DCGM_FI_PROF_.*|DCGM_FI_DEV_RETIRED_PENDING|DCGM_EXP_XID_ERRORS_TOTAL|container_gpu_memory_used_bytes"
    "|DCGM_FI_DEV_.*_(RATIO|BYTES|HERTZ|JOULES_TOTAL|SECONDS_TOTAL|PER_SECOND)"
)


@pytest.fixture(scope="module")
def answers():
    """The text of each exporter of a host."""
    return {job: page.render(NOW).decode() for job, page in pages("gpu0001", 1, Values()).items()}


def samples(answer):
    return [SAMPLE.fullmatch(line) for line in answer.splitlines() if not line.startswith("#")]


def test_every_line_is_a_sample_of_a_series_of_its_own(answers):
    for answer in answers.values():
        parsed = samples(answer)
        assert all(parsed)
        assert len({(sample["name"], sample["labels"]) for sample in parsed}) == len(parsed)


def test_a_family_is_in_one_place(answers):
    for answer in answers.values():
        families = re.findall(r"^# TYPE (\S+)", answer, flags=re.MULTILINE)
        assert len(set(families)) == len(families)


def test_a_host_has_the_series_that_the_page_on_scale_counts(answers):
    assert {job: len(samples(answer)) for job, answer in answers.items()} == {
        "cadvisor": 1384,
        "nvidia-gpu": 320,
        "node": 1881,
    }


def test_gpus_have_the_fields_that_the_role_asks_for():
    asked = set()
    for file in ("counters", "counters_pcie", "counters_recovery"):
        rows = csv.reader((ROLES / "dcgm_exporter" / "files" / f"{file}.csv").read_text().splitlines())
        asked |= {row[0] for row in rows if len(row) > 2 and not row[0].startswith("#") and row[1].strip() != "label"}
    assert {line.name for line in read("gpu")} == {name for name in asked if not NOT_OF_HOPPER.fullmatch(name)}


def test_values_change_and_counters_never_fall():
    values = [float(text("+2.500", 3, moment)) for moment in range(1000)]
    assert values == sorted(values)
    assert len(set(values)) > 900
    temperatures = {float(text("40..80", 3, moment)) for moment in range(1000)}
    assert min(temperatures) >= 40
    assert max(temperatures) <= 80
    assert len(temperatures) > 20


def test_containers_have_the_times_at_which_they_were_measured(answers):
    stamps = {sample["time"] for sample in samples(answers["cadvisor"]) if sample["time"]}
    assert len(stamps) == CONTAINERS
    assert all(NOW - 5 < int(stamp) / 1000 < NOW for stamp in stamps)


def test_gpus_of_containers_are_those_of_the_exporter(answers):
    def uuids(job, name):
        return {re.search('UUID="([^"]*)"', s["labels"])[1] for s in samples(answers[job]) if s["name"] == name}

    assert uuids("node", "container_gpu_info") == uuids("nvidia-gpu", "DCGM_FI_DEV_GPU_UTIL")
    assert len(uuids("nvidia-gpu", "DCGM_FI_DEV_GPU_UTIL")) == GPUS


def test_all_names_of_the_rules_and_of_the_fleet_dashboard_are_served(answers):
    served_names = {sample["name"] for answer in answers.values() for sample in samples(answer)}
    files = (ROLES / "prometheus" / "files").rglob("*.yml")
    groups = [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]
    expressions = [rule["expr"] for group in groups for rule in group["rules"]]
    [path] = [path for path in queries.FILES if path.stem == "gpu-fleet"]
    expressions += [query.expr for query in queries.of(path)]
    names = {
        name
        for expression in expressions
        for name in re.findall(r"\b(?:DCGM|node|container)_\w+(?!:)\b", re.sub('"[^"]*"', "", expression))
    }
    assert len(names) > 50
    assert {name for name in names if not OTHERS.fullmatch(name)} <= served_names


def test_addresses_are_of_loopback_and_differ():
    hosts = addresses(1000)
    assert len({served(address) for address in hosts.values()}) == 1000
    assert all(served(address).startswith("127.") for address in hosts.values())
