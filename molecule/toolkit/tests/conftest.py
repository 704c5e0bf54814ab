"""Jobs on GPU hosts that no test of the toolkit may disturb."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.stack import on
from toolkit import jobs, longest_pause


@pytest.fixture(autouse=True)
def jobs_go_on() -> Iterator[Callable[[str, str], str]]:
    """After each test every job that was there before it runs since the same moment, and its counter never stood still for a second.

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
