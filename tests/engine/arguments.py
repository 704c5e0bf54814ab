"""The arguments with which the module deploys one service."""

from __future__ import annotations

from typing import Any


def arguments(options: dict[str, Any]) -> dict[str, Any]:
    """The module's arguments for one service; `docker_host` is the module's own option."""
    service = dict(options)
    docker_host = service.pop("docker_host", None)
    return {"services": [service], **({"docker_host": docker_host} if docker_host else {})}
