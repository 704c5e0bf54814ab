"""Unit tests leave the machine's own folders alone."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import state


@pytest.fixture(autouse=True)
def _folders_of_the_host(tmp_path_factory, monkeypatch):
    """Give each test its own folders for what modules keep on a host."""
    host = tmp_path_factory.mktemp("host")
    monkeypatch.setattr(state, "FOLDER", str(host / "var_lib"))
    monkeypatch.setattr(state, "MEMORY_FOLDER", str(host / "run"))
