"""The monitoring hosts of the pair, and how they are killed and started."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.lab import hosts, shell
from tests.stack import LAB_NAME, Alertmanager, Grafana, Prometheus

SECOND = hosts.SECOND_MONITOR
EXPORTERS = {(job, name) for job in ("cadvisor", "nvidia-gpu", "node") for name in ("gpu1", "gpu2")}
EVERYWHERE = EXPORTERS | {("node", "monitor1"), ("node", SECOND)}


class Monitor:
    """The servers of a monitoring host."""

    def __init__(self, name: str) -> None:
        self.name = name
        address = hosts.address(LAB_NAME, name)
        self.prometheus = Prometheus(f"https://{address}:9090")
        self.alertmanager = Alertmanager(f"https://{address}:9093")
        self.grafana = Grafana(f"https://{address}:3000")

    def is_whole(self) -> bool:
        """Whether Prometheus scrapes every host, and the Alertmanagers see each other."""
        health = self.prometheus.health()
        own = {("prometheus", self.name), ("alertmanager", self.name)}
        return health.keys() >= EVERYWHERE | own and {*health.values()} == {"up"} and len(self.peers()) == 2

    def peers(self) -> list[str]:
        """The addresses of the cluster's members that its Alertmanager sees, itself included."""
        return sorted(peer["address"] for peer in self.alertmanager.get("status")["cluster"].get("peers", []))

    def shared_notifications(self) -> float:
        """How many notifications of the other Alertmanager its own was told of."""
        name = "alertmanager_nflog_gossip_messages_propagated_total "
        return next(
            float(line.split()[-1]) for line in self.alertmanager.metrics().splitlines() if line.startswith(name)
        )

    def sent_alerts(self) -> dict[str, float]:
        """How many alerts its Prometheus sent, by the address of the Alertmanager."""
        rows = self.prometheus.query("prometheus_notifications_sent_total")
        return {row["metric"]["alertmanager"]: float(row["value"][1]) for row in rows}

    def on_the_way(self, **labels: str) -> str:
        """What its servers know of an alert, and how they send alerts, for the message of a failure."""
        known = [
            *self.alertmanager.alerts(**labels),
            *self.prometheus.query('{__name__=~"prometheus_notifications_(sent|errors|dropped)_total"}'),
        ]
        metrics = ("alertmanager_notifications_failed_total", "alertmanager_notifications_total", "alertmanager_peer")
        lines = [line for line in self.alertmanager.metrics().splitlines() if line.startswith(metrics)]
        return "\n".join([*map(str, known), *(line for line in lines if not line.endswith(" 0"))])

    def samples(self, series: str, seconds: int) -> list[float]:
        """When the only series that matches was scraped in the last seconds."""
        [found] = self.prometheus.query(f"{series}[{seconds}s]")
        return [float(moment) for moment, _value in found["values"]]


def start(name: str) -> None:
    """Start a monitoring host, made if it is missing."""
    image = shell.run("docker", "inspect", "--format", "{{.Config.Image}}", hosts.container(LAB_NAME, "gpu1"))
    hosts.start(LAB_NAME, name, image)


@contextlib.contextmanager
def killed(name: str) -> Iterator[None]:
    """As if the power of a host were out."""
    shell.run("docker", "kill", hosts.container(LAB_NAME, name))
    try:
        yield
    finally:
        start(name)
