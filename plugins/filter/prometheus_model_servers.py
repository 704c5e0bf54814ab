# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import ipaddress
import re
from typing import Any, Callable, Mapping, Sequence

from ansible.errors import AnsibleFilterError

from ansible_collections.mlops.gpu_monitoring.plugins.filter.ip_address import ip_address
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.address import of_host, with_port

_KEYS = ("name", "port", "path", "scheme", "address")
_EXAMPLE = "Write it like [{name: llama, port: 8000}]"


def prometheus_model_servers(hosts: Sequence[str], hostvars: Mapping[str, Any], watcher: str) -> list[dict[str, Any]]:
    """Target groups for Prometheus' file_sd_config, one for each entry of the hosts' `model_servers`, with the labels `host` and `server`.

    An entry has a `name` and a `port`; `path` is /metrics, `scheme` http and `address` the host's where they are not given. Raises
    AnsibleFilterError with host, variable, value and fix for an entry that cannot be meant, a name or a URL that one host has twice, and
    an address that `watcher`, on which Prometheus runs in a container, cannot reach.
    """
    groups = []
    for host in hosts:
        servers = hostvars[host].get("model_servers") or []
        if isinstance(servers, (str, Mapping)) or not isinstance(servers, Sequence):
            raise AnsibleFilterError(f"model_servers of host {host}: {servers!r} is no list of servers. {_EXAMPLE}.")
        seen: set[str] = set()
        for server in servers:
            checked = _checked(str(host), server)
            address = checked["address"] or _address(str(host), hostvars[host], watcher, checked["name"])
            target = with_port(address, checked["port"])
            for what in (checked["name"], f"{checked['scheme']}://{target}{checked['path']}"):
                if what in seen:
                    raise AnsibleFilterError(f"model_servers of host {host}: {what} is there twice. Give each server its own name and port.")
                seen.add(what)
            labels = {"host": str(host), "server": checked["name"], "__metrics_path__": checked["path"], "__scheme__": checked["scheme"]}
            groups.append({"targets": [target], "labels": labels})
    return groups


def _checked(host: str, server: Any) -> dict[str, Any]:
    """The entry with all keys, in their final types."""

    def refuse(key: str, fix: str) -> AnsibleFilterError:
        return AnsibleFilterError(f"model_servers of host {host}: {key} of {dict(server)!r} cannot be meant. {fix}.")

    if not isinstance(server, Mapping):
        raise AnsibleFilterError(f"model_servers of host {host}: {server!r} is no server. {_EXAMPLE}.")
    unknown = sorted(str(key) for key in server if key not in _KEYS)
    if unknown:
        raise refuse(", ".join(unknown), f"Known are {', '.join(_KEYS)}")
    name, port = server.get("name"), str(server.get("port"))
    path, scheme, address = str(server.get("path", "/metrics")), str(server.get("scheme", "http")), server.get("address") or ""
    if not isinstance(name, str) or not name.strip():
        raise refuse("name", "Give the server a name, which becomes its label 'server'")
    if not port.isdigit() or not 1 <= int(port) <= 65535:
        raise refuse("port", "Give the port on which its metrics answer, from 1 to 65535")
    if not re.fullmatch(r"/[^\s?#]*", path):
        raise refuse("path", "Begin it with a slash, without a query; a server that needs more belongs in prometheus_scrape_configs")
    if scheme not in ("http", "https"):
        raise refuse("scheme", "Set http or https")
    if not isinstance(address, str) or re.search(r"[\s/]", address):
        raise refuse("address", "Give an IP address or a name alone")
    return {"name": str(name), "port": int(port), "path": path, "scheme": scheme, "address": address}


def _address(host: str, variables: Mapping[str, Any], watcher: str, server: str) -> str:
    given = of_host(host, variables)
    address = ip_address(given, f"gpu_monitoring_address of host {host}")
    if ipaddress.ip_address(address).is_loopback:
        raise AnsibleFilterError(
            f"model_servers of host {host}: {server} has no address, and that of the host, '{given}', is {address}, which the container of Prometheus"
            f" on {watcher or 'the watcher'} cannot reach. Set the server's address to the name of its container on the Docker network of Prometheus,"
            " or gpu_monitoring_address to an address of the host on the network."
        )
    return address


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"prometheus_model_servers": prometheus_model_servers}
