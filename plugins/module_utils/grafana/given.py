# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""A JSON model as people have it: a dict or text, an export with inputs, an answer of the API or of the Kubernetes-style API. Pure."""

import json
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.compare import OF_THE_SERVER
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError


def parse(value: Any) -> Json:
    """The dashboard itself, out of whatever holds it."""
    if isinstance(value, str):
        try:
            # Some editors begin a file with a byte order mark, which is no part of the JSON.
            value = json.loads(value.lstrip("\ufeff"))
        except ValueError as error:
            raise GrafanaError(f"model: not JSON ({error}). Give a dict, or load the file with lookup('ansible.builtin.file', ...).") from error
    if not isinstance(value, dict):
        raise GrafanaError(f"model: a JSON object is needed, not {type(value).__name__}.")
    if isinstance(value.get("dashboard"), dict):
        value = value["dashboard"]
    name = ""
    if isinstance(value.get("spec"), dict) and "apiVersion" in value:
        name, value = (value.get("metadata") or {}).get("name", ""), value["spec"]
    if "elements" in value and "layout" in value:
        raise GrafanaError("model: this is Grafana's v2 schema (elements and layout). Export the dashboard as classic JSON (V1) instead.")
    return {**({"uid": name} if name else {}), **value}


def read(value: Any, datasource_uid: str, inputs: Json) -> Json:
    """The dashboard without what belongs to a server or an export, with every input filled in.

    An input of the kind datasource is `inputs`' uid for it, else `datasource_uid`; a constant is `inputs`' value, else the export's.
    """
    parsed = parse(value)
    dashboard = {key: part for key, part in parsed.items() if key not in OF_THE_SERVER}
    filled: Json = dict(inputs)
    plugins: dict[str, str] = {}
    for entry in parsed.get("__inputs") or []:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            shown = json.dumps(entry)[:80]
            raise GrafanaError(f"model: an entry of its __inputs has no name: {shown}. Export the dashboard again.")
        plugins[entry["name"]] = entry.get("pluginId", "")
        if entry.get("type") == "datasource":
            own = "__expr__" if entry.get("pluginId") == "__expr__" else datasource_uid
        else:
            own = entry.get("value", "")
        filled.setdefault(entry["name"], own)
    text = json.dumps(dashboard)
    for name in inputs:
        if "${" + name + "}" not in text:
            raise GrafanaError(f"inputs: ${{{name}}} does not occur in the model. Its inputs are: {', '.join(sorted(plugins)) or 'none'}.")
    return _filled(dashboard, filled, plugins)


def _filled(value: Any, inputs: Json, plugins: dict[str, str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _filled(inner, inputs, plugins, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(element, inputs, plugins) for element in value]
    if isinstance(value, str) and "${" in value:
        for name, given in inputs.items():
            if key == "datasource" and value == "${" + name + "}":
                return {"type": plugins.get(name) or "prometheus", "uid": str(given)}
            value = value.replace("${" + name + "}", str(given))
    return value
