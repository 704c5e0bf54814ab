# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Elements of two states of a list that are the same one, wherever each of the lists has it. Pure."""

from collections.abc import Sequence
from typing import Any

# What identifies an element of a list, such as a panel, a variable or a query.
IDENTITIES = ("title", "name", "uid", "refId", "id")


def pairs(before: list[Any], after: list[Any]) -> dict[int, int]:
    """Indexes in `after` with those in `before`: elements of one identity, then the others in their order."""
    known = by_identity(before, after, IDENTITIES)
    return _with_remaining(known, range(len(before)), range(len(after)))


def same(before: list[Any], after: list[Any], identities: Sequence[str]) -> dict[int, int]:
    """As `pairs`, but an element that has an identity is only paired with an element that shares it."""
    known = by_identity(before, after, identities)
    nameless = [
        [index for index, element in enumerate(listed) if not _has_identity(element, identities)]
        for listed in (before, after)
    ]
    return _with_remaining(known, *nameless)


def by_identity(before: list[Any], after: list[Any], identities: Sequence[str]) -> dict[int, int]:
    """Indexes in `after` with those in `before` of the elements that share an identity."""
    known: dict[int, int] = {}
    for name in identities:
        old = _unique(before, name, set(known.values()))
        new = _unique(after, name, set(known))
        known.update({new[value]: old[value] for value in new if value in old})
    return known


def _with_remaining(known: dict[int, int], before: Sequence[int], after: Sequence[int]) -> dict[int, int]:
    taken = set(known.values())
    rest = (index for index in before if index not in taken)
    others = zip((index for index in after if index not in known), rest)
    return dict(sorted({**known, **dict(others)}.items()))


def _has_identity(element: Any, identities: Sequence[str]) -> bool:
    return isinstance(element, dict) and any(element.get(name) not in (None, "") for name in identities)


def _unique(elements: list[Any], name: str, taken: set[int]) -> dict[str, int]:
    """The indexes of elements by what they have as `name`, if no other element has the same."""
    indexes: dict[str, list[int]] = {}
    for index, element in enumerate(elements):
        value = element.get(name) if isinstance(element, dict) else None
        if index not in taken and isinstance(value, (str, int)) and value != "":
            indexes.setdefault(str(value), []).append(index)
    return {value: held[0] for value, held in indexes.items() if len(held) == 1}
