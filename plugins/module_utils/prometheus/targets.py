# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.address import with_port


class TargetGroup(TypedDict):
    """An entry of Prometheus' file_sd_config."""

    targets: list[str]
    labels: dict[str, str]


class HostFacts(TypedDict):
    """What the other hosts know of a host: its address, the labels of its targets, and the ports of the exporters that
    it should have.
    """

    address: str
    labels: dict[str, str]
    exporters: dict[str, int]


def of_exporter(
    exporter: str,
    hosts: Mapping[str, HostFacts],
    monitoring_host: str,
    container: str,
    container_port: int,
    without: Collection[str] = (),
    own_instance: bool = False,
) -> list[TargetGroup]:
    """One target group for each host that has the exporter, with the label `host` and the host's own labels.

    The monitoring host itself is reached as `container:container_port`, over the Docker network that they share. Hosts
    in `without` get a group without targets: they are known not to have what the exporter measures. With
    `own_instance`, the monitoring host's own target has the label `instance` that it has on other monitoring hosts.
    """
    groups: list[TargetGroup] = []
    for host, facts in hosts.items():
        if exporter in facts["exporters"]:
            address = with_port(facts["address"], facts["exporters"][exporter])
            is_own = host == monitoring_host
            target = f"{container}:{container_port}" if is_own else address
            labels = {**facts["labels"], "host": host}
            if is_own and own_instance:
                labels["instance"] = address
            groups.append({"targets": [] if host in without else [target], "labels": labels})
    return groups
