"""What people see of the role's dashboards in windows of 1366, 1600 and 2560 pixels: nothing is cut off, nothing is empty."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.dashboards import layout, queries

EVERY = pytest.mark.parametrize("path", queries.FILES, ids=lambda path: path.stem)
AT_EVERY_WIDTH = pytest.mark.parametrize("window", layout.WINDOWS)
ALERTS = Path(__file__).resolve().parents[3] / "roles" / "prometheus" / "files" / "alerts"

# The widest text that a column usually has, by unit and decimals (valueFormats.ts of @grafana/data).
WIDEST = {
    ("none", None): "1000",
    ("none", 0): "1000",
    ("none", 1): "9999.9",
    ("percent", 0): "100%",
    ("percent", 1): "99.9%",
    ("celsius", None): "100 °C",
    ("watt", 0): "999 W",
    ("kwatth", 2): "999.99 kWh",
    ("bytes", None): "1023 MiB",
    ("mbytes", None): "1023 MiB",
    ("reqps", None): "0.0235 req/s",
    ("s", None): "12.5 mins",
    ("dtdurations", None): "59 minutes",
    ("bool_yes_no", None): "Yes",
    ("suffix:cores", None): "0.000235 cores",
    ("suffix:tokens/s", None): "12345 tokens/s",
    ("dateTimeFromNow", None): "a few seconds ago",
}
NAMES_OF_ALERTS = re.findall(r"alert: (\w+)", "".join(file.read_text() for file in ALERTS.glob("*.yml")))
# The same of labels.
WIDEST_LABEL = {
    "alertname": max(NAMES_OF_ALERTS, key=len),
    "gpu": "15",
    "GPU_I_ID": "13",
    "host": "gpu-node-01",
    "modelName": "NVIDIA A100-SXM4-80GB",
    "mountpoint": "/var/lib/docker",
    "name": "dcgm-exporter",
    "server": "llama-70b",
    "severity": "page",
    "xid": "119",
}
# What is often all 0, for which Grafana draws an axis to 100.
OFTEN_ZERO = ("none", "reqps", "suffix:/s", "suffix:cores")
# What is often far below 1. Without decimals, Grafana shows three digits that are not 0.
OFTEN_SMALL = ("reqps", "s", "suffix:cores", "suffix:/s", "suffix:tokens/s")
COUNTS = re.compile(r"^(count|changes)\b|\bincrease\(")


def panels_of(path, *kinds):
    """The panels of a dashboard as the files give them, of some types."""
    return [panel for panel in queries.item(path)["panels"] if panel["type"] in kinds]


def settings_of(path, *kinds):
    """The same with what each query says of its values: the panel, and the fields that a query does not replace."""
    for panel in panels_of(path, *kinds):
        for query in panel["queries"] or [{"expr": panel["query"], "legend": panel["legend"]}]:
            of_panel = {"unit": panel["unit"], "decimals": panel["decimals"]}
            yield panel, {**of_panel, **{key: value for key, value in query.items() if value is not None}}


@EVERY
@AT_EVERY_WIDTH
def test_titles_are_whole(path, window):
    cut = [
        panel["title"]
        for panel in panels_of(path, "stat", "table", "timeseries", "state-timeline")
        if not layout.title_fits(panel["title"], window, panel["width"])
    ]
    assert cut == []


def tables():
    for path in queries.FILES:
        for panel in panels_of(path, "table"):
            yield pytest.param(path, panel, id=f"{path.stem}-{panel['title']}")


def defaults_of(panel):
    """What a panel's own part of the JSON says of all fields."""
    return (panel["model"] or {}).get("fieldConfig", {}).get("defaults", {})


def columns_of(path, panel):
    """Each column of a table: its header, the widest text of its cells, its width, and whether the table is sorted by it."""
    settings = {setting["column"]: setting for setting in panel["column_settings"] or []}
    # Grafana names the labels that the panel does not name as the panel says for all fields.
    labels = panel["columns"] or ["container_label_team"]
    default = defaults_of(panel).get("displayName")
    for label in labels:
        setting = settings.get(label, {})
        cell = WIDEST_LABEL.get(label, "computer-vision")
        yield setting.get("name") or default or label, cell, setting.get("width"), panel["sort"] == label
    for of_panel, query in settings_of(path, "table"):
        if of_panel["title"] == panel["title"]:
            cell = WIDEST[query["unit"], query.get("decimals")]
            legend = query["legend"]
            yield legend, cell, settings.get(legend, {}).get("width"), panel["sort"] == legend


@AT_EVERY_WIDTH
@pytest.mark.parametrize(("path", "panel"), list(tables()))
def test_columns_are_wide_enough_and_none_is_beyond_the_edge(path, panel, window):
    columns = list(columns_of(path, panel))
    given = {header: width for header, _cell, width, _sorted in columns}
    least = defaults_of(panel).get("custom", {}).get("minWidth", layout.DEFAULT_LEAST_WIDTH)
    widths = layout.column_widths(given, least, window, panel["width"])
    needed = {header: layout.needed_width(header, cell, is_sorted) for header, cell, _width, is_sorted in columns}
    narrow = {header: (round(widths[header]), round(need)) for header, need in needed.items() if widths[header] < need}
    assert narrow == {}
    assert sum(widths.values()) <= layout.table_width(window, panel["width"])


@pytest.mark.parametrize(("path", "panel"), list(tables()))
def test_headers_are_words_and_begin_with_a_capital_letter(path, panel):
    headers = [header for header, *_rest in columns_of(path, panel)]
    assert len(set(headers)) == len(headers)
    # PCIe and MIG are words of the field; modelName and GPU_I_ID are names of labels.
    assert [header for header in headers if not re.fullmatch(r"[A-Z][A-Za-z]*( [A-Za-z]+)*", header)] == []
    assert not {*headers} & {*WIDEST_LABEL}


@EVERY
def test_variables_have_names_too(path):
    names = [variable["label"] or variable["name"] for variable in queries.item(path)["variables"]]
    assert [name for name in names if not name[0].isupper()] == []


@EVERY
def test_axes_begin_at_zero(path):
    """Not where a value of 0 says nothing: of temperatures, and on a logarithmic axis."""
    begins = {
        panel["title"]: panel["min"]
        for panel in panels_of(path, "timeseries")
        if panel["unit"] != "celsius" and "scaleDistribution" not in defaults_of(panel).get("custom", {})
    }
    assert begins == dict.fromkeys(begins, 0)


@EVERY
def test_a_count_of_zero_draws_no_axis_to_100(path):
    panels = [panel for panel in panels_of(path, "timeseries") if panel["unit"] in OFTEN_ZERO]
    ends = {panel["title"]: panel["max"] or panel["soft_max"] or 100 for panel in panels}
    assert {title: end for title, end in ends.items() if end > 1} == {}


@EVERY
def test_decimals_hide_no_value_and_counts_have_none(path):
    every = list(settings_of(path, "stat", "table", "timeseries"))
    fixed = [(panel["title"], query["legend"]) for panel, query in every if query["unit"] in OFTEN_SMALL and query["decimals"] is not None]
    assert fixed == []
    drawn = {}
    for panel, query in every:
        if panel["type"] == "timeseries":
            drawn.setdefault(panel["title"], []).append((query["unit"], bool(COUNTS.search(query["expr"])), query["decimals"]))
    counts = {title: shown for title, shown in drawn.items() if all(unit == "none" and counts for unit, counts, _decimals in shown)}
    assert {title: shown for title, shown in counts.items() if any(decimals != 0 for _unit, _counts, decimals in shown)} == {}


@EVERY
def test_no_part_of_a_row_is_empty(path):
    assert layout.grid_holes(queries.model(path)["panels"]) == set()
