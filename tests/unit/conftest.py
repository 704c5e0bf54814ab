"""Unit tests leave the machine's own folders alone."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import staging
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import apply, state


@pytest.fixture(autouse=True)
def _folders_of_the_host(tmp_path_factory, monkeypatch):
    """Give each test its own folders for what modules keep on a host."""
    host = tmp_path_factory.mktemp("host")
    monkeypatch.setattr(state, "FOLDER", str(host / "var_lib"))
    monkeypatch.setattr(apply, "LOCK_FOLDER", str(host / "run"))
    monkeypatch.setattr(staging, "MEMORY_FOLDER", str(host / "run"))
