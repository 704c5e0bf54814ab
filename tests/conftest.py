"""Makes the checkout importable as the collection `mlops.gpu_monitoring`, wherever it was cloned to."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from ansible.plugins.loader import init_plugin_loader
from ansible.utils.display import Display

from tests.shared_machine import SharedMachineScheduling
from tests.tools import parts

ROOT = Path(__file__).resolve().parent.parent
COLLECTIONS = ROOT / ".cache" / "collections"
BEGIN = pytest.StashKey[float]()


def link_collection() -> None:
    """Lay `.cache/collections/ansible_collections/mlops/gpu_monitoring` as a link to the checkout."""
    link = COLLECTIONS / "ansible_collections" / "mlops" / "gpu_monitoring"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(ROOT, target_is_directory=True)


link_collection()
sys.path.insert(0, str(COLLECTIONS))
init_plugin_loader([str(COLLECTIONS)])


@pytest.fixture(autouse=True)
def _every_warning_is_shown():
    """Forget the warnings of earlier tests: Ansible shows a text only once a process."""
    Display()._warns.clear()


def pytest_sessionstart(session):
    session.config.stash[BEGIN] = time.monotonic()


# The hook does not exist with `-p no:xdist`.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return SharedMachineScheduling(config, log)


def pytest_terminal_summary(terminalreporter, config):
    """After the other parts of `make test`, show what the tests took, and the tests of each folder."""
    taken = parts.of_reports(report for reports in terminalreporter.stats.values() for report in reports)
    noted = parts.noted()
    if noted:
        terminalreporter.section("what each part took")
        tests = ("tests", time.monotonic() - config.stash[BEGIN])
        terminalreporter.write_line(parts.table([*noted, *taken.items(), tests]))
