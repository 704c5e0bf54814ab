"""The role's dashboards in windows of 1366, 1600 and 2560 pixels: nothing is cut off, and nothing is empty."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.dashboards import layout, queries, text_width

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
# A usual text of each label, and one of a label that people choose.
WIDEST_LABEL = {
    "container_label_team": "computer-vision",
    "alertname": max(NAMES_OF_ALERTS, key=lambda name: text_width.pixels(name, 400)),
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
# Units of values that are often all 0, for which Grafana draws an axis to 100.
OFTEN_ZERO = ("none", "reqps", "suffix:/s", "suffix:cores")
# Units of values that are often far below 1. Without decimals, Grafana shows three digits that are not 0.
OFTEN_SMALL = ("reqps", "s", "suffix:cores", "suffix:/s", "suffix:tokens/s")
COUNTS = re.compile(r"^(count|changes)\b|\bincrease\(")


def panels_of(path, *kinds):
    """The panels of a dashboard as the files give them, of some types."""
    return [panel for panel in queries.item(path)["panels"] if panel["type"] in kinds]


def queries_of(panel):
    """Each query of a panel with its unit and decimals, which are those of the panel unless the query has its own."""
    for query in panel["queries"] or [{"expr": panel["query"], "legend": panel["legend"]}]:
        own = {key: value for key, value in query.items() if value is not None}
        yield {"unit": panel["unit"], "decimals": panel["decimals"], **own}


@EVERY
@AT_EVERY_WIDTH
def test_titles_are_whole(path, window):
    cut = [
        f"{panel['title']!r} is cut off in a window of {window} pixels. Give the panel a shorter title or more width."
        for panel in panels_of(path, "stat", "table", "timeseries", "state-timeline")
        if not layout.title_fits(panel["title"], window, panel["width"])
    ]
    assert cut == []


def tables():
    for path in queries.FILES:
        for panel in panels_of(path, "table"):
            yield pytest.param(panel, id=f"{path.stem}-{panel['title']}")


def defaults_of(panel):
    """The settings for all fields in a panel's own part of the JSON."""
    return (panel["model"] or {}).get("fieldConfig", {}).get("defaults", {})


def columns_of(panel):
    """Each column of a table: its header, the widest text of its cells, its width, and whether it sorts the table."""
    settings = {setting["column"]: setting for setting in panel["column_settings"] or []}
    # A table without `columns` has the label that people choose.
    for label in panel["columns"] or ["container_label_team"]:
        setting = settings.get(label, {})
        header = setting.get("name") or defaults_of(panel).get("displayName") or label
        yield header, WIDEST_LABEL[label], setting.get("width"), panel["sort"] == label
    for query in queries_of(panel):
        legend, cell = query["legend"], WIDEST[query["unit"], query["decimals"]]
        yield legend, cell, settings.get(legend, {}).get("width"), panel["sort"] == legend


@AT_EVERY_WIDTH
@pytest.mark.parametrize("panel", list(tables()))
def test_columns_are_wide_enough_and_none_is_beyond_the_edge(panel, window):
    columns = list(columns_of(panel))
    given = {header: width for header, _cell, width, _sorted in columns}
    least = defaults_of(panel).get("custom", {}).get("minWidth", layout.DEFAULT_LEAST_WIDTH)
    widths = layout.column_widths(given, least, window, panel["width"])
    needed = {header: layout.needed_width(header, cell, is_sorted) for header, cell, _width, is_sorted in columns}
    narrow = [
        f"column {header!r} is {widths[header]:.0f} pixels wide. Give the column `width: {need:.0f}` or more."
        for header, need in needed.items()
        if widths[header] < need
    ]
    assert narrow == []
    total, room = sum(widths.values()), layout.table_width(window, panel["width"])
    assert total <= room, f"columns need {total:.0f} of {room:.0f} pixels. Widen the panel or make columns narrower."


@pytest.mark.parametrize("panel", list(tables()))
def test_headers_are_words_and_begin_with_a_capital_letter(panel):
    headers = [header for header, *_rest in columns_of(panel)]
    twice = [header for header in headers if headers.count(header) > 1]
    assert twice == [], "two columns have one header. Set `name` in `column_settings`, or another `legend`."
    unclear = [header for header in headers if not re.fullmatch(r"[A-Z][A-Za-z]*( [A-Za-z]+)*", header)]
    unclear += {*headers} & {*WIDEST_LABEL}
    assert unclear == [], "these headers are no words with a capital letter. Set `name` in `column_settings`."


@EVERY
def test_variables_have_names_too(path):
    names = [variable["label"] or variable["name"] for variable in queries.item(path)["variables"]]
    assert [name for name in names if not name[0].isupper()] == [], "set `label` of the variable, with a capital letter"


@EVERY
def test_axes_begin_at_zero(path):
    """Not if a value of 0 says nothing: of temperatures, and on a logarithmic axis."""
    begins = {
        panel["title"]: panel["min"]
        for panel in panels_of(path, "timeseries")
        if panel["unit"] != "celsius" and "scaleDistribution" not in defaults_of(panel).get("custom", {})
    }
    assert [title for title, begin in begins.items() if begin != 0] == [], "set `min: 0` in these panels"


@EVERY
def test_a_count_of_zero_draws_no_axis_to_100(path):
    panels = [panel for panel in panels_of(path, "timeseries") if panel["unit"] in OFTEN_ZERO]
    ends = {panel["title"]: panel["max"] or panel["soft_max"] or 100 for panel in panels}
    assert [title for title, end in ends.items() if end > 1] == [], "set `soft_max: 1` in these panels"


@EVERY
def test_decimals_hide_no_value(path):
    shown = [query for panel in panels_of(path, "stat", "table", "timeseries") for query in queries_of(panel)]
    fixed = [query for query in shown if query["unit"] in OFTEN_SMALL and query["decimals"] is not None]
    assert fixed == [], f"remove `decimals`: values of the units {', '.join(OFTEN_SMALL)} are often far below 1"


@EVERY
def test_an_axis_of_counts_has_no_fractions(path):
    for panel in panels_of(path, "timeseries"):
        shown = list(queries_of(panel))
        if all(query["unit"] == "none" and COUNTS.search(query["expr"]) for query in shown):
            whole = all(query["decimals"] == 0 for query in shown)
            assert whole, f"set `decimals: 0` in the panel {panel['title']!r}, which counts"


@EVERY
def test_no_part_of_a_row_is_empty(path):
    assert layout.grid_holes(queries.model(path)["panels"]) == []


def test_a_row_that_is_not_filled_is_named_with_the_fix():
    def panel(x, y, width, height):
        return {"gridPos": {"x": x, "y": y, "w": width, "h": height}}

    half_a_row = [panel(0, 0, 24, 8), panel(0, 8, 12, 8), panel(0, 16, 12, 8), panel(12, 16, 12, 8)]
    assert layout.grid_holes(half_a_row) == [
        "the row at y=8 is empty from column 12: rows are 24 wide. Give a panel of the row `width: 24`."
    ]
    shorter = [panel(0, 0, 6, 8), panel(6, 0, 12, 4), panel(18, 0, 6, 8)]
    assert layout.grid_holes(shorter) == [
        "the row at y=4 is empty from column 6: rows are 24 wide. Give all panels of the row the same `height`."
    ]
