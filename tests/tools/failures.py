"""`failures.py LOG` prints what failed in the output of `make test`: short enough for a log of which only the end is
kept.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LINES_OF_A_TEST = 6
TESTS = 5
WIDTH = 400
TAIL_LINES = 20
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# Molecule puts this before each line of what it runs.
_PREFIX = re.compile(r"^\s*[│└─]+ ?")
# A line that Molecule broke has its end on the next line.
_TEST = re.compile(r"^_+ (?P<name>(?:ERROR at|test)\S*.*?)[ _]*$")
_ENDS = re.compile(
    r"^(FAILED|ERROR):? \S|^fatal: |^\[ERROR\]|^make(\[\d+\])?: \*\*\*|^(=+ )?(\d+ \w+, )*\d+ (failed|errors?)\b"
)


def plain(log: str) -> list[str]:
    """The lines of a log without colours and without molecule's border."""
    return [_PREFIX.sub("", _COLOUR.sub("", line)).rstrip() for line in log.splitlines()]


def errors(lines: list[str]) -> dict[str, list[str]]:
    """The first lines of the assertion of each failed test, by pytest's heading."""
    tests: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        if heading := _TEST.match(line):
            current = tests.setdefault(heading["name"], [])
        elif line.startswith("E  ") and len(current) < LINES_OF_A_TEST:
            current.append(line[:WIDTH])
    return {name: text for name, text in tests.items() if text}


def summary(log: str) -> str:
    """The last lines that name a failure, then the assertions of the first failed tests, which often explain the
    others.
    """
    lines = plain(log)
    named = [line[:WIDTH] for line in lines if _ENDS.search(line)][-TAIL_LINES:]
    first = list(errors(lines).items())[:TESTS]
    return "\n".join([*named, *(line for name, text in first for line in (name, *text))])


if __name__ == "__main__":
    print(summary(Path(sys.argv[1]).read_text(encoding="utf-8", errors="replace")))
