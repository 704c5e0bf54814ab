# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What goes into the header Authorization of requests to a registry."""

import base64
from collections.abc import Mapping
from typing import Optional
from urllib.parse import urlencode

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.challenge import Challenge
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.connections import Connections
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError

_CLIENT_NAME = "mlops.gpu_monitoring"
_RETRIES = http_client.Retries(tries=4, pause_seconds=1)


def authorization(
    connections: Connections, registry: str, challenge: Challenge, scope: str, credentials: Mapping[str, str]
) -> Optional[str]:
    """The value of the header for a scope of a registry, like repository:grafana/grafana:pull.

    None if the registry requires credentials and none are given. Raises RegistryError or http_client.HttpError.
    """
    if credentials.get("registrytoken"):
        return f"Bearer {credentials['registrytoken']}"
    if challenge.scheme == "basic":
        return _basic(credentials) if credentials.get("username") else None
    return f"Bearer {_token(connections, registry, challenge, scope, credentials)}"


def _token(
    connections: Connections, registry: str, challenge: Challenge, scope: str, credentials: Mapping[str, str]
) -> str:
    realm = challenge.parameters["realm"]
    server = http_client.shown_url(realm)
    if not realm.startswith(("https://", "http://") if registry in connections.plain_http else "https://"):
        raise RegistryError(f"its token server {server} has no address with https://")
    # A challenge to a look before a push asks for the scope of the look. A token to push makes repositories in Quay.
    query = {"scope": scope if scope.endswith(",push") else challenge.parameters.get("scope") or scope}
    if challenge.parameters.get("service"):
        query["service"] = challenge.parameters["service"]
    client, path = connections.to(realm, registry)
    if credentials.get("identitytoken"):
        form = {
            **query,
            "grant_type": "refresh_token",
            "client_id": _CLIENT_NAME,
            "refresh_token": credentials["identitytoken"],
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = client.request("POST", path, urlencode(form).encode(), headers, retries=_RETRIES)
    else:
        headers = {"Authorization": _basic(credentials)} if credentials.get("username") else {}
        path += ("&" if "?" in path else "?") + urlencode(query)
        answer = client.request("GET", path, headers=headers, retries=_RETRIES)
    if answer.status != 200:
        raise RegistryError(f"its token server {server} answers {answer.status}", answer.status)
    try:
        answered = answer.json()
        return str(answered.get("token") or answered["access_token"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RegistryError(f"its token server {server} answers without a token") from error


def _basic(credentials: Mapping[str, str]) -> str:
    login = f"{credentials['username']}:{credentials.get('password', '')}"
    return "Basic " + base64.b64encode(login.encode()).decode()
