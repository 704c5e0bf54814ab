from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry import waits

from tests.fake_registry import FakeRegistry


@pytest.fixture
def fake():
    """A registry of this process."""
    server = FakeRegistry()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """The seconds that were waited, without waiting."""
    seconds = []
    monkeypatch.setattr(waits.time, "sleep", seconds.append)
    return seconds
