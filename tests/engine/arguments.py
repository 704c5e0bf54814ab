"""The arguments with which the module deploys one service."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import networks, registry_login

OF_MODULE = ("docker_host", *registry_login.OPTIONS, *networks.OPTIONS)


def arguments(options: dict[str, Any]) -> dict[str, Any]:
    """The module's arguments for one service; those of OF_MODULE are the module's own options."""
    service = {name: value for name, value in options.items() if name not in OF_MODULE}
    return {"services": [service], **{name: value for name, value in options.items() if name in OF_MODULE}}
