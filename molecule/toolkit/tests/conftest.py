"""Jobs on GPU hosts that no test of the toolkit may disturb."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from toolkit import HOST, RoleOnSpare, end_jobs, jobs, longest_pause, packages, start_spare

from tests.lab import hosts
from tests.stack import LAB_NAME, on


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoleOnSpare]:
    """Runs the role on gpu3, which is removed afterwards."""
    start_spare()
    yield RoleOnSpare(tmp_path_factory.mktemp("toolkit"))
    hosts.remove(LAB_NAME, HOST)


@pytest.fixture
def bare(spare: RoleOnSpare, undisturbed_jobs: Callable[[str, str], str]) -> None:
    """gpu3 without a toolkit. The host is created again if another test left something."""
    configuration = on(HOST, "cat /etc/docker/daemon.json")
    if packages(HOST) or "nvidia" in configuration or "live-restore" in configuration:
        end_jobs(undisturbed_jobs)
        hosts.remove(LAB_NAME, HOST)
        start_spare()


@pytest.fixture(autouse=True)
def undisturbed_jobs() -> Iterator[Callable[[str, str], str]]:
    """After each test every job that was there before it runs since the same moment, and its counter never stood still
    for a second.

    Gives what ends a job of a host.
    """
    before = jobs()

    def end(name: str, job: str) -> str:
        before.pop((name, job), None)
        return on(name, f"docker rm --force {job}")

    yield end
    after = jobs()
    assert {key: after.get(key) for key in before} == before
    pauses = {key: longest_pause(*key) for key in before}
    assert all(pause <= 1 for pause in pauses.values()), pauses
