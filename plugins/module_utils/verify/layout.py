# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The panels of a dashboard, wherever they stand. Pure.

Models up to schema version 15 have `rows` of panels. Grafana migrates them (DashboardMigrator.ts, upgradeToGridLayout),
but for the copies of repeated rows, which were saved as well.
"""

from typing import Callable, NamedTuple

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.contents import objects

_LAST_SCHEMA_WITH_ROWS = 15
# Up to this one the copies of repeated panels were saved as well, and Grafana leaves them out.
_LAST_SCHEMA_WITH_COPIES = 26


class Placed(NamedTuple):
    """A panel, and the variables for whose values it is repeated: by itself or with its row."""

    panel: Json
    repeats: list[str]
    problem: str = ""


class LibraryPanel(NamedTuple):
    """The model of a library panel, or the reason why the model is missing."""

    model: Json
    problem: str = ""


# The library panel of a uid.
ReadLibraryPanel = Callable[[str], LibraryPanel]


def panels(dashboard: Json, library_panel: ReadLibraryPanel) -> list[Placed]:
    """All panels but rows, in their order. A library panel has the model that Grafana keeps of it."""
    given = dashboard.get("schemaVersion")
    schema = given if isinstance(given, int) else 0
    rows: list[Json] = []
    if schema <= _LAST_SCHEMA_WITH_ROWS:
        own = [row for row in objects(dashboard.get("rows")) if not row.get("repeatIteration")]
        rows = [{**row, "type": "row", "collapsed": True} for row in own]
    placed: list[Placed] = []
    row: Json = {}
    for panel in [*rows, *objects(dashboard.get("panels"))]:
        if panel.get("type") != "row":
            placed.append(_placed(panel, row, library_panel))
            continue
        placed += [_placed(inner, panel, library_panel) for inner in objects(panel.get("panels"))]
        row = {} if panel.get("collapsed") else panel
    return [kept for kept in placed if schema > _LAST_SCHEMA_WITH_COPIES or not kept.panel.get("repeatPanelId")]


def _placed(panel: Json, row: Json, library_panel: ReadLibraryPanel) -> Placed:
    reference = panel.get("libraryPanel")
    problem = ""
    if isinstance(reference, dict) and reference.get("uid"):
        model, reason = library_panel(str(reference["uid"]))
        if reason:
            problem = f"its library panel {reference.get('name') or reference['uid']} {reason}"
            panel = {**panel, "title": panel.get("title") or reference.get("name")}
        else:
            panel = {**model, **{key: panel[key] for key in ("id", "gridPos") if key in panel}}
    return Placed(
        panel,
        [holder["repeat"] for holder in (row, panel) if isinstance(holder.get("repeat"), str) and holder["repeat"]],
        problem,
    )
