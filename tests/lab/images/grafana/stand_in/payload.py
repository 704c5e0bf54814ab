"""The content of a request."""

from __future__ import annotations

from typing import Any

from flask import request


def body() -> Any:
    """The request's JSON; None if it has none."""
    return request.get_json(silent=True) if request.is_json else None


def number(name: str, default: int) -> int:
    """A parameter of the query; the default where it is missing, no number or less than 1."""
    given = request.args.get(name, default, type=int)
    return given if given >= 1 else default
