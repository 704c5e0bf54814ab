"""Writes the tables of docs/security.md from what the roles ask of `container_service`.

`make docs` writes them; a unit test asks `page()` whether they are current, and the lab's
containers are held to `EXCEPTIONS`.
"""

from __future__ import annotations

import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.conftest import link_collection
from tests.unit.roles.rendering import fleet, service

link_collection()

PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- made by tests/tools/security_page.py: begin -->", "<!-- end -->"
# Container, role, host of the example fleet.
SERVICES = (
    ("cadvisor", "cadvisor", "gpu1"),
    ("cadvisor-proxy", "cadvisor", "gpu1"),
    ("dcgm-exporter", "dcgm_exporter", "gpu1"),
    ("container-gpu-collector", "container_gpu_collector", "gpu1"),
    ("node-exporter", "node_exporter", "gpu1"),
    ("prometheus", "prometheus", "monitor1"),
    ("victoria-metrics", "victoria_metrics", "monitor1"),
    ("alertmanager", "alertmanager", "monitor1"),
    ("grafana", "grafana", "monitor1"),
)
# What a service is allowed beyond the rule, and why. The rule: an ordinary user, no capability, a root file system that
# is read-only, no device.
EXCEPTIONS: dict[str, dict[str, str]] = {
    "cadvisor": {
        "user": "root, since the control groups and Docker's data of all users are root's",
        "SYS_PTRACE": "to follow links of other users' processes in `/proc`, which tell a container's network",
        "DAC_READ_SEARCH": "to read the folders of containers that belong to other users; it cannot write to them",
        "AppArmor": "`apparmor=unconfined` if the engine uses AppArmor: Docker's profile takes SYS_PTRACE back"
        " towards privileged and unconfined containers, and fills the kernel's log",
        "SYSLOG": (
            "to read from the kernel's log what was killed for lack of memory;"
            " gone without `oom_event` in `cadvisor_metrics`"
        ),
        "device": "`/dev/kmsg`, read-only, for the same",
    },
    "dcgm-exporter": {
        "user": "root, as NVIDIA runs it; DCGM's library gives profiling fields only to root",
        "SYS_ADMIN": (
            "only with `dcgm_exporter_profiling: true`: the driver gives the hardware's counters to nobody else"
        ),
        "read_only": (
            "its root file system is not read-only, since a hook of the NVIDIA container toolkit runs `ldconfig` there"
        ),
    },
    "container-gpu-collector": {
        "user": "root, since only root can read Docker's files of containers; without any capability",
        "writes": "`/etc/gpu_monitoring/textfile`, where the node exporter reads its metrics",
    },
}


def rendered(container: str, profiling: bool = False, others: dict[str, Any] | None = None) -> dict[str, Any]:
    """The options of a service on the example fleet, which may have other monitoring hosts too."""
    _container, role, host = next(entry for entry in SERVICES if entry[0] == container)
    variables = {
        "dcgm_exporter_profiling": profiling,
        "gpu_monitoring_nofile": 65536,
        "victoria_metrics_enabled": True,
    }
    monitoring = {"monitor1": {"ansible_host": "192.0.2.10"}, **(others or {})}
    inventory = fleet({"gpu1": {"ansible_host": "192.0.2.11"}}, monitoring, variables)
    with tempfile.TemporaryDirectory() as folder:
        return service(role, container, inventory, host, Path(folder))


def _listening(options: dict[str, Any]) -> tuple[str, str]:
    """The port of the host, and who gets an answer."""
    if options["networks"] == ["none"]:
        return "none", "nobody; it has no network"
    if not options["ports"]:
        return "none", "containers on the Docker network `monitoring` of the host"
    port = str(options["ports"][0]["host_port"])
    if options["name"] == "grafana":
        return port, "TLS; who logs in"
    of_prometheus = options["name"] in ("alertmanager", "prometheus", "victoria-metrics")
    password = "password of Prometheus" if of_prometheus else "password of the exporters"
    return port, f"TLS; the user `prometheus` with the {password}"


def _cluster_port() -> str:
    """The port of the host that only Alertmanagers of several monitoring hosts publish."""
    options = rendered("alertmanager", others={"monitor2": {"ansible_host": "192.0.2.9"}})
    return str(options["ports"][1]["host_port"])


def _connections(services: dict[str, dict[str, Any]]) -> list[str]:
    """The table of connections between machines, with the default ports of the roles."""
    ports = {name: str(options["ports"][0]["host_port"]) for name, options in services.items() if options.get("ports")}
    exporters = ", ".join(ports[name] for name in ("cadvisor-proxy", "node-exporter", "dcgm-exporter"))
    between = ", ".join([ports["alertmanager"], _cluster_port(), ports["node-exporter"]])
    pages = f"{ports['grafana']}; {ports['prometheus']} and {ports['alertmanager']} for their own pages"
    return [
        "| From | To | TCP ports |",
        "| --- | --- | --- |",
        "| controller | all hosts | 22, or `ansible_port` |",
        f"| monitoring host | GPU hosts | {exporters}; those of `model_servers` |",
        f"| monitoring host | other monitoring hosts, if there are several | {between} |",
        f"| monitoring host | monitoring hosts with VictoriaMetrics | {ports['victoria-metrics']} |",
        f"| people | monitoring host | {pages} |",
        "| all hosts | registries of the images | 443, or that of `gpu_monitoring_registry` |",
        "| GPU hosts without a toolkit | NVIDIA's repository, `nvidia_container_toolkit_repository_url` | 443 |",
        "| monitoring host | receivers of alerts | such as 443, and 587 for mail |",
        "| monitoring host | receivers of samples, `prometheus_remote_write` | as in their URLs |",
        "| monitoring host | services that list targets, `prometheus_targets_extra` | as in their URLs |",
    ]


def _mounts(options: dict[str, Any]) -> str:
    return (
        ", ".join(f"`{mount['source']}`{'' if mount.get('read_only') else ' (writes)'}" for mount in options["mounts"])
        or "none"
    )


def _rights(container: str, options: dict[str, Any]) -> str:
    """The row of a service in the table of rights."""
    user = options.get("user") or "root"
    capabilities = ", ".join(options.get("cap_add") or []) or "none"
    root = "read-only" if options.get("read_only") else "writable"
    return f"| {container} | {user} | {capabilities} | {root} | {options['memory']} | {_mounts(options)} |"


def tables() -> str:
    """The generated part of the page."""
    services = {container: rendered(container) for container, *_rest in SERVICES}
    lines = ["| Service | Port of the host | Who gets an answer |", "| --- | --- | --- |"]
    for container, options in services.items():
        port, who = _listening(options)
        lines.append(f"| {container} | {port} | {who} |")
    peers = "Alertmanagers of the other monitoring hosts, by mutual TLS 1.3"
    lines.append(f"| alertmanager, if there are several monitoring hosts | {_cluster_port()} too | {peers} |")
    lines += ["", "A firewall between the machines of a fleet must let these connections pass:", ""]
    lines += _connections(services)
    lines += ["", "Each container has these rights:", ""]
    lines.append("| Service | User | Capabilities | Root file system | Memory | Of the host it sees |")
    lines.append("| --- | --- | --- | --- | --- | --- |")
    lines += [_rights(container, options) for container, options in services.items()]
    profiling = ", ".join(rendered("dcgm-exporter", profiling=True)["cap_add"])
    lines += [
        "",
        f"With `dcgm_exporter_profiling: true` dcgm-exporter has the capability {profiling}.",
        "",
        "What goes beyond the rule, and why:",
        "",
    ]
    for container, reasons in EXCEPTIONS.items():
        lines += [_item(f"- {container}, {exception}: {why}.") for exception, why in reasons.items()]
    return "\n".join(lines)


def _item(text: str) -> str:
    return textwrap.fill(text, 120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def page() -> str:
    """The page with its tables as the roles are now."""
    before, _begin, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}\n{tables()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page())
