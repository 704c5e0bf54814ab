"""What the controller does to the secrets in the result of a module, for modules that run in the process of a test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

try:
    from ansible.module_utils import secrets
except ImportError:  # before ansible-core 2.22, where modules mask secrets themselves
    secrets = None


@contextlib.contextmanager
def controller_masks() -> Iterator[Callable[[dict[str, Any]], dict[str, Any]]]:
    """Masks a result. A module that runs meanwhile has its own registry of secrets, as in a process of its own."""
    if not secrets:
        yield lambda result: result
        return
    registry = secrets._secret_masker
    fresh = {"_matcher": type(registry._matcher)(), "_secrets": set(), "_forms": set(), "_json_forms": {}}

    def masked(result: dict[str, Any]) -> dict[str, Any]:
        with patch.multiple(registry, **fresh):
            result.pop("_ansible_new_secrets", None)
            return {key: _masked(value) for key, value in result.items()}

    with patch.multiple(registry, **fresh):
        yield masked


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return secrets.mask_secrets(value, mask_placeholder="********") if isinstance(value, str) else value
