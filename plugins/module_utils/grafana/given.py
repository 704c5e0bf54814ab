# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""A JSON model as people have it: a dict or text, an export with inputs, an answer of the API or of the Kubernetes-style API. Pure."""

import json
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.compare import OF_THE_SERVER
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError


def parse(value: Any) -> dict[str, Any]:
    """The dashboard itself, out of whatever holds it."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
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


def read(value: Any, datasource_uid: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The dashboard without what belongs to a server or an export, with every input filled in.

    An input of the kind datasource is `inputs`' uid for it, else `datasource_uid`; a constant is `inputs`' value, else the export's.
    """
    parsed = parse(value)
    dashboard = {key: one for key, one in parsed.items() if key not in OF_THE_SERVER}
    filled: dict[str, Any] = dict(inputs)
    plugins: dict[str, str] = {}
    for one in parsed.get("__inputs") or []:
        if not isinstance(one, dict) or not isinstance(one.get("name"), str):
            raise GrafanaError(f"model: an entry of its __inputs has no name: {json.dumps(one)[:80]}. Export the dashboard again.")
        plugins[one["name"]] = one.get("pluginId", "")
        if one.get("type") == "datasource":
            own = "__expr__" if one.get("pluginId") == "__expr__" else datasource_uid
        else:
            own = one.get("value", "")
        filled.setdefault(one["name"], own)
    text = json.dumps(dashboard)
    for name in inputs:
        if "${" + name + "}" not in text:
            raise GrafanaError(f"inputs: ${{{name}}} does not occur in the model. Its inputs are: {', '.join(sorted(plugins)) or 'none'}.")
    return _filled(dashboard, filled, plugins)


def _filled(value: Any, inputs: dict[str, Any], plugins: dict[str, str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, inputs, plugins, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, inputs, plugins) for one in value]
    if isinstance(value, str) and "${" in value:
        for name, one in inputs.items():
            if key == "datasource" and value == "${" + name + "}":
                return {"type": plugins.get(name) or "prometheus", "uid": str(one)}
            value = value.replace("${" + name + "}", str(one))
    return value
