"""Compiled templates of Ansible that are kept for the whole process.

Ansible compiles a template at each use. Tests render the same roles many times, and half of that time was compilation.
"""

from __future__ import annotations

from typing import Any

from ansible._internal._templating._jinja_bits import AnsibleEnvironment
from jinja2 import Environment

_COMPILED: dict[tuple[Any, ...], Any] = {}


def _compile(self: AnsibleEnvironment, source: Any, *arguments: Any, **options: Any) -> Any:
    if not isinstance(source, str):
        return Environment.compile(self, source, *arguments, **options)
    # The tags tell where the text is from and whether it may be a template. The lexer stands for the syntax.
    tags = repr(getattr(source, "_ansible_tags_mapping", None))
    key = (str(source), tags, self.lexer, arguments, tuple(options.items()))
    if key not in _COMPILED:
        _COMPILED[key] = Environment.compile(self, source, *arguments, **options)
    return _COMPILED[key]


def keep() -> None:
    """Keep what Ansible compiles from now on."""
    AnsibleEnvironment.compile = _compile
