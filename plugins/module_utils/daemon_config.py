# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
from typing import Any


def parse(text: str, path: str) -> dict[str, Any]:
    """The configuration in `text`; an empty file is an empty one. Raises ValueError that names the place of what is
    broken.
    """
    if not text.strip():
        return {}
    try:
        config = json.loads(text, object_pairs_hook=lambda pairs: _object(pairs, path))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}, line {error.lineno}, column {error.colno}: not JSON ({error.msg})."
            " The file was left unchanged. Fix the file."
        ) from error
    if not isinstance(config, dict):
        raise ValueError(
            f"{path}: holds a JSON {type(config).__name__}, not an object. The file was left unchanged. Fix the file."
        )
    return config


def _object(pairs: list[tuple[str, Any]], path: str) -> dict[str, Any]:
    keys = [key for key, _value in pairs]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ValueError(
            f"{path}: the key '{twice}' occurs twice in one object, and one would be lost."
            " The file was left unchanged. Fix the file."
        )
    return dict(pairs)


def merge(present: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """`present` with `wanted` on top: objects are merged, everything else is replaced, and what is not wanted stays."""
    merged = dict(present)
    for key, value in wanted.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def without(present: dict[str, Any], unwanted: dict[str, Any]) -> dict[str, Any]:
    """`present` without the settings of `unwanted`. A value that differs stays, and so does a larger object. An empty
    object is removed.
    """
    left = dict(present)
    for key, value in unwanted.items():
        if key not in left:
            continue
        if left[key] == value:
            del left[key]
        elif isinstance(left[key], dict) and isinstance(value, dict) and not _scalars(value):
            left[key] = without(left[key], value)
            if not left[key]:
                del left[key]
    return left


def _scalars(config: dict[str, Any]) -> bool:
    """Whether an object holds a value that is not an object, so that it is one setting rather than a folder of
    settings.
    """
    return any(not isinstance(value, dict) for value in config.values())


def render(config: dict[str, Any]) -> str:
    """The configuration as text, in the order of its keys."""
    return json.dumps(config, indent=4) + "\n"


def has_password(config: dict[str, Any]) -> bool:
    """Whether the address of a proxy holds a password."""
    proxies = config.get("proxies")
    return isinstance(proxies, dict) and any("@" in str(address) for address in proxies.values())


def shown(config: dict[str, Any]) -> str:
    """The configuration as text for people to read, without the passwords that addresses of proxies may hold."""
    proxies = config.get("proxies")
    return render({**config, "proxies": dict.fromkeys(proxies, "********")} if isinstance(proxies, dict) else config)
