# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The option `ignore_paths`: parts of a dashboard that people may change in Grafana. Pure."""

import re
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import elements
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError

_STEP = re.compile(r"([^.\[\]]+)|\[(\*|\d+)\]")


def steps(path: str) -> list[tuple[str, str]]:
    """The names and indexes of a path such as `templating.list[*].current`, `time` or `panels[0].title`."""
    way = _STEP.findall(path)
    read = "".join(name or f"[{index}]" for name, index in way)
    # JSONPath and JSON pointers have other forms, and would match nothing.
    if not way or read != path.replace(".", "") or path.startswith(("$", "/")):
        raise GrafanaError(f"ignore_paths: '{path}' is not a path. Write it like time or templating.list[*].current.")
    return way


def keep(wanted: Any, present: Any, paths: list[str]) -> Any:
    """`wanted`, with what `present` has at these paths."""
    for path in paths:
        wanted = _kept(wanted, present, steps(path))
    return wanted


def _kept(wanted: Any, present: Any, way: list[tuple[str, str]]) -> Any:
    (name, index), rest = way[0], way[1:]
    if index:
        if not isinstance(wanted, list) or not isinstance(present, list):
            return wanted
        result = list(wanted)
        for number, stored in _chosen(wanted, present, index, rest).items():
            result[number] = _kept(wanted[number], present[stored], rest) if rest else present[stored]
        return result
    if not isinstance(wanted, dict) or not isinstance(present, dict):
        return wanted
    if rest:
        return {**wanted, name: _kept(wanted[name], present.get(name), rest)} if name in wanted else wanted
    without = {key: inner for key, inner in wanted.items() if key != name}
    return {**without, name: present[name]} if name in present else without


def _chosen(wanted: list[Any], present: list[Any], index: str, rest: list[tuple[str, str]]) -> dict[int, int]:
    """Indexes in `wanted` with those in `present`. The place of a panel or a variable may be another one in each."""
    if index != "*":
        number = int(index)
        return {number: number} if number < min(len(wanted), len(present)) else {}
    ignored = rest[0][0] if rest else ""
    return elements.same(present, wanted, [name for name in elements.IDENTITIES if name != ignored])
