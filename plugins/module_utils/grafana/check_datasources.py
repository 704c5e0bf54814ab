# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Checks of datasources that need no server. Grafana takes most of what is refused here. Pure."""

import re

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import datasource_secrets, http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import datasource_types, declared
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError

# pkg/services/datasources/service/datasource.go
LONGEST_NAME = 190
LONGEST_URL = 255
# Core plugins that send HTTP requests to `url`. Databases have host:port there, and other plugins what they like.
_HTTP_TYPES = ("grafana-pyroscope-datasource", "loki", "parca", "prometheus")
# Plugins that use Grafana's proxy for datasources in some of the versions 9 to 13. The proxy puts http:// before a URL
# without a scheme (grafana/grafana, ValidateURL in pkg/api/datasource/validation.go).
_PROXIED_TYPES = ("alertmanager", "elasticsearch", "graphite", "influxdb", "jaeger", "opentsdb", "tempo", "zipkin")
# Of these Grafana creates a datasource without a URL, and then refuses each change of it (requiredURL in the same
# file).
_TYPES_WITH_URL = (
    *("alertmanager", "elasticsearch", "grafana-amazonprometheus-datasource", "grafana-azureprometheus-datasource"),
    *(
        "graphite",
        "influxdb",
        "jaeger",
        "loki",
        "mssql",
        "mysql",
        "opentsdb",
        "postgres",
        "prometheus",
        "tempo",
        "zipkin",
    ),
)
_HTTP_URL = re.compile(r"https?://[^\s/?#]\S*", re.IGNORECASE)


def check(items: list[declared.Datasource]) -> None:
    """Raise GrafanaError for the first option that cannot be right."""
    for number, item in enumerate(items):
        if item["state"] == "present":
            _check(f"datasources[{number}]", item)
    defaults = [item["uid"] for item in items if item["is_default"] and item["state"] == "present"]
    if len(defaults) > 1:
        raise GrafanaError(
            f"datasources: {' and '.join(defaults)} have is_default: true. An organization has one default datasource."
        )


def _check(where: str, item: declared.Datasource) -> None:
    name = item["name"] or ""
    if not name.strip():
        raise GrafanaError(f"{where}.name: empty for '{item['uid']}'. Give the datasource a name.")
    if len(name) > LONGEST_NAME:
        raise GrafanaError(f"{where}.name: '{name[:40]}...' has {len(name)} characters. Give at most {LONGEST_NAME}.")
    if not item["type"].strip():
        raise GrafanaError(f"{where}.type: empty for '{item['uid']}'. Give the id of a plugin, such as prometheus.")
    if item["url"] is not None:
        _check_url(f"{where}.url", item["url"])
    for key in datasource_secrets.misplaced(item["json_data"]):
        raise GrafanaError(
            f"{where}.json_data.{key}: the value is a secret, and all who may read the datasource see json_data."
            " Move it to secure_json_data."
        )
    for key, value in item["secure_json_data"].items():
        if value is not None and (not isinstance(value, str) or not value):
            raise GrafanaError(f"{where}.secure_json_data.{key}: must be text that is not empty, or null to remove it.")


def _check_url(where: str, url: str) -> None:
    if not url:
        raise GrafanaError(f"{where}: empty, which Grafana does not take. Give the address, or leave the option out.")
    shown = http_client.shown_url(url)
    if url != url.strip():
        raise GrafanaError(f"{where}: '{shown}' has a blank at an end. Remove the blank.")
    if len(url) > LONGEST_URL:
        raise GrafanaError(f"{where}: '{shown[:40]}...' has {len(url)} characters. Give at most {LONGEST_URL}.")


def check_url(url: str, datasource_type: str) -> tuple[list[str], list[str]]:
    """What is wrong with the URL at which Grafana's server is to reach a datasource, and what is doubtful."""
    every_id = set(datasource_types.ids(datasource_type))
    if not url and every_id.intersection(_TYPES_WITH_URL):
        problem = (
            f"its url is missing, and Grafana refuses to change a datasource of the type {datasource_type} without one."
            " Give the datasource's URL."
        )
        return ([problem], []) if every_id.intersection(_HTTP_TYPES) else ([], [problem])
    if not url or not every_id.intersection(_HTTP_TYPES + _PROXIED_TYPES) or _HTTP_URL.fullmatch(url):
        return [], []
    shown = http_client.shown_url(url)
    if "://" in url:
        return [f"its url '{shown}' is not an HTTP URL. Write it like http://prometheus:9090."], []
    if every_id.intersection(_PROXIED_TYPES):
        doubt = f"its url '{shown}' has no scheme, and only some queries work without one."
        return [], [f"{doubt} Write it like http://{shown}."]
    return [f"its url '{shown}' is not an HTTP URL. Write it like http://{shown}."], []
