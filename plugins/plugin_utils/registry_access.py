# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Clients for the registries that an action on the controller asks, from the options of the action."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.client import Registry
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.connections import Connections
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import registry_login

OPTIONS: dict[str, dict[str, Any]] = {
    **registry_login.OPTIONS,
    "insecure_registries": {"type": "list", "elements": "str", "default": []},
}


@contextmanager
def registries(options: Mapping[str, Any], tell: Callable[[str], None]) -> Iterator[Callable[[str], Registry]]:
    """Gives the client for a registry's name. Raises ServiceError for options that contradict each other.

    A registry gets the login of the options if it is that of the options, and else what `docker login` left.
    """
    given = registry_login.given(options)
    clients: dict[str, Registry] = {}
    with _authority(options["registry_ca"]) as path:
        trusted = dict.fromkeys(registry_login.mirrors(options), path) if path else {}
        connections = Connections(trusted, frozenset(options["insecure_registries"]))

        def registry(name: str) -> Registry:
            if name not in clients:
                clients[name] = Registry(name, registry_login.login_for(f"{name}/image", given), connections, tell)
            return clients[name]

        try:
            yield registry
        finally:
            connections.close()


@contextmanager
def _authority(certificates: str) -> Iterator[str]:
    """The path of a file with PEM text; empty if there is no text."""
    if not certificates.strip():
        yield ""
        return
    descriptor, path = tempfile.mkstemp(suffix=".crt")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(certificates)
        yield path
    finally:
        os.remove(path)
