"""Which tests share a process of `pytest --numprocesses`, since they change the same parts of this machine.

The option `--dist=loadgroup` would do, but pytest-xdist 3.8 cannot mark the groups with pytest 9.2.
"""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadFileScheduling

# Tests with the Docker engine of this machine.
ENGINE = ("tests/engine/", "tests/rules/")
# Tests that run modules in processes of their own, which write to /var/lib/gpu_monitoring.
MONITORING_HOST = (
    "tests/unit/plugins/action/test_backup_examples.py",
    "tests/unit/plugins/action/test_monitoring_backup.py",
    "tests/unit/plugins/action/test_monitoring_restore.py",
)
# The groups of tests that take longest, which come first. Otherwise one process has the last of them alone.
LONGEST = (ENGINE, MONITORING_HOST, ("tests/unit/plugins/action/",))


def position(nodeid: str) -> int:
    """The place of a test's group among all."""
    return next((place for place, group in enumerate(LONGEST) if nodeid.startswith(group)), len(LONGEST))


class SharedMachineScheduling(LoadFileScheduling):
    """Sends the tests of a file, or of the same parts of the machine, to one process, in the order of the tests."""

    def __init__(self, config: Any, log: Any = None) -> None:
        super().__init__(config, log)
        # The files with the most tests would come first, and these tests are short.
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        """The name of the tests that share a process with a test."""
        if nodeid.startswith(ENGINE):
            return "engine"
        if nodeid.startswith(MONITORING_HOST):
            return "monitoring host"
        return super()._split_scope(nodeid)
