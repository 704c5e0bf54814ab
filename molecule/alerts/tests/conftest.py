"""The alerts that fired, and the stack with a receiver of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.lab.services import GATEWAY
from tests.stack import Prometheus, Run
from tests.webhooks import Notification, webhook

# Shorter than by default, but longer than the alerts of single exporters wait.
NOTIFYING = {
    "alertmanager_receivers": [{"name": "test", "webhook": {"url_file": "secrets/webhook"}}],
    "alertmanager_route": {"receiver": "test", "group_wait": "5s", "group_interval": "10s"},
    "prometheus_alert_reboot_grace": "6m",
}


@pytest.fixture
def fired(prometheus: Prometheus) -> Callable[[str], set[tuple[str, str]]]:
    """Name and host of each alert that fired for a time, such as `1h`, but for the one that always fires."""

    def read(duration: str) -> set[tuple[str, str]]:
        samples = prometheus.query(f'max_over_time(ALERTS{{alertname!="Watchdog",alertstate="firing"}}[{duration}])')
        return {(sample["metric"]["alertname"], sample["metric"].get("host", "")) for sample in samples}

    return read


@pytest.fixture(scope="module")
def notifications(site: Callable[..., Run]) -> Iterator[list[Notification]]:
    """What a webhook gets of alerts of every severity. By default there is no receiver."""
    with webhook(address=GATEWAY) as (url, received):
        run = site(variables={**NOTIFYING, "alertmanager_secret_files": {"webhook": url}})
        assert run.code == 0, run.output
        yield received
        run = site()
        assert run.code == 0, run.output
