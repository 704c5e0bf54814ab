# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""A JSON model as people have it: a dict or text, an export with inputs, an answer of the API or of the
Kubernetes-style API. Pure.
"""

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import inputs as export_inputs
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import library_panels
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.compare import OF_THE_SERVER
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError

# A dashboard has at least one of these keys.
_OF_A_DASHBOARD = ("annotations", "panels", "rows", "schemaVersion", "templating", "title")
# What holds a dashboard: an answer of Grafana's API, and one of grafana.com's API.
_HOLDERS = ("dashboard", "json")


def parse(value: Any) -> Json:
    """The dashboard itself, out of whatever holds it."""
    if isinstance(value, str):
        try:
            # Some editors begin a file with a byte order mark, which is not part of the JSON.
            value = json.loads(value.lstrip("\ufeff"))
        except (ValueError, RecursionError) as error:
            raise GrafanaError(
                f"model: not JSON ({error}). Give a dict, or load the file with lookup('ansible.builtin.file', ...)."
            ) from error
    if not isinstance(value, dict):
        raise GrafanaError(f"model: a JSON object is needed, not {type(value).__name__}.")
    holder = next((key for key in _HOLDERS if isinstance(value.get(key), dict)), None)
    if holder:
        value = value[holder]
    name = ""
    if isinstance(value.get("spec"), dict) and "apiVersion" in value:
        metadata = value.get("metadata")
        name, value = str((metadata if isinstance(metadata, dict) else {}).get("name") or ""), value["spec"]
    if "elements" in value and "layout" in value:
        raise GrafanaError(
            f"model: '{value.get('title') or name}' is in Grafana's v2 schema (elements and layout)."
            " Export the dashboard as classic JSON (V1)."
        )
    _refuse_other_json(value)
    return {**({"uid": name} if name else {}), **value}


def _refuse_other_json(value: Json) -> None:
    """Raise GrafanaError for JSON that Grafana would store as an empty dashboard, in the place of the one it has."""
    if not any(key in value for key in _OF_A_DASHBOARD):
        keys = ", ".join(sorted(map(str, value))[:10]) or "no keys"
        raise GrafanaError(
            f"model: not a dashboard, which has at least one of {', '.join(_OF_A_DASHBOARD)}. It has {keys}."
            " Give the JSON model of one dashboard."
        )
    for key in ("panels", "rows"):
        part = value.get(key)
        if part is not None and not isinstance(part, list):
            raise GrafanaError(f"model: its {key} are a {type(part).__name__}. Give a list.")
    if isinstance(value.get("title"), (dict, list)):
        raise GrafanaError(f"model: its title is a {type(value['title']).__name__}. Give text.")


def parse_with_library_panels(value: Any) -> Json:
    """The dashboard with the models of an export's library panels in the place of every reference to one."""
    return _with_library_panels(parse(value))


def read(
    value: Any, datasource_uid: str, inputs: Json, types: Mapping[str, str], shared: frozenset[str] = frozenset()
) -> Json:
    """The dashboard without what belongs to a server or an export, with inputs filled in and library panels inlined.

    `types` are the types of the datasources by uid and by name. Library panels whose uids are in `shared` stay
    references.
    """
    parsed = parse(value)
    dashboard = {key: part for key, part in parsed.items() if key not in OF_THE_SERVER}
    inlined = library_panels.inline(dashboard, parsed.get("__elements"), shared)
    return export_inputs.fill(inlined, _with_library_panels(parsed), inputs, datasource_uid, types)


def _with_library_panels(export: Json) -> Json:
    return library_panels.inline(export, export.get("__elements"), frozenset())
