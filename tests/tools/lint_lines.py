"""Checks that lines have at most 120 columns, in the files in git that ruff and yamllint do not check."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.tools.git_files import ROOT, in_git

COLUMNS = 120
ENDINGS = (".cfg", ".j2", ".md", ".sh", ".tmpl", ".toml", ".txt", ".c", ".go", ".h", "Dockerfile", "Makefile")
# antsibull-changelog writes a line for each entry. A change of the lab's sources rebuilds its images.
ELSEWHERE = ("CHANGELOG.md", "tests/lab/")


def check(path: str, text: str) -> Iterator[str]:
    """One line for each line of the file that is too long and can be broken."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > COLUMNS and can_be_broken(line, path):
            yield f"{path}:{number}: the line has {len(line)} columns. Break it at {COLUMNS} columns."


def can_be_broken(line: str, path: str) -> bool:
    """Whether the line is more than one long word, such as a link or a PromQL selector, and no row of a table."""
    words = line.split()
    if words and words[0] in ("#", "-", "//", "*"):
        del words[0]
    return len(words) > 1 and not (path.endswith(".md") and words[0].startswith("|"))


def main() -> int:
    """1 with faults, which are printed."""
    paths = [path for path in in_git() if path.endswith(ENDINGS) and not path.startswith(ELSEWHERE)]
    faults = [fault for path in paths for fault in check(path, (ROOT / path).read_text(encoding="utf-8"))]
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
