# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Datasource plugins that Grafana takes for each other, or that have two ids. Pure."""

# Grafana's plugins for Prometheus (grafana-data, matchPluginId).
PROMETHEUS = ("prometheus", "grafana-amazonprometheus-datasource", "grafana-azureprometheus-datasource")
# `aliasIDs` of the core plugins (grafana/grafana, public/app/plugins/datasource/*/plugin.json) of Grafana 9 to 13.
# Grafana answers with the long id, whichever was sent; versions before the new name know only the short one.
_NEW_IDS = {
    "phlare": "grafana-pyroscope-datasource",
    "postgres": "grafana-postgresql-datasource",
    "testdata": "grafana-testdata-datasource",
}
_OLD_IDS = {new: old for old, new in _NEW_IDS.items()}


def same_plugin(one_type: str, other_type: str) -> bool:
    """Whether two types of datasources are of one plugin."""
    return other_type in ids(one_type)


def ids(datasource_type: str) -> tuple[str, ...]:
    """The ids of a plugin, of which a server knows at least one: the given one and its other one."""
    other = _NEW_IDS.get(datasource_type) or _OLD_IDS.get(datasource_type)
    return (datasource_type, other) if other else (datasource_type,)
