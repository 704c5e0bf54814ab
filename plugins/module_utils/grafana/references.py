# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The datasources and library panels that a dashboard refers to, and whether they are there. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import contents, library_panels
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.datasource_types import (
    PROMETHEUS,
    same_plugin,
)

EXPRESSION = "__expr__"
# Datasources that every Grafana has, beside "-- Grafana --", "-- Mixed --" and "-- Dashboard --".
_BUILT_IN = ("", "-100", "default", "grafana", EXPRESSION, "Expression")
_BUILT_IN_TYPES = ("dashboard", "datasource", "grafana", "mixed", EXPRESSION)
# Plugins that take the queries of the plugin prometheus.
_PROMETHEUS = (*PROMETHEUS, "victoriametrics-datasource", "victoriametrics-metrics-datasource")


def _is_built_in(name: str) -> bool:
    """Whether every Grafana has the datasource of this uid or name."""
    return name in _BUILT_IN or name.startswith("-- ")


def fits(wanted: str, actual: str) -> bool:
    """Whether a datasource of the type `actual` answers queries of the type `wanted`. An unknown type fits."""
    if not wanted or not actual or wanted in _BUILT_IN_TYPES:
        return True
    return same_plugin(wanted, actual) or (wanted in _PROMETHEUS and actual in _PROMETHEUS)


def datasources(model: Json) -> set[tuple[str, str]]:
    """Uid or name, and type if given, of the datasources of panels, queries, annotations and variables."""
    named = {(holder["datasource"], "") for holder in _holders(model) if isinstance(holder.get("datasource"), str)}
    return {reference for reference in named | _objects(model) if not _is_built_in(reference[0])}


def replaceable(model: Json) -> set[str]:
    """Uids and names of all datasources in the model, those of links to Explore and those chosen for variables too."""
    names = {name for name, _type in datasources(model)} | _of_links(model) | _chosen(model)
    return {name for name in names if contents.variable_of(name) is None}


def variable_types(model: Json) -> dict[str, str]:
    """The types of the datasources that variables stand for, by each form of a reference to the variable."""
    types: dict[str, str] = {}
    for variable in contents.template_variables(model):
        name, plugin = variable.get("name"), variable.get("query")
        if variable.get("type") == "datasource" and isinstance(plugin, str):
            types.update(dict.fromkeys((f"${name}", f"${{{name}}}", f"[[{name}]]"), plugin))
    return types


def problems(
    model: Json, given: Json, types: Optional[Mapping[str, str]], has_library_panel: Mapping[str, bool]
) -> list[str]:
    """References of the dashboard to missing objects. `given` is the model as the task has it.

    `types` are the types of the datasources by uid and by name, None if they are not known.
    """
    names, variables = replaceable(given), contents.variable_names(model)
    known = {**(types or {}), **variable_types(model)}
    missing = [
        f"'{name}' ({uid})"
        for uid, name in library_panels.referenced(model).items()
        if not has_library_panel.get(uid, True)
    ]
    no_library_panels = (
        f"its library panels {', '.join(missing)} are neither in the model's __elements nor in Grafana."
        " Export the dashboard for sharing externally, or create the library panels."
    )
    return [
        *(
            f"{problem} {_advice(name, names)}"
            for name, plugin in sorted(datasources(model))
            for problem in _problems_of(name, plugin, known, variables, types is not None)
        ),
        *([no_library_panels] if missing else []),
    ]


def _problems_of(
    name: str, plugin: str, known: Mapping[str, str], variables: set[str], all_are_known: bool
) -> Iterator[str]:
    variable = contents.variable_of(name)
    unknown = {part for part in contents.variables_in(name) - variables if not part.startswith("__")}
    if name in known:
        if not fits(plugin, known[name]):
            yield f"it queries the datasource '{name}' as {plugin}, and the type of '{name}' is {known[name]}."
    elif variable is not None:
        if variable not in variables and not variable.startswith("__"):
            yield f"its datasource {name} is neither a variable nor an input."
    elif unknown:
        yield f"its datasource '{name}' has the variable {', '.join(sorted(unknown))}, which does not exist."
    elif all_are_known and not contents.variables_in(name):
        yield f"it refers to the datasource '{name}', which does not exist."


def _advice(name: str, replaceable_names: set[str]) -> str:
    variable = contents.variable_of(name)
    if variable is not None:
        return f"Give the uid of a datasource: inputs: {{{variable}: uid}}."
    if name in replaceable_names:
        return f"Give the uid of another datasource: inputs: {{{name}: uid}}."
    return "Declare the datasource, or correct datasource_uid or inputs."


def _holders(model: Json) -> list[Json]:
    """The parts of a model whose `datasource` may be text. Elsewhere, a plugin may give that name another use."""
    panels = contents.every_panel(model)
    targets = [target for panel in panels for target in contents.objects(panel.get("targets"))]
    annotations = model.get("annotations")
    listed = contents.objects(annotations.get("list")) if isinstance(annotations, dict) else []
    return [*panels, *targets, *listed, *contents.template_variables(model)]


def _objects(value: Any) -> set[tuple[str, str]]:
    if isinstance(value, list):
        return set().union(*map(_objects, value))
    if not isinstance(value, dict):
        return set()
    references = set().union(*map(_objects, value.values()))
    reference = value.get("datasource")
    # An expression is one by its type, whatever its uid (packages/grafana-runtime, DataSourceWithBackend.ts).
    if isinstance(reference, dict) and isinstance(reference.get("uid"), str) and reference.get("type") != EXPRESSION:
        references.add((reference["uid"], str(reference.get("type") or "")))
    return references


def _of_links(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_of_links, value))
    if not isinstance(value, dict):
        return set()
    uid = value.get("datasourceUid")
    return set().union(*map(_of_links, value.values()), {uid} if isinstance(uid, str) else set())


def _chosen(model: Json) -> set[str]:
    names: set[str] = set()
    for variable in contents.template_variables(model):
        current = variable.get("current")
        if variable.get("type") == "datasource" and isinstance(current, dict):
            value = current.get("value")
            names |= {name for name in (value if isinstance(value, list) else [value]) if isinstance(name, str)}
    return names
