# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Whether the server has the plugins of the panels and datasources that are about to be written. Pure.

Grafana takes any type. An id close to one that the server has is a typing error. Any other may be a plugin that is
installed later, or that the server does not list. An account that may not add datasources gets only the core plugins
(GetPluginList in grafana/grafana, pkg/api/plugins.go). Nobody gets alpha plugins.
"""

import difflib
from collections.abc import Collection
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import check_panels, datasource_types
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json

# Grafana shows another panel in their place (autoMigrateAngular and autoMigrateRemovedPanelPlugins of grafana/grafana,
# public/app/features/dashboard/state/PanelModel.ts).
_MIGRATED_PANELS = (
    *("graph", "table-old", "singlestat", "grafana-singlestat-panel", "grafana-piechart-panel"),
    *("grafana-worldmap-panel", "natel-discrete-panel", "heatmap-new", "xychart2", "icon", "text2"),
)
# A row is a heading of the dashboard itself.
_ROW = "row"
# Above the similarity of mysql and mssql.
_SIMILARITY = 0.85


def panel_types(settings: Json) -> set[str]:
    """Ids of the panel plugins in the answer to /api/frontend/settings; empty if the server does not say."""
    listed = settings.get("panels")
    if not isinstance(listed, dict):
        return set()
    aliases = [panel.get("aliasIDs") or [] for panel in listed.values() if isinstance(panel, dict)]
    return set(listed).union(*aliases)


def installed_datasource_types(plugins: Any) -> set[str]:
    """Ids in the answer to /api/plugins?type=datasource; empty if the server does not say."""
    listed = plugins if isinstance(plugins, list) else []
    return {plugin["id"] for plugin in listed if isinstance(plugin, dict) and isinstance(plugin.get("id"), str)}


def check_panels_of(every_panel: list[Json], types: set[str]) -> tuple[list[str], list[str]]:
    """What is wrong with the types of panels, and what is doubtful."""
    problems, doubts = [], []
    for panel in every_panel:
        panel_type = panel.get("type")
        if not isinstance(panel_type, str) or not panel_type or panel.get("libraryPanel"):
            continue
        if panel_type in types or panel_type in _MIGRATED_PANELS or panel_type == _ROW:
            continue
        where = f"{check_panels.name(panel)}: this Grafana lists no panel type '{panel_type}'."
        probable = None if panel_type.endswith("-panel") else _similar(panel_type, types)
        if probable:
            problems.append(f"{where} Write {probable}.")
        else:
            doubts.append(f"{where} The panel shows nothing unless its plugin is installed.")
    return problems, doubts


def known_datasource_type(datasource_type: str, types: set[str]) -> Optional[str]:
    """The id by which the server knows a datasource plugin; None if the plugin is not installed."""
    return next((known for known in datasource_types.ids(datasource_type) if known in types), None)


def check_datasource_type(datasource_type: str, types: set[str]) -> tuple[list[str], list[str]]:
    """What is wrong with the type of a datasource whose plugin is not installed, and what is doubtful."""
    where = f"type: this Grafana lists no datasource plugin '{datasource_type}'."
    every_id = {plugin_id for known in types for plugin_id in datasource_types.ids(known)}
    probable = None if datasource_type.endswith("-datasource") else _similar(datasource_type, every_id)
    if probable:
        return [f"{where} Write {probable}."], []
    return [], [f"{where} Queries fail unless the plugin is installed."]


def _similar(plugin_id: str, known: Collection[str]) -> Optional[str]:
    matches = difflib.get_close_matches(plugin_id.lower(), sorted(known), n=1, cutoff=_SIMILARITY)
    return matches[0] if matches else None
