"""The dashboards' queries in a real Prometheus: they are valid, no panel stays empty on any kind of host, and the count of trouble is right."""

from __future__ import annotations

import itertools
import math
import re
import sys
from pathlib import Path

import pytest
import yaml

from tests.dashboards import queries, series, server

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import role_readme  # noqa: E402

START = 1767225600  # 2026-01-01, where a block begins
MINUTES = 20
SECONDS = 900
END = START + 60 * MINUTES - series.SCRAPE_INTERVAL
SILENT = "serves-nobody-yet"
# What the GPUs of a host are, and whether they are profiled.
GPU_HOSTS = {
    "with-consumer-gpus": ("consumer", False),
    "with-data-center-gpus": ("data center", True),
    "with-data-center-gpus-not-profiled": ("data center", False),
    "with-mig": ("mig", True),
    "with-mig-not-profiled": ("mig", False),
}
SERVERS = {f"serves-with-{engine}": engine for engine in series.ENGINES}
ON_MIG = {"serves-with-triton": ("mig", False)}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blocks")
    found = []
    for host, (kind, profiling) in {**GPU_HOSTS, **dict.fromkeys(SERVERS, ("consumer", False)), **ON_MIG}.items():
        found += [*series.gpu_host(host, 2, kind, profiling), *series.containers(host, 2, disk=kind != "consumer"), *series.machine(host, 2)]
    found += series.machine("watcher", 2)
    found += [*series.gpu_host(SILENT, 2, "consumer"), series.up("model-server", SILENT, server="silent")]
    for host, engine in SERVERS.items():
        found += series.model_server(host, engine)
    with (folder / "series.om").open("w") as file:
        series.write(found, START, END + series.SCRAPE_INTERVAL, file)
    server.promtool(folder, "tsdb", "create-blocks-from", "openmetrics", "series.om", ".")
    with server.served(folder) as started:
        yield started


def cases():
    """Every panel with every kind of host that its dashboard shows."""
    for path in queries.FILES:
        hosts = {"model-serving": SERVERS, "machines": {**GPU_HOSTS, "watcher": ()}}.get(path.stem, GPU_HOSTS)
        panels = itertools.groupby(queries.of(path), key=lambda query: (query.panel, query.title))
        for (_number, title), asked in panels:
            asked = list(asked)
            for host in hosts:
                yield pytest.param(host, asked, id=f"{path.stem}-{title}-{host}")


@pytest.mark.parametrize(("host", "asked"), list(cases()))
def test_no_panel_is_empty(prometheus, host, asked):
    chosen = {"host": host, "gpu": ["0", "1"], "container": ["training-0", "training-1"], "server": SERVERS.get(host, ""), "quantile": "0.95"}
    values = []
    for query in asked:
        expr = queries.sent(query.expr, chosen, SECONDS)
        if query.instant:
            values += [one["value"] for one in prometheus.query(expr, END)]
        else:
            values += [value for one in prometheus.query_range(expr, END - SECONDS, END, queries.step(SECONDS)) for value in one["values"]]
    assert any(not math.isnan(float(value)) for _time, value in values)


def test_of_a_server_that_says_nothing_yet_no_panel_is_empty_that_verify_looks_at(prometheus):
    optional = role_readme.defaults_of(role_readme.ROLES / "verify")["verify_optional_panels"]
    asked = [query for path in queries.FILES if path.stem == "model-serving" for query in queries.of(path)]
    drawn = {query.title: False for query in asked if not any(re.search(pattern, f"model-serving/{query.title}") for pattern in optional)}
    for query in asked:
        if query.title in drawn and prometheus.query(queries.sent(query.expr, {"host": SILENT, "server": "silent", "quantile": "0.95"}, SECONDS), END):
            drawn[query.title] = True
    assert drawn == dict.fromkeys(["Servers", "KV cache and GPU memory", "GPU utilization", "GPU power"], True)


@pytest.mark.parametrize(("engine", "unknown"), [("vllm", ["inferences"]), ("sglang", ["in the model", "inferences"])])
def test_of_a_server_for_language_models_all_is_drawn_but(prometheus, engine, unknown):
    chosen = {"host": f"serves-with-{engine}", "server": engine, "quantile": "0.95"}
    asked = [query for path in queries.FILES if path.stem == "model-serving" for query in queries.of(path)]
    silent = [query.legend for query in asked if not prometheus.query(queries.sent(query.expr, chosen, SECONDS), END)]
    assert [legend.removeprefix("{{host}} {{server}} ") for legend in silent] == unknown


@pytest.mark.parametrize(("host", "shown"), [("with-mig", ["memory bandwidth"]), ("with-mig-not-profiled", ["memory in use", "power of the limit"])])
def test_what_is_drawn_in_place_of_utilization_has_its_name(prometheus, host, shown):
    drawn = set()
    for path in queries.FILES:
        for query in queries.of(path):
            if query.dashboard == "gpu-host" and "{{shown}}" in query.legend:
                drawn |= {one["metric"].get("shown") for one in prometheus.query(queries.sent(query.expr, {"host": host, "gpu": ["0", "1"]}, SECONDS), END)}
    assert sorted(drawn - {None}) == shown


@pytest.mark.parametrize("host", ["with-data-center-gpus", "with-data-center-gpus-not-profiled"])
def test_pcie_is_drawn_with_and_without_profiling(prometheus, host):
    asked = [query for path in queries.FILES for query in queries.of(path) if "PCIe" in query.legend and "replays" not in query.legend]
    assert [query.legend for query in asked] == ["GPU {{gpu}} PCIe received", "GPU {{gpu}} PCIe sent"]
    for query in asked:
        assert {one["metric"]["gpu"] for one in prometheus.query(queries.sent(query.expr, {"host": host, "gpu": ["0", "1"]}, SECONDS), END)} == {"0", "1"}


def labelled(name, **labels):
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"


def gpu(name, number, **labels):
    return labelled(name, host="h", gpu=number, modelName="H100", **labels)


HEALTHY = gpu("DCGM_FI_DEV_GPU_TEMP", 0), "50x60"


@pytest.mark.parametrize(
    ("found", "trouble"),
    [
        ([], 0),
        ([(gpu("DCGM_FI_DEV_ROW_REMAP_PENDING", 0), "1x60")], 1),
        ([(gpu("DCGM_FI_DEV_ROW_REMAP_PENDING", 0), "1x60"), (gpu("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", 0), "3x60")], 2),
        ([(gpu("DCGM_EXP_XID_ERRORS_COUNT", 0, xid=79), "1x60")], 1),
        ([(gpu("DCGM_EXP_XID_ERRORS_COUNT", 0, xid=13), "5x60")], 0),
        ([(gpu("DCGM_EXP_CLOCK_EVENTS_COUNT", 0, clock_event="hw_thermal"), "9x60")], 1),
        ([(gpu("DCGM_EXP_CLOCK_EVENTS_COUNT", 0, clock_event="power_cap"), "9x60")], 0),
        ([(gpu("DCGM_FI_DEV_ROW_REMAP_PENDING", 0, GPU_I_ID=instance), "1x60") for instance in (1, 2, 3)], 1),
        ([(gpu("DCGM_EXP_XID_ERRORS_COUNT", 0, xid=xid, GPU_I_ID=instance), "1x60") for xid in (79, 94) for instance in (1, 2)], 2),
    ],
)
def test_trouble_of_a_gpu(tmp_path, found, trouble):
    judge(tmp_path, [HEALTHY, *found], {"0": trouble})


def test_a_lost_gpu_is_in_greater_trouble(tmp_path):
    lost = gpu("DCGM_FI_DEV_GPU_TEMP", 1), "50x30 stale"
    judge(tmp_path, [HEALTHY, lost, (gpu("DCGM_EXP_XID_ERRORS_COUNT", 1, xid=79), "1x30 stale")], {"0": 0, "1": 10})


def judge(folder, found, trouble):
    """Have promtool compare the column Trouble of both dashboards that have it, five minutes after the series began."""
    tests = []
    for name, host in (("gpu-fleet", {"host": "h"}), ("gpu-host", {})):
        (query,) = [one for path in queries.FILES if path.stem == name for one in queries.of(path) if one.legend == "Trouble"]
        samples = [{"labels": labelled("", gpu=number, modelName="H100", **host), "value": value} for number, value in trouble.items()]
        expr = queries.sent(query.expr, {"host": "h", "gpu": ["0", "1"]}, 300)
        tests.append({"expr": expr, "eval_time": "5m", "exp_samples": samples})
    inputs = [{"series": name, "values": values} for name, values in found]
    test = {"tests": [{"interval": "5s", "input_series": inputs, "promql_expr_test": tests}]}
    (folder / "test.yml").write_text(yaml.safe_dump(test))
    server.promtool(folder, "test", "rules", "test.yml")
