# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.address import with_port
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.targets import TargetGroup
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import VariableError

_KEYS = ("name", "port", "path", "scheme", "address")
_EXAMPLE = "Write it like [{name: llama, port: 8000}]"


class ModelServer(NamedTuple):
    """One entry of `model_servers`, with all its defaults."""

    name: str
    port: int
    path: str
    scheme: str
    address: str


def target_groups(
    host: str, servers: Any, address_of: Callable[[], str], monitoring: Sequence[str], labels_of_host: Mapping[str, str]
) -> list[TargetGroup]:
    """Target groups for Prometheus' file_sd_config, one for each entry of a host's `model_servers`, with the labels
    `host` and `server` and the host's own labels.

    `address_of` gives the host's address, for entries without an address. Raises VariableError for an entry that cannot
    be used, and for a name or a URL that the host has twice. Raises VariableError too for an address that Prometheus on
    the hosts `monitoring` cannot reach.
    """
    if isinstance(servers, (str, Mapping)) or not isinstance(servers, Sequence):
        raise VariableError("model_servers", host, f"{servers!r} is not a list of servers", _EXAMPLE)
    groups: list[TargetGroup] = []
    seen: set[str] = set()
    for entry in servers:
        server = _checked(host, entry)
        target = with_port(server.address or _host_address(host, server.name, address_of(), monitoring), server.port)
        for key in (server.name, f"{server.scheme}://{target}{server.path}"):
            if key in seen:
                raise VariableError(
                    "model_servers", host, f"{key} is declared twice", "Give each server its own name and port"
                )
            seen.add(key)
        labels = {
            **labels_of_host,
            "host": host,
            "server": server.name,
            "__metrics_path__": server.path,
            "__scheme__": server.scheme,
        }
        groups.append({"targets": [target], "labels": labels})
    return groups


def _checked(host: str, server: Any) -> ModelServer:
    def refuse(key: str, fix: str) -> VariableError:
        return VariableError("model_servers", host, f"{key} of {dict(server)!r} is not valid", fix)

    if not isinstance(server, Mapping):
        raise VariableError("model_servers", host, f"{server!r} is not a server", _EXAMPLE)
    unknown = sorted(str(key) for key in server if key not in _KEYS)
    if unknown:
        raise refuse(", ".join(unknown), f"Known are {', '.join(_KEYS)}")
    name, port = server.get("name"), str(server.get("port"))
    path, scheme, address = (
        str(server.get("path", "/metrics")),
        str(server.get("scheme", "http")),
        server.get("address") or "",
    )
    if not isinstance(name, str) or not name.strip():
        raise refuse("name", "Give the server a name, which becomes its label 'server'")
    if not port.isdigit() or not 1 <= int(port) <= 65535:
        raise refuse("port", "Give the port on which its metrics answer, from 1 to 65535")
    if not re.fullmatch(r"/[^\s?#]*", path):
        raise refuse(
            "path",
            "Begin it with a slash, without a query; a server that needs more belongs in prometheus_scrape_configs",
        )
    if scheme not in ("http", "https"):
        raise refuse("scheme", "Set http or https")
    if not isinstance(address, str) or re.search(r"[\s/]", address):
        raise refuse("address", "Give only an IP address or a name")
    return ModelServer(str(name), int(port), path, scheme, str(address))


def _host_address(host: str, server: str, address: str, monitoring: Sequence[str]) -> str:
    if ipaddress.ip_address(address).is_loopback:
        raise VariableError(
            "model_servers",
            host,
            f"{server} has no address, and that of the host is {address}, which the container of Prometheus"
            f" on {', '.join(monitoring) or 'the monitoring host'} cannot reach",
            "Set the server's address to the name of its container on the Docker network of Prometheus."
            " Or set gpu_monitoring_address to an address of the host on the network",
        )
    return address
