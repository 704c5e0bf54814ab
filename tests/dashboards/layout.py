"""Where Grafana draws panels, titles and columns of tables, in pixels of a browser window without Grafana's menu.

The numbers are those of Grafana 12.4.0, checked against screenshots of windows of 1366, 1600 and 2560 pixels:
- A dashboard has 24 columns, 8 pixels apart, and 16 pixels on each side of the page (constants.ts of public/app/core).
- Beside its title, a panel needs 98 pixels: border, padding, gaps, the icon of the description and the menu
  (PanelChrome.tsx of @grafana/ui). A title that is wider ends in three dots.
- Around a table are 18 pixels of border and padding, and 8 of a scrollbar if there are many lines.
- Columns without a width share what is left, each of them with `custom.minWidth`, or 150 pixels, at least
  (computeColWidths in TableNG/utils.ts).
- Around the text of a cell are 13 pixels of padding and border. The arrow of the sorted column takes 18.
"""

from __future__ import annotations

from typing import Any

from tests.dashboards.text_width import pixels

WINDOWS = (1366, 1600, 2560)
COLUMNS = 24
_GAP, _PAGE = 8, 32
# A browser may take this for the scrollbar of the page.
_SCROLLBAR = 15
_BESIDE_TITLE = 98
DEFAULT_LEAST_WIDTH = 150
_AROUND_TABLE = 26
_AROUND_CELL = 13
_ARROW = 18


def panel_width(window: int, columns: int) -> float:
    """The width of a panel that is so many columns of the grid wide."""
    column = (window - _PAGE - _SCROLLBAR - (COLUMNS - 1) * _GAP) / COLUMNS
    return columns * column + (columns - 1) * _GAP


def title_fits(title: str, window: int, columns: int) -> bool:
    """Whether the whole title of a panel is there."""
    return pixels(title, 500) <= panel_width(window, columns) - _BESIDE_TITLE


def column_widths(given: dict[str, int | None], least: int, window: int, columns: int) -> dict[str, float]:
    """The width of each column of a table, whose panel is so many columns of the grid wide."""
    left = table_width(window, columns) - sum(width or 0 for width in given.values())
    share = max(least, left / max(1, list(given.values()).count(None)))
    return {name: width or share for name, width in given.items()}


def table_width(window: int, columns: int) -> float:
    """What the columns of a table may take together. Of more, Grafana hides what is on the right."""
    return panel_width(window, columns) - _AROUND_TABLE


def needed_width(header: str, cell: str, is_sorted: bool) -> float:
    """The width that a column needs for its header and for its widest value."""
    return max(pixels(header, 500) + _ARROW * is_sorted, pixels(cell, 400)) + _AROUND_CELL


def grid_holes(panels: list[dict[str, Any]]) -> list[str]:
    """The rows of the grid with cells that no panel covers, each with the fix."""
    places = [panel["gridPos"] for panel in panels]
    starts, ends = {place["y"] for place in places}, {place["y"] + place["h"] for place in places}
    holes = []
    for y in sorted({0, *starts, *ends} - {max(ends)}):
        beside = [place for place in places if place["y"] <= y < place["y"] + place["h"]]
        covered = {x for place in beside for x in range(place["x"], place["x"] + place["w"])}
        empty = [x for x in range(COLUMNS) if x not in covered]
        if empty:
            fix = _wider(beside, empty) if y in starts else "Give all panels of the row the same `height`."
            holes.append(f"the row at y={y} is empty from column {empty[0]}: rows are {COLUMNS} wide. {fix}")
    return holes


def _wider(beside: list[dict[str, int]], empty: list[int]) -> str:
    """How to fill the empty columns of a row of panels."""
    widths = [place["w"] for place in beside if place["x"] + place["w"] == empty[0]]
    if not widths:
        return f"Give the panels of the row widths that add up to {COLUMNS}."
    return f"Give a panel of the row `width: {widths[0] + len(empty)}`."
