"""The report of `make test` about the time of its parts."""

from __future__ import annotations

import sys

import pytest

from tests.tools import parts


@pytest.fixture(autouse=True)
def noted_file(monkeypatch, tmp_path):
    monkeypatch.setenv(parts.VARIABLE, str(tmp_path / "parts"))


def test_a_command_is_noted_and_its_exit_code_handed_on():
    assert parts.run("mypy", [sys.executable, "-c", "raise SystemExit(3)"]) == 3
    [(part, seconds)] = parts.noted()
    assert part == "mypy"
    assert seconds > 0


def test_shares_of_a_part_are_shown_and_in_the_sum_once():
    parts.note("molecule/toolkit", 50.0)
    parts.note("molecule", 70.0)
    lines = parts.table([*parts.noted(), ("tests/unit", 10.0)]).splitlines()
    expected = ["molecule/toolkit 0 min 50 s", "molecule 1 min 10 s", "tests/unit 0 min 10 s", "all 1 min 20 s"]
    assert [" ".join(line.split()) for line in lines] == expected


def test_without_a_file_nothing_is_noted(monkeypatch):
    monkeypatch.delenv(parts.VARIABLE)
    parts.note("mypy", 1.0)
    assert parts.noted() == []
