"""How a test sees that the module failed."""

from __future__ import annotations


class Failed(Exception):
    """The module failed; the text is its message."""
