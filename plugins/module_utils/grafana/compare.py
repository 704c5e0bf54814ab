# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Whether what Grafana keeps means the same as what is wanted. Pure."""

from typing import Any

# What the server adds or keeps for itself.
_SERVER_KEYS = ("id", "version", "iteration", "__inputs", "__requires", "__elements", "gnetId")


def canonical(value: Any) -> Any:
    """One form for all that means the same: null is absent, 1.0 is 1."""
    if isinstance(value, dict):
        return {key: canonical(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [canonical(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def canonical_dashboard(model: dict[str, Any]) -> dict[str, Any]:
    """A dashboard without what the server adds."""
    return canonical({key: value for key, value in model.items() if key not in _SERVER_KEYS})


def includes(present: Any, wanted: Any) -> bool:
    """Whether `present` has all that is wanted; in objects it may have more."""
    if isinstance(wanted, dict):
        return isinstance(present, dict) and all(includes(present.get(key), one) for key, one in wanted.items())
    return canonical(present) == canonical(wanted)


def merged(present: Any, wanted: Any) -> Any:
    """`present` with `wanted` on top; objects are merged."""
    if isinstance(present, dict) and isinstance(wanted, dict):
        return {**present, **{key: merged(present.get(key), one) for key, one in wanted.items()}}
    return wanted
