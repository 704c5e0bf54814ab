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
    parts.note("tests/unit", 60.0)
    parts.note("tests/molecule/toolkit", 50.0)
    parts.note("tests", 70.0)
    lines = parts.table([*parts.noted(), ("checks", 10.0)]).splitlines()
    expected = [
        "tests/unit 1 min 0 s",
        "tests/molecule/toolkit 0 min 50 s",
        "tests 1 min 10 s",
        "checks 0 min 10 s",
        "all 1 min 20 s",
    ]
    assert [" ".join(line.split()) for line in lines] == expected


def test_without_a_file_nothing_is_noted(monkeypatch):
    monkeypatch.delenv(parts.VARIABLE)
    parts.note("mypy", 1.0)
    assert parts.noted() == []
