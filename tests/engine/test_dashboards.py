"""The dashboards' queries in a real Prometheus. They are valid, every panel has data on each kind of host, and the
count of trouble is right.
"""

from __future__ import annotations

import itertools
import math
import re
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import panels
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.decide import Wanted, drawable
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.panels import is_optional

from tests.dashboards import queries, series, server

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import role_readme

START = 1767225600  # 2026-01-01, where a block begins
MINUTES = 20
SECONDS = 900
END = START + 60 * MINUTES - series.SCRAPE_INTERVAL
# Which container has which GPU: one is shared.
GIVEN = (("training-0", 0), ("training-1", 0), ("training-1", 1))
SILENT = "serves-nobody-yet"
# What the GPUs of a host are, and whether they are profiled.
GPU_HOSTS = {
    "with-consumer-gpus": ("consumer", False),
    "with-data-center-gpus": ("data center", True),
    "with-data-center-gpus-not-profiled": ("data center", False),
    "with-mig": ("mig", True),
    "with-mig-not-profiled": ("mig", False),
    "with-vgpus": ("vgpu", False),
    "with-shared-memory": ("shared memory", False),
}
# The driver's values for some kinds of GPUs.
GPUS = {"vgpu": {"virtual": True}, "shared memory": {"memory_mib": None}}
WITHOUT_GPU = "without-gpus"
# What verify does not miss if it is empty: the part of the defaults that is about containers with GPUs.
OPTIONAL = [
    pattern
    for pattern in role_readme.defaults_of(role_readme.ROLES / "verify")["verify_optional_panels"]
    if "container" in pattern
]
SERVERS = {f"serves-with-{engine}": engine for engine in series.ENGINES}
ON_MIG = {"serves-with-triton": ("mig", False)}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blocks")
    fleet_series = []
    for host, (kind, profiling) in {**GPU_HOSTS, **dict.fromkeys(SERVERS, ("consumer", False)), **ON_MIG}.items():
        fleet_series += [
            *series.gpu_host(host, 2, kind, profiling),
            *series.containers(host, 2, disk=kind != "consumer"),
            *series.machine(host, 2),
        ]
    for host, (kind, _profiling) in GPU_HOSTS.items():
        fleet_series += series.gpu_containers(host, GIVEN, kind, usage=kind == "data center")
    of_mig = [(host, "training-0") for host, (kind, _profiling) in GPU_HOSTS.items() if kind == "mig"]
    others = [(host, name) for host in GPU_HOSTS for name in ("training-0", "training-1") if (host, name) not in of_mig]
    fleet_series += [*series.gpu_hours(others), *series.gpu_hours(of_mig, mig=True)]
    fleet_series += [alert for host in (*GPU_HOSTS, WITHOUT_GPU) for alert in series.alerts(host)]
    fleet_series += series.machine("monitor", 2)
    fleet_series += [*series.containers(WITHOUT_GPU, 2), *series.machine(WITHOUT_GPU, 2)]
    fleet_series += [*series.gpu_host(SILENT, 2, "consumer"), series.up("model-server", SILENT, server="silent")]
    fleet_series += [
        *series.machine(SILENT, 2),
        *series.gpu_containers(SILENT, ()),
        series.fresh("collector-stopped", works=False),
    ]
    for host, engine in SERVERS.items():
        fleet_series += series.model_server(host, engine)
    with (folder / "series.om").open("w") as file:
        series.write(fleet_series, START, END + series.SCRAPE_INTERVAL, file)
    server.promtool(folder, "tsdb", "create-blocks-from", "openmetrics", "series.om", ".")
    with server.served(folder) as started:
        yield started


def cases():
    """Every panel with every kind of host that its dashboard shows."""
    for path in queries.FILES:
        hosts = {"model-serving": SERVERS, "machines": {**GPU_HOSTS, "monitor": ()}}.get(path.stem, GPU_HOSTS)
        of_panels = itertools.groupby(queries.of(path), key=lambda query: (query.panel, query.title))
        for (_number, title), asked in of_panels:
            asked = list(asked)
            for host in hosts:
                yield pytest.param(host, asked, id=f"{path.stem}-{title}-{host}")


def not_measured(host):
    """The regular expressions of what verify does not ask of a fleet of this host alone."""
    jobs = {"cadvisor": [(host, "")], "nvidia-gpu": [] if host == WITHOUT_GPU else [(host, "")], "node": [(host, "")]}
    kind, _profiling = GPU_HOSTS.get(host, ("consumer", False))
    gpus = [] if host == WITHOUT_GPU else [{"uuid": "GPU-0", **GPUS.get(kind, {})}]
    info = {host: {"present": bool(gpus), "hardware": bool(gpus), "gpus": gpus}}
    collector = {"name": "container-gpu-collector", "service": "container-gpu-collector", "age": 3600}
    engines = {} if host == WITHOUT_GPU else {host: {"engine": {"reachable": True, "containers": [collector]}}}
    wanted = Wanted([host], jobs, info, engines, 5, 60, 5, None, None)
    targets = [
        {"job": job, "host": host, "server": "", "health": "up", "error": "", "interval": 5, "of_role": True}
        for job in jobs
    ]
    instances = ["1"] if kind == "mig" else []
    measured = {
        "targets": targets,
        "gpus": {host: {gpu["uuid"]: instances for gpu in gpus}},
        "containers": {host: ["job"]},
    }
    return drawable(wanted, measured).absent


def series_of(prometheus, query, chosen):
    """The labels and the values of each series that a query draws."""
    expr = queries.sent(query.expr, chosen, SECONDS)
    if query.instant:
        return [(sample["metric"], [sample["value"]]) for sample in prometheus.query(expr, END)]
    answer = prometheus.query_range(expr, END - SECONDS, END, queries.step(SECONDS))
    return [(samples["metric"], samples["values"]) for samples in answer]


def values_of(prometheus, query, chosen):
    """The values that a query draws."""
    return [value for _labels, values in series_of(prometheus, query, chosen) for value in values]


def chosen_on(host):
    containers = {"container": ["training-0", "training-1"], "by": "container_label_team"}
    return {"host": host, "gpu": ["0", "1"], **containers, "server": SERVERS.get(host, ""), "quantile": "0.95"}


@pytest.mark.parametrize(("host", "asked"), list(cases()))
def test_no_panel_is_empty_without_a_reason(prometheus, host, asked):
    drawn = any(
        not math.isnan(float(value))
        for query in asked
        for _time, value in values_of(prometheus, query, chosen_on(host))
    )
    absent = [*not_measured(host), *OPTIONAL]
    required = [query for query in asked if not is_optional(query.dashboard, as_asked(query), absent)]
    # What verify asks is drawn. What verify does not ask is drawn, or the panel says why not.
    assert drawn or not required
    assert drawn or asked[0].no_value.startswith("No data. ")


def every_value(prometheus, path):
    """The values that Grafana offers for the variables of a dashboard."""
    values = {"by": "container_label_team"}
    for variable in queries.item(path)["variables"]:
        if variable["name"] not in values:
            of_series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]).groups()
            offered = queries.sent(f"count by ({label}) (last_over_time({of_series}[$__range]))", values, SECONDS)
            values[variable["name"]] = [sample["metric"].get(label, "") for sample in prometheus.query(offered, END)]
    return values


def samples_of(prometheus, query, chosen):
    """The values that a query draws, by the labels of their series and by time."""
    return {
        (*sorted(labels.items()), ("time", time)): float(value)
        for labels, values in series_of(prometheus, query, chosen)
        for time, value in values
    }


WITH_ALL_VALUE = [path for path in queries.FILES if queries.all_selected(path, {})]


@pytest.mark.parametrize("path", WITH_ALL_VALUE, ids=lambda path: path.stem)
def test_the_value_for_all_selects_what_every_value_selects(prometheus, path):
    every = every_value(prometheus, path)
    answers = 0
    for query in queries.of(path):
        expected = samples_of(prometheus, query, every)
        # Prometheus adds in the order in which it finds the series.
        at_once = samples_of(prometheus, query, queries.all_selected(path, every))
        assert at_once == pytest.approx(expected, nan_ok=True), query
        answers += bool(expected)
    assert answers > 20


def as_asked(query):
    return panels.Query(query.panel, query.title, "", query.expr, query.expr, "")


def test_the_dashboards_of_a_fleet_without_a_gpu_are_whole(prometheus):
    absent = not_measured(WITHOUT_GPU)
    for path in queries.FILES:
        if path.stem == "model-serving":
            continue
        of_panels = itertools.groupby(queries.of(path), key=lambda query: (query.panel, query.title))
        for (_number, title), asked in of_panels:
            required = [query for query in asked if not is_optional(path.stem, as_asked(query), absent)]
            drawn = [value for query in required for value in values_of(prometheus, query, chosen_on(WITHOUT_GPU))]
            assert drawn or not required, f"{path.stem}: {title}"


def test_a_host_without_a_gpu_can_be_chosen_on_gpu_host(prometheus):
    [host] = [
        variable
        for variable in queries.model(queries.FILES[0].with_name("gpu-host.yml"))["templating"]["list"]
        if variable["name"] == "host"
    ]
    selector = re.fullmatch(r"label_values\((.*), host\)", host["query"]["query"])[1]
    chosen_hosts = {sample["metric"]["host"] for sample in prometheus.query(f"group by (host) ({selector})", END)}
    assert {WITHOUT_GPU, *GPU_HOSTS} <= chosen_hosts
    assert "monitor" not in chosen_hosts


@pytest.mark.parametrize("dashboard", ["gpu-fleet", "gpu-host"])
@pytest.mark.parametrize("host", GPU_HOSTS)
def test_every_gpu_is_in_the_tables_and_none_is_in_trouble(prometheus, dashboard, host):
    path = queries.FILES[0].with_name(f"{dashboard}.yml")
    [trouble] = [query for query in queries.of(path) if query.legend == "Trouble"]
    rows = prometheus.query(queries.sent(trouble.expr, chosen_on(host), SECONDS), END)
    assert {(row["metric"]["gpu"], float(row["value"][1])) for row in rows} == {("0", 0), ("1", 0)}


def test_of_a_server_that_says_nothing_yet_no_panel_is_empty_that_verify_looks_at(prometheus):
    optional = role_readme.defaults_of(role_readme.ROLES / "verify")["verify_optional_panels"]
    asked = [query for path in queries.FILES if path.stem == "model-serving" for query in queries.of(path)]
    drawn = {
        query.title: False
        for query in asked
        if not any(re.search(pattern, f"model-serving/{query.title}") for pattern in optional)
    }
    for query in asked:
        if query.title in drawn and prometheus.query(
            queries.sent(query.expr, {"host": SILENT, "server": "silent", "quantile": "0.95"}, SECONDS), END
        ):
            drawn[query.title] = True
    assert drawn == dict.fromkeys(["Servers", "KV cache and GPU memory", "GPU utilization", "GPU power"], True)


@pytest.mark.parametrize(("engine", "unknown"), [("vllm", ["inferences"]), ("sglang", ["in the model", "inferences"])])
def test_of_a_server_for_language_models_all_is_drawn_but(prometheus, engine, unknown):
    chosen = {"host": f"serves-with-{engine}", "server": engine, "quantile": "0.95"}
    asked = [query for path in queries.FILES if path.stem == "model-serving" for query in queries.of(path)]
    silent = [query.legend for query in asked if not prometheus.query(queries.sent(query.expr, chosen, SECONDS), END)]
    assert [legend.removeprefix("{{host}} {{server}} ") for legend in silent] == unknown


@pytest.mark.parametrize(
    ("host", "shown"),
    [("with-mig", ["memory bandwidth"]), ("with-mig-not-profiled", ["memory in use", "power of the limit"])],
)
def test_what_is_drawn_in_place_of_utilization_has_its_name(prometheus, host, shown):
    drawn = set()
    for path in queries.FILES:
        for query in queries.of(path):
            if query.dashboard == "gpu-host" and "{{shown}}" in query.legend:
                drawn |= {
                    sample["metric"].get("shown")
                    for sample in prometheus.query(
                        queries.sent(query.expr, {"host": host, "gpu": ["0", "1"]}, SECONDS), END
                    )
                }
    assert sorted(drawn - {None}) == shown


@pytest.mark.parametrize("host", ["with-data-center-gpus", "with-data-center-gpus-not-profiled"])
def test_pcie_is_drawn_with_and_without_profiling(prometheus, host):
    asked = [
        query
        for path in queries.FILES
        for query in queries.of(path)
        if "PCIe" in query.legend and "replays" not in query.legend
    ]
    assert [query.legend for query in asked] == ["GPU {{gpu}} PCIe received", "GPU {{gpu}} PCIe sent"]
    for query in asked:
        assert {
            sample["metric"]["gpu"]
            for sample in prometheus.query(queries.sent(query.expr, {"host": host, "gpu": ["0", "1"]}, SECONDS), END)
        } == {"0", "1"}


def of_container_dashboard(prometheus, title, legend, host, dashboard="gpu-by-container"):
    """The rows of a table of containers and their GPUs: their labels, and the value."""
    path = queries.FILES[0].with_name(f"{dashboard}.yml")
    [query] = [query for query in queries.of(path) if (query.title, query.legend) == (title, legend)]
    rows = prometheus.query(queries.sent(query.expr, chosen_on(host), SECONDS), END)
    return {tuple(sorted(row["metric"].items())): float(row["value"][1]) for row in rows}


def test_each_gpu_is_listed_with_its_containers(prometheus):
    rows = of_container_dashboard(prometheus, "GPUs", "Containers", "with-data-center-gpus")
    host = ("host", "with-data-center-gpus")
    assert rows == {
        (("gpu", "0"), host, ("name", "training-0")): 2,
        (("gpu", "0"), host, ("name", "training-1")): 2,
        (("gpu", "1"), host, ("name", "training-1")): 1,
    }


@pytest.mark.parametrize("legend", ["Container memory", "Container utilization", "Processes"])
def test_what_the_monitoring_uses_is_left_out(prometheus, legend):
    rows = of_container_dashboard(prometheus, "GPUs", legend, "with-data-center-gpus")
    assert {dict(labels).get("name") for labels in rows} == {"training-0", "training-1", None}
    of_host = of_container_dashboard(
        prometheus, "Containers with GPUs", "Container memory", "with-data-center-gpus", "gpu-host"
    )
    assert {dict(labels)["name"] for labels in of_host} == {"training-0", "training-1"}


def test_a_gpu_that_no_container_has_is_listed_without_a_name(prometheus):
    rows = of_container_dashboard(prometheus, "GPUs", "Containers", SILENT)
    assert rows == {(("gpu", gpu), ("host", SILENT)): 0 for gpu in ("0", "1")}


def test_gpus_of_a_host_without_a_collector_are_not_free(prometheus):
    """Nobody knows which containers have them."""
    without, utilization = next(iter(SERVERS)), "GPU utilization"
    assert len(of_container_dashboard(prometheus, "GPUs", utilization, without)) == 2
    assert of_container_dashboard(prometheus, "GPUs", "Containers", without) == {}
    for host, free in ((without, 0), (SILENT, 2), ("with-data-center-gpus", 0)):
        assert of_container_dashboard(prometheus, "Free", "__auto", host) == {(): free}


def test_instances_of_mig_are_listed_with_their_containers(prometheus):
    rows = of_container_dashboard(prometheus, "Containers", "GPUs", "with-mig")
    assert {dict(labels)["name"]: value for labels, value in rows.items()} == {"training-0": 2, "training-1": 4}
    shared = of_container_dashboard(prometheus, "Shared GPUs", "Containers", "with-mig")
    assert {(dict(labels)["gpu"], dict(labels)["GPU_I_ID"]) for labels in shared} == {("0", "1"), ("0", "2")}


def test_gpu_hours_are_those_of_the_range_by_the_chosen_label(prometheus):
    rows = of_container_dashboard(prometheus, "GPU hours by label", "GPU hours", "with-mig")
    # The tests have a value every 5 s and not every 10 minutes.
    assert rows == {(("container_label_team", "team-0"),): SECONDS / series.SCRAPE_INTERVAL / 6}
    instances = of_container_dashboard(prometheus, "GPU hours by container", "MIG instance hours", "with-mig")
    assert [dict(labels)["name"] for labels in instances] == ["training-0"]


@pytest.mark.parametrize(("host", "part"), [("with-mig", 0), ("collector-stopped", 100 * (1 - 600 / SECONDS))])
def test_hours_are_missing_while_the_collector_does_not_work(prometheus, host, part):
    """Up to ten minutes of a range may have no value yet."""
    rows = of_container_dashboard(prometheus, "Part of the range without hours", "__auto", host)
    assert rows == {(): pytest.approx(part)}


def test_no_series_of_a_gpu_is_doubled_by_what_containers_have_it(prometheus):
    [total] = prometheus.query('count(DCGM_FI_DEV_FB_USED{host="with-data-center-gpus"})', END)
    assert total["value"][1] == "2"


def labelled(name, **labels):
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"


def gpu(name, number, **labels):
    return labelled(name, host="h", gpu=number, modelName="H100", **labels)


HEALTHY = gpu("DCGM_FI_DEV_GPU_TEMP", 0), "50x60"


@pytest.mark.parametrize(
    ("further_series", "trouble"),
    [
        ([], 0),
        ([(gpu("DCGM_FI_DEV_ROW_REMAP_PENDING", 0), "1x60")], 1),
        ([(gpu("DCGM_FI_DEV_ROW_REMAP_PENDING", 0), "1x60"), (gpu("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", 0), "3x60")], 2),
        ([(gpu("DCGM_EXP_XID_ERRORS_COUNT", 0, xid=79), "1x60")], 1),
        ([(gpu("DCGM_EXP_XID_ERRORS_COUNT", 0, xid=13), "5x60")], 0),
        ([(gpu("DCGM_EXP_CLOCK_EVENTS_COUNT", 0, clock_event="hw_thermal"), "9x60")], 1),
        ([(gpu("DCGM_EXP_CLOCK_EVENTS_COUNT", 0, clock_event="power_cap"), "9x60")], 0),
        ([(gpu("DCGM_FI_DEV_ROW_REMAP_PENDING", 0, GPU_I_ID=instance), "1x60") for instance in (1, 2, 3)], 1),
        (
            [
                (gpu("DCGM_EXP_XID_ERRORS_COUNT", 0, xid=xid, GPU_I_ID=instance), "1x60")
                for xid in (79, 94)
                for instance in (1, 2)
            ],
            2,
        ),
    ],
)
def test_trouble_of_a_gpu(tmp_path, further_series, trouble):
    judge(tmp_path, [HEALTHY, *further_series], {"0": trouble})


def test_a_lost_gpu_is_in_greater_trouble(tmp_path):
    lost = gpu("DCGM_FI_DEV_GPU_TEMP", 1), "50x30 stale"
    judge(tmp_path, [HEALTHY, lost, (gpu("DCGM_EXP_XID_ERRORS_COUNT", 1, xid=79), "1x30 stale")], {"0": 0, "1": 10})


def judge(folder, input_series, trouble):
    """Have promtool compare the column Trouble of both dashboards that have it, five minutes after the series began."""
    tests = []
    for name, host in (("gpu-fleet", {"host": "h"}), ("gpu-host", {})):
        (query,) = [
            candidate
            for path in queries.FILES
            if path.stem == name
            for candidate in queries.of(path)
            if candidate.legend == "Trouble"
        ]
        samples = [
            {"labels": labelled("", gpu=number, modelName="H100", **host), "value": value}
            for number, value in trouble.items()
        ]
        expr = queries.sent(query.expr, {"host": "h", "gpu": ["0", "1"]}, 300)
        tests.append({"expr": expr, "eval_time": "5m", "exp_samples": samples})
    inputs = [{"series": name, "values": values} for name, values in input_series]
    test = {"tests": [{"interval": "5s", "input_series": inputs, "promql_expr_test": tests}]}
    (folder / "test.yml").write_text(yaml.safe_dump(test))
    server.promtool(folder, "test", "rules", "test.yml")
