"""JSON with a node of another type than expected."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

ODD = (None, "text", "${DS}", -1.5, float("nan"), True, [1], [[]], [{}], {"text": 1}, {"uid": 5, "list": 1})


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each node."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*path, key))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*path, index))


def replaced(model: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of the model with another value at the path."""
    if not path:
        return value
    model = copy.deepcopy(model)
    holder = model
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return model
