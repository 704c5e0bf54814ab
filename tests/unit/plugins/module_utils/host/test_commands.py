"""Programs of the host that cannot be run, or that hang."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import (
    NOT_RUN,
    TIMED_OUT,
    ModuleCommands,
)


@pytest.fixture
def commands() -> ModuleCommands:
    with patch_module_args({}):
        return ModuleCommands(AnsibleModule({}))


def test_a_program_gets_its_input_and_environment(commands):
    answer = commands.run(["sh", "-c", "cat; echo $LC_ALL $COLOUR >&2; exit 3"], {"COLOUR": "red"}, "given")
    assert (answer.code, answer.text) == (3, "given C.UTF-8 red")


@pytest.mark.parametrize("run", ["run", "run_within"])
def test_a_missing_program_is_an_answer(commands, run):
    """So that earlier changes are reverted."""
    arguments: list[Any] = [["no-such-program", "status"]] if run == "run" else [5, ["no-such-program", "status"]]
    answer = getattr(commands, run)(*arguments)
    assert (answer.code, answer.text) == (NOT_RUN, "no-such-program: No such file or directory")


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_program_that_hangs_is_killed_with_its_children(commands, tmp_path):
    started = time.monotonic()
    answer = commands.run_within(0.3, ["sh", "-c", f"trap '' TERM; sleep 50 & echo $! >{tmp_path}/pid; wait"])
    assert (answer.code, answer.output) == (TIMED_OUT, "")
    child = int((tmp_path / "pid").read_text())
    while runs(child):
        assert time.monotonic() - started < 40
        time.sleep(0.01)


def test_a_program_that_ends_in_time_says_what_it_says(commands):
    answer = commands.run_within(30, ["sh", "-c", "echo $LC_ALL; echo broken >&2; exit 9"])
    assert (answer.code, answer.output, answer.errors) == (9, "C.UTF-8\n", "broken\n")
