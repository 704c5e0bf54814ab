"""A second monitoring host joins the deployed stack, and both send their alerts to a webhook of the test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from monitors import SECOND, Monitor, start

from tests.lab import hosts
from tests.lab.services import GATEWAY
from tests.stack import INVENTORY, LAB_NAME, ROOT, Run, run_playbook, wait_until
from tests.webhooks import Notification, webhook

# HostDown fires within the tests. A notification has one alert and comes soon.
NOTIFYING = {
    "alertmanager_receivers": [{"name": "test", "webhook": {"url_file": "secrets/webhook"}}],
    "alertmanager_route": {
        "receiver": "test",
        "group_by": ["alertname", "host"],
        "group_wait": "5s",
        "group_interval": "10s",
    },
    "prometheus_alert_reboot_grace": "20s",
}


@pytest.fixture(scope="session")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The lab's inventory with a second monitoring host, which is removed at the end."""
    # A run that was aborted may have left one with its data.
    hosts.remove(LAB_NAME, SECOND)
    start(SECOND)
    complete = yaml.safe_load(INVENTORY.read_text())
    complete["all"]["children"]["monitoring"]["hosts"][SECOND] = {"ansible_host": hosts.address(LAB_NAME, SECOND)}
    path = tmp_path_factory.mktemp("replicas") / "inventory.yml"
    path.write_text(yaml.safe_dump(complete))
    yield path
    hosts.remove(LAB_NAME, SECOND)


@pytest.fixture(scope="session")
def notifications() -> Iterator[tuple[str, list[Notification]]]:
    """The URL of the webhook, and what it got."""
    with webhook(address=GATEWAY) as received:
        yield received


@pytest.fixture(scope="session")
def playbook(inventory: Path, notifications: tuple[str, list[Notification]]) -> Callable[..., Run]:
    """Runs a playbook of the collection for both monitoring hosts."""
    url, _received = notifications

    def run(name: str, *arguments: str, **variables: Any) -> Run:
        given = {**NOTIFYING, "alertmanager_secret_files": {"webhook": url}, **variables}
        return run_playbook(ROOT / "playbooks" / f"{name}.yml", *arguments, inventory=inventory, variables=given)

    return run


@pytest.fixture(scope="session")
def first(playbook: Callable[..., Run]) -> Monitor:
    """The monitoring host that was there before the other one joined."""
    run = playbook("site")
    assert run.code == 0, run.output
    return Monitor("monitor1")


@pytest.fixture(scope="session")
def second(first: Monitor) -> Monitor:
    """The monitoring host that joined."""
    monitor = Monitor(SECOND)
    for each in (first, monitor):
        wait_until(each.is_whole, lambda each=each: f"{each.name}: {each.prometheus.health()}", 120)
    return monitor


@pytest.fixture
def verify(playbook: Callable[..., Run], tmp_path: Path) -> Callable[..., tuple[Run, dict[str, Any]]]:
    """Runs the playbook verify; returns the run, and the report of each monitoring host that could be asked."""

    def call(**variables: Any) -> tuple[Run, dict[str, Any]]:
        run = playbook("verify", verify_report=f"{tmp_path}/{{{{ inventory_hostname }}}}.json", **variables)
        return run, {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}

    return call
