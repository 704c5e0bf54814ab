"""Fixtures of all molecule scenarios: playbooks, hosts and servers of the deployed stack."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml

from tests.stack import INVENTORY, LAB, ROOT, SERVICES, Alertmanager, Grafana, Prometheus, Run, run_playbook
from tests.tools import parts


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Note what the tests of each scenario took, which is a share of the part `tests`."""
    for part, seconds in parts.of_reports(terminalreporter.stats).items():
        parts.note(f"tests/{part}", seconds)


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Run]:
    """Runs tasks or roles, given as a play, with `run_playbook`'s options."""

    def run(content: dict[str, Any], *arguments: str, **options: Any) -> Run:
        playbook = tmp_path / "playbook.yml"
        playbook.write_text(yaml.safe_dump([{"gather_facts": False, "become": True, **content}]))
        return run_playbook(playbook, *arguments, **options)

    return run


@pytest.fixture(scope="session")
def site() -> Callable[..., Run]:
    """Runs the collection's site playbook."""

    def run(*arguments: str, **options: Any) -> Run:
        return run_playbook(ROOT / "playbooks" / "site.yml", *arguments, **options)

    return run


@pytest.fixture(scope="session")
def addresses() -> dict[str, str]:
    return json.loads((LAB / "hosts.json").read_text())


@pytest.fixture(scope="session")
def host(addresses: dict[str, str]) -> Callable[[str], Any]:
    """A testinfra host by name."""
    return lambda name: testinfra.get_host(f"ansible://{name}?ansible_inventory={INVENTORY}")


@pytest.fixture(scope="session")
def prometheus(addresses: dict[str, str]) -> Prometheus:
    return Prometheus(f"https://{addresses['monitor1']}:9090")


@pytest.fixture(scope="session")
def alertmanager(addresses: dict[str, str]) -> Alertmanager:
    return Alertmanager(f"https://{addresses['monitor1']}:9093")


@pytest.fixture(scope="session")
def grafana(addresses: dict[str, str]) -> Grafana:
    return Grafana(f"https://{addresses['monitor1']}:3000")


@pytest.fixture(scope="session")
def started(host: Callable[[str], Any]) -> Callable[[], dict[tuple[str, str], str]]:
    """When each container of the stack was started, to show that a run touched none."""

    def read() -> dict[tuple[str, str], str]:
        times = {}
        for name, services in SERVICES.items():
            output = host(name).check_output(
                "docker inspect --format '{{.Name}} {{.Id}} {{.State.StartedAt}} {{.State.Running}}' "
                + " ".join(services)
            )
            for line in output.splitlines():
                service, state = line.split(" ", 1)
                times[(name, service.lstrip("/"))] = state
        return times

    return read
