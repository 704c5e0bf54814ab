# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The changed paths of an object as text, in the order of the object. Pure.

Ansible's own diff of two long texts takes quadratic time: 25 s for a dashboard of 2 MB.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import compare, elements
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json

MOST_LINES = 1000
LONGEST_VALUE = 2000
_CONTEXT = 40


def text(name: str, before: Json, after: Json, strict: bool) -> str:
    """Lines such as `-panels[0].title: "A"`; with `strict` also what `compare.same` takes for equal."""
    every = _Walk(strict).changes(before, after, "", "")
    lines = [f"--- before: {name}", f"+++ after: {name}"]
    count = 0
    for line in every:
        count += 1
        if count <= MOST_LINES:
            lines.append(line)
    if count > MOST_LINES:
        lines.append(f" {count - MOST_LINES} more lines are left out.")
    return "\n".join(lines) + "\n"


class _Walk:
    """Walks two states of an object side by side."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict

    def changes(self, before: Any, after: Any, path: str, key: str) -> Iterator[str]:
        """The lines of two values at a path, whose last name is `key`."""
        if isinstance(before, dict) and isinstance(after, dict):
            yield from self._of_objects(before, after, path, key)
        elif isinstance(before, list) and isinstance(after, list) and not (_is_plain(before) and _is_plain(after)):
            yield from self._of_lists(before, after, path, key)
        elif type(before) is not type(after) or before != after:
            yield f"-{path}: {_shown(before, after)}"
            yield f"+{path}: {_shown(after, before)}"

    def _of_objects(self, before: Json, after: Json, path: str, key: str) -> Iterator[str]:
        alone = set(before) ^ set(after) if self._strict else compare.telling_keys(after, before, key)
        for name in sorted(alone | (set(before) & set(after))):
            inner = f"{path}.{name}" if path else name
            if name not in alone:
                yield from self.changes(before[name], after[name], inner, name)
            elif name in before:
                yield from _leaves("-", before[name], inner)
            else:
                yield from _leaves("+", after[name], inner)

    def _of_lists(self, before: list[Any], after: list[Any], path: str, key: str) -> Iterator[str]:
        pairs = elements.pairs(before, after)
        kept = set(pairs.values())
        for index, element in enumerate(before):
            if index not in kept:
                yield from _leaves("-", element, f"{path}[{index}]")
        for index, element in enumerate(after):
            inner = f"{path}[{index}]"
            if index not in pairs:
                yield from _leaves("+", element, inner)
                continue
            lines = list(self.changes(before[pairs[index]], element, inner, key))
            title = element.get("title") if isinstance(element, dict) else None
            if lines and isinstance(title, str) and title:
                yield f" {inner}: {_shown(title)}"
            yield from lines
        moved = list(pairs.values())
        if moved != sorted(moved):
            yield f"-{path}: in the order {_shown(sorted(moved))}"
            yield f"+{path}: in the order {_shown(moved)}"


def _is_plain(values: Iterable[Any]) -> bool:
    return not any(isinstance(value, (dict, list)) for value in values)


def _leaves(sign: str, value: Any, path: str) -> Iterator[str]:
    """A line for each value in what only one of two states has."""
    if isinstance(value, dict) and value:
        for name in sorted(value):
            yield from _leaves(sign, value[name], f"{path}.{name}" if path else name)
    elif isinstance(value, list) and not _is_plain(value):
        for index, element in enumerate(value):
            yield from _leaves(sign, element, f"{path}[{index}]")
    else:
        yield f"{sign}{path}: {_shown(value)}"


def _shown(value: Any, other: Any = None) -> str:
    """A value as JSON; of a long one the part from shortly before the first difference to `other`."""
    shown = json.dumps(value, sort_keys=True, ensure_ascii=False)
    if len(shown) <= LONGEST_VALUE:
        return shown
    compared = json.dumps(other, sort_keys=True, ensure_ascii=False)
    first = next((index for index, (left, right) in enumerate(zip(shown, compared)) if left != right), 0)
    start = max(0, first - _CONTEXT)
    part = shown[start : start + LONGEST_VALUE]
    return f"{'...' if start else ''}{part}... ({len(shown)} characters)"
