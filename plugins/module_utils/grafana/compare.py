# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Whether Grafana's object means the same as the declared one. Pure."""

import math
import sys
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json

# What belongs to one server or to an export, not to the dashboard.
OF_THE_SERVER = ("id", "version", "iteration", "gnetId", "__inputs", "__requires", "__elements")
# Grafana raises it when it migrates a dashboard, and what the dashboard means does not change by that.
_MIGRATED = ("schemaVersion",)
# What Grafana adds by itself, if it is not asked for: the version of a panel's plugin, ids, what was last chosen for
# a variable.
_ADDED = ("id", "pluginVersion", "current", "options")
_TRUE_WHERE_ABSENT = (
    *(
        "editable",
        "enable",
        "showLegend",
        "showHeader",
        "showThresholdMarkers",
        "showUnfilled",
        "mergeValues",
        "wideLayout",
    ),
    *("range", "showValues"),
)
# What Grafana writes for a missing one when somebody saves a dashboard.
_DEFAULTS: Json = {
    "fiscalYearStartMonth": 0,
    "graphTooltip": 0,
    "hide": 0,
    "sort": 0,
    "timezone": "browser",
    "time": {"from": "now-6h", "to": "now"},
}
# Up to here every integer is a 64-bit float (IEEE 754).
EXACT_INTEGERS = 2**53


def non_finite(value: Any) -> str:
    """Path of a number that JSON does not have, as in `.panels[0].max is nan`; empty without such a number."""
    if isinstance(value, float) and not math.isfinite(value):
        return f" is {value}"
    inner: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        inner = [(f".{key}", part) for key, part in value.items()]
    elif isinstance(value, list):
        inner = [(f"[{index}]", part) for index, part in enumerate(value)]
    for step, part in inner:
        path = non_finite(part)
        if path:
            return step + path
    return ""


def canonical(value: Any) -> Any:
    """One form for all that means the same: null is absent, 1.0 is 1, a library panel is its uid and name.

    Grafana 12 and its web pages keep numbers as 64-bit floats, in which integers above 2**53 are rounded.
    """
    if isinstance(value, dict):
        if isinstance(value.get("libraryPanel"), dict):
            library = {key: part for key, part in value["libraryPanel"].items() if key in ("uid", "name")}
            value = {**value, "libraryPanel": library}
        return {key: canonical(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [canonical(element) for element in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and EXACT_INTEGERS < abs(value) < sys.float_info.max:
        return int(float(value))
    return value


def canonical_dashboard(model: Json, with_built_in: bool = False) -> Json:
    """The content of a dashboard.

    Grafana adds its built-in annotations when somebody saves. With `with_built_in`, whether they are shown counts.
    """
    content: Json = canonical({key: value for key, value in model.items() if key not in OF_THE_SERVER + _MIGRATED})
    annotations = content.get("annotations")
    if isinstance(annotations, dict) and isinstance(annotations.get("list"), list):
        listed = [entry for entry in annotations["list"] if with_built_in or not _is_built_in(entry)]
        content["annotations"] = {**annotations, "list": [_shown(entry) for entry in listed]}
    return content


def has_built_in(model: Json) -> bool:
    """Whether the dashboard says something about Grafana's built-in annotations."""
    annotations = model.get("annotations")
    listed = annotations.get("list") if isinstance(annotations, dict) else None
    return any(_is_built_in(entry) for entry in listed) if isinstance(listed, list) else False


def _is_built_in(annotation: Any) -> bool:
    return isinstance(annotation, dict) and bool(annotation.get("builtIn"))


def _shown(annotation: Any) -> Any:
    if not _is_built_in(annotation):
        return annotation
    return {key: value for key, value in annotation.items() if key in ("builtIn", "enable", "hide")}


def same(wanted: Any, present: Any, key: str = "") -> bool:
    """Whether two canonical values mean the same.

    A key that only one of them has does not count if it is empty. Neither does one with Grafana's value for a missing
    key, nor one that Grafana adds.
    """
    if isinstance(wanted, dict) and isinstance(present, dict):
        shared = set(wanted) & set(present)
        return all(same(wanted[name], present[name], name) for name in shared) and not telling_keys(
            wanted, present, key
        )
    if isinstance(wanted, list) and isinstance(present, list):
        return len(wanted) == len(present) and all(same(element, other, key) for element, other in zip(wanted, present))
    return type(wanted) is type(present) and wanted == present


def telling_keys(wanted: Json, present: Json, key: str) -> set[str]:
    """The keys that only one of two objects has and that say something; `key` holds the objects."""
    alone = {name for name in set(wanted) - set(present) if not _is_default(name, wanted[name])}
    for name in set(present) - set(wanted):
        if not _is_default(name, present[name]) and not _is_added(name, key, wanted):
            alone.add(name)
    return alone


def _is_default(name: str, value: Any) -> bool:
    if value is False:
        return name not in _TRUE_WHERE_ABSENT
    if value is True:
        return name in _TRUE_WHERE_ABSENT
    if isinstance(value, dict) and name not in _DEFAULTS:
        return all(_is_default(key, inner) for key, inner in value.items())
    return value in ("", []) or (name in _DEFAULTS and value == _DEFAULTS[name])


def _is_added(name: str, holder: str, wanted: Json) -> bool:
    if name in ("current", "options"):
        return holder == "list" and "name" in wanted and "type" in wanted
    return name in _ADDED


def includes(present: Any, wanted: Any) -> bool:
    """Whether `present` has all that is declared; in objects it may have more. A declared null must be absent."""
    if isinstance(wanted, dict):
        stored = present or {}
        return isinstance(stored, dict) and all(includes(stored.get(key), inner) for key, inner in wanted.items())
    return bool(canonical(present) == canonical(wanted))


def merged(present: Any, wanted: Any) -> Any:
    """`present` with `wanted` on top; objects are merged, and null takes a key away."""
    if isinstance(present, dict) and isinstance(wanted, dict):
        both = {**present, **{key: merged(present.get(key), inner) for key, inner in wanted.items()}}
        return {key: inner for key, inner in both.items() if key not in wanted or inner is not None}
    if isinstance(wanted, dict):
        return merged({}, wanted)
    return wanted
