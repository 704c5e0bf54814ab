"""The arguments with which the module deploys one service."""

from __future__ import annotations

from typing import Any

OF_MODULE = ("docker_host", "registry", "registry_username", "registry_password")


def arguments(options: dict[str, Any]) -> dict[str, Any]:
    """The module's arguments for one service; those of OF_MODULE are the module's own options."""
    service = {name: value for name, value in options.items() if name not in OF_MODULE}
    return {"services": [service], **{name: value for name, value in options.items() if name in OF_MODULE}}
