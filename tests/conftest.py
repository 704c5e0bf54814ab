"""Makes the checkout importable as the collection `mlops.gpu_monitoring`, wherever it was cloned to."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible.plugins.loader import init_plugin_loader
from ansible.utils.display import Display

from tests import compiled_templates
from tests.shared_machine import SharedMachineScheduling, position
from tests.tools import parts

ROOT = Path(__file__).resolve().parent.parent
COLLECTIONS = ROOT / ".cache" / "collections"


def link_collection() -> None:
    """Lay `.cache/collections/ansible_collections/mlops/gpu_monitoring` as a link to the checkout."""
    link = COLLECTIONS / "ansible_collections" / "mlops" / "gpu_monitoring"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(ROOT, target_is_directory=True)


link_collection()
sys.path.insert(0, str(COLLECTIONS))
init_plugin_loader([str(COLLECTIONS)])
compiled_templates.keep()


@pytest.fixture(autouse=True)
def _every_warning_is_shown():
    """Forget the warnings of earlier tests: Ansible shows a text only once a process."""
    Display()._warns.clear()


# The hook does not exist with `-p no:xdist`.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return SharedMachineScheduling(config, log)


def pytest_collection_modifyitems(config, items):
    """Let each process of pytest-xdist begin with the tests that take longest."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: position(item.nodeid))


def pytest_terminal_summary(terminalreporter, config):
    """Note what the tests of each folder took, for the table of `make test`."""
    # Each process of pytest-xdist calls this too.
    if hasattr(config, "workerinput"):
        return
    for part, seconds in parts.of_reports(terminalreporter.stats).items():
        parts.note(part, seconds)
