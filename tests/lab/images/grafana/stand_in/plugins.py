"""The plugins that come with Grafana 12.4."""

from __future__ import annotations

from typing import Any

PANELS = (
    *(
        "alertlist",
        "annolist",
        "barchart",
        "bargauge",
        "candlestick",
        "canvas",
        "dashlist",
        "flamegraph",
        "gauge",
        "geomap",
    ),
    *("gettingstarted", "heatmap", "histogram", "logs", "news", "nodeGraph", "piechart", "stat", "state-timeline"),
    *("status-history", "table", "text", "timeseries", "traces", "trend", "welcome", "xychart"),
)
DATASOURCES = (
    *(
        "alertmanager",
        "cloudwatch",
        "elasticsearch",
        "grafana-azure-monitor-datasource",
        "grafana-postgresql-datasource",
    ),
    *("grafana-pyroscope-datasource", "grafana-testdata-datasource", "graphite", "influxdb", "jaeger", "loki", "mssql"),
    *("mysql", "opentsdb", "parca", "prometheus", "stackdriver", "tempo", "zipkin"),
)
_ALIASES = {
    "phlare": "grafana-pyroscope-datasource",
    "postgres": "grafana-postgresql-datasource",
    "testdata": "grafana-testdata-datasource",
}


def panels() -> dict[str, Any]:
    """The panels as the web pages get them."""
    return {panel: {"id": panel, "aliasIDs": None} for panel in PANELS}


def listed(kind: str) -> list[dict[str, Any]]:
    """Plugins of a kind, or all of them."""
    every = [("datasource", plugin) for plugin in DATASOURCES] + [("panel", plugin) for plugin in PANELS]
    return [{"id": plugin, "type": of_kind, "enabled": True} for of_kind, plugin in every if kind in ("", of_kind)]


def datasource_type(given: str) -> str:
    """The id that the server answers with."""
    return _ALIASES.get(given, given)
