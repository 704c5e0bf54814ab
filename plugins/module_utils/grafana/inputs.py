# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The option `inputs`: values for an export's inputs, and uids in the place of another server's datasources. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import contents, references
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError

# The default of `datasource_uid`, and the type of datasource that the collection deploys under this uid.
_DEFAULT = "prometheus"


@dataclass
class _Values:
    """`values` are by name of an input and by uid or name of a datasource. `plugins` are those of datasource inputs.

    `variables` are names of the dashboard's template variables. Those of `no_inputs` are names of datasources as well,
    to which the values belong.
    """

    values: dict[str, str]
    plugins: dict[str, str]
    types: Mapping[str, str]
    variables: set[str]
    no_inputs: set[str]

    def __post_init__(self) -> None:
        names = [name for name in self.values if name not in self.no_inputs]
        self._placeholders = re.compile("|".join(re.escape(_placeholder(name)) for name in names) or "(?!)")

    def in_text(self, text: str) -> str:
        """The text with a value in the place of each placeholder."""
        return self._placeholders.sub(lambda match: self.values[match[0][2:-1]], text)

    def key(self, reference: str) -> str:
        """The name by which there is a value for a datasource: its uid or name, an input or a lost variable."""
        of_input = reference[2:-1] if reference.startswith("${") and reference.endswith("}") else ""
        variable = contents.variable_of(reference) or ""
        names = (reference, *({of_input} - self.no_inputs), *({variable} - self.variables))
        return next((name for name in names if name in self.values), "")


def _placeholder(name: str) -> str:
    return "${" + name + "}"


def fill(dashboard: Json, export: Json, given: Json, datasource_uid: str, types: Mapping[str, str]) -> Json:
    """The dashboard with every input of the export filled in and every datasource of `given` replaced.

    A datasource input that is not given is `datasource_uid`, if the type fits. `export` has the library panels too
    that stay references in the dashboard.
    """
    declared = _declared(export)
    values: dict[str, str] = {name: _text(name, value) for name, value in given.items()}
    plugins: dict[str, str] = {}
    for entry in declared:
        name, plugin = entry["name"], str(entry.get("pluginId") or "")
        if entry.get("type") != "datasource":
            values.setdefault(name, "" if entry.get("value") is None else str(entry["value"]))
            continue
        plugins[name] = plugin
        values.setdefault(name, plugin if plugin == references.EXPRESSION else datasource_uid)
    if not values:
        return dashboard
    variables, datasources = contents.variable_names(dashboard), references.replaceable(dashboard)
    no_inputs = (variables & datasources) - {entry["name"] for entry in declared}
    filling = _Values(values, plugins, types, variables, no_inputs)
    if given or plugins:
        text = json.dumps(dashboard, ensure_ascii=False)
        used = {name for name in {*given, *plugins} if json.dumps(_placeholder(name), ensure_ascii=False)[1:-1] in text}
        used |= {filling.key(name) for name, _type in references.datasources(dashboard)}
        known = {entry["name"] for entry in declared} | datasources
        _refuse_unknown(set(given) - used, known | references.replaceable(export))
        unmapped = {name: plugin for name, plugin in plugins.items() if name in used and name not in given}
        _refuse_other_types(dashboard, unmapped, datasource_uid, types)
    filled: Json = _filled(dashboard, filling)
    return filled


def _refuse_other_types(
    dashboard: Json, unmapped: dict[str, str], datasource_uid: str, types: Mapping[str, str]
) -> None:
    """Raise GrafanaError if `datasource_uid` cannot answer the queries of an input that is not given."""
    known = {_DEFAULT: _DEFAULT, **types, **references.variable_types(dashboard)}
    # If the account may not read its type, the datasource has one type all the same: Prometheus if that is needed.
    possible = sorted(unmapped.values(), key=lambda plugin: not references.fits(plugin, _DEFAULT))
    actual = known.get(datasource_uid) or next(iter(possible), "")
    needed = [
        f"{name} (a datasource of the type {plugin})"
        for name, plugin in unmapped.items()
        if not references.fits(plugin, actual)
    ]
    if needed:
        raise GrafanaError(
            f"inputs: the model needs {', '.join(needed)}, and datasource_uid '{datasource_uid}' has another type."
            " Give the uid of a datasource of that type for each."
        )


def _declared(export: Json) -> list[Json]:
    declared = export.get("__inputs") or []
    if not isinstance(declared, list):
        shown = json.dumps(declared)[:80]
        raise GrafanaError(f"model: its __inputs is {shown}, not a list. Export the dashboard again.")
    for entry in declared:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            shown = json.dumps(entry)[:80]
            raise GrafanaError(f"model: an entry of its __inputs has no name: {shown}. Export the dashboard again.")
    return declared


def _text(name: str, value: Any) -> str:
    if value is None or isinstance(value, (dict, list)):
        shown = json.dumps(value)[:80]
        raise GrafanaError(f"inputs: the value of '{name}' is {shown}. Give text, such as the uid of a datasource.")
    return str(value)


def _refuse_unknown(names: set[str], known: set[str]) -> None:
    for name in sorted(names - known):
        raise GrafanaError(
            f"inputs: '{name}' is neither an input of the model nor a datasource that it refers to."
            f" The model has: {', '.join(sorted(known)) or 'none'}."
        )


def _filled(value: Any, given: _Values) -> Any:
    if isinstance(value, dict):
        filled = {name: _part(name, inner, given) for name, inner in value.items()}
        current = filled.get("current")
        if filled.get("type") == "datasource" and isinstance(current, dict) and "value" in current:
            filled["current"] = {**current, "value": _uids(current["value"], given)}
        return filled
    if isinstance(value, list):
        return [_filled(element, given) for element in value]
    return given.in_text(value) if isinstance(value, str) and "${" in value else value


def _part(name: str, value: Any, given: _Values) -> Any:
    if name == "datasource":
        return _reference(value, given)
    return _uids(value, given) if name == "datasourceUid" else _filled(value, given)


def _reference(value: Any, given: _Values) -> Any:
    if isinstance(value, dict) and isinstance(value.get("uid"), str):
        return {**_filled(value, given), "uid": _uids(value["uid"], given)}
    if not isinstance(value, str):
        return _filled(value, given)
    name = given.key(value)
    return _as_object(given.values[name], given.plugins.get(name, ""), given) if name else value


def _as_object(uid: str, plugin: str, given: _Values) -> Json:
    """The form of Grafana 8.3 and newer, which takes text for a name when it migrates an older dashboard."""
    kind = plugin or given.types.get(uid, "")
    return {**({"type": kind} if kind else {}), "uid": uid}


def _uids(value: Any, given: _Values) -> Any:
    """A uid or several, of which those of another server are replaced."""
    if isinstance(value, list):
        return [_uids(element, given) for element in value]
    name = given.key(value) if isinstance(value, str) else ""
    return given.values[name] if name else _filled(value, given)
