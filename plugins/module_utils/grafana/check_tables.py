# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Checks of the columns of tables, which no other panel has. Pure."""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import panels, table_columns
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.declared import Panel
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError


def check(where: str, panel: Panel) -> None:
    """Raise GrafanaError for the first option of columns that cannot be right."""
    if panel["type"] != "table":
        _refuse_columns(where, panel)
        return
    if not all(query["legend"] for query in panel["queries"] or []):
        raise GrafanaError(
            f"{where}: a query has no legend, which names its column. Give each query of a table its own."
        )
    _check_settings(where, panel)


def _refuse_columns(where: str, panel: Panel) -> None:
    for option in ("columns", "column_settings", "sort"):
        if panel.get(option):
            raise GrafanaError(f"{where}.{option}: only a table has columns. Set type: table, or remove the option.")
    if any(link["column"] for link in panel["links"] or []):
        raise GrafanaError(f"{where}.links: only a table has columns. Set type: table, or remove column.")


def _check_settings(where: str, panel: Panel) -> None:
    labels = panel["columns"] or []
    values = [table_columns.name_of(query) for query in panels.queries_of(panel)]
    seen: set[str] = set()
    for index, setting in enumerate(panel["column_settings"] or []):
        name, at = setting["column"], f"{where}.column_settings[{index}]"
        if name not in {*labels, *values}:
            listed = ", ".join([*labels, *values])
            raise GrafanaError(f"{at}.column: the table has no column '{name}'. It has: {listed}.")
        if name in seen:
            raise GrafanaError(f"{at}.column: '{name}' is given twice. Put its settings together.")
        if setting["name"] and name not in labels:
            raise GrafanaError(f"{at}.name: '{name}' has the values of a query. Set the legend of the query instead.")
        width = setting["width"]
        if width is not None and width < 1:
            raise GrafanaError(f"{at}.width: {width} is not a width. Give 1 pixel or more.")
        seen.add(name)
