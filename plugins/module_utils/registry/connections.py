# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""HTTP clients for a registry and for the servers that the registry sends its clients to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional
from urllib.parse import urlsplit

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.registry_login import DOCKER_HUB

_HOST_OF_DOCKER_HUB = "registry-1.docker.io"
TIMEOUT_SECONDS = 60
CONNECT_SECONDS = 15


@dataclass
class Connections:
    """Clients by origin, each with its connection. The proxies are those of the environment.

    `authorities` are the paths of the certificates of private authorities by registry. As with Docker's certs.d, they
    count beside those of the system, and for the servers that the registry sends its clients to. A registry of
    `plain_http` speaks no TLS.
    """

    authorities: Mapping[str, str] = field(default_factory=dict)
    plain_http: frozenset[str] = frozenset()
    _clients: dict[tuple[str, Optional[str]], http_client.Client] = field(default_factory=dict)

    def url(self, registry: str) -> str:
        """The base URL of a registry."""
        host = _HOST_OF_DOCKER_HUB if registry == DOCKER_HUB else registry
        return f"{'http' if registry in self.plain_http else 'https'}://{host}"

    def to(self, url: str, registry: str) -> tuple[http_client.Client, str]:
        """The client for the server of a URL of a registry, and the path with the query. Raises RegistryError."""
        split = urlsplit(url)
        origin = f"{split.scheme}://{split.netloc}"
        key = origin, self.authorities.get(registry)
        if key not in self._clients:
            try:
                self._clients[key] = http_client.Client(
                    origin,
                    timeout=TIMEOUT_SECONDS,
                    connect_timeout=CONNECT_SECONDS,
                    ca_path=self.authorities.get(registry),
                    trusts_system=True,
                    use_proxy=True,
                )
            except http_client.BadUrl as error:
                raise RegistryError(
                    f"{http_client.shown_url(url)} is not the address of a registry: {error}."
                ) from error
        return self._clients[key], (split.path or "/") + (f"?{split.query}" if split.query else "")

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()
