"""A Markdown table of what a client saw of each fault. Tests marked with the fault's name make the table."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PAGE = FOLDER.parents[1] / "docs" / "transaction.md"
# Name of the property of a test's report.
FAULT = "fault"
WRITTEN = FOLDER.parents[1] / ".cache" / "faults.md"
HEAD = "| Fault | Times | Runs then | Seconds without an answer, at most |\n| --- | ---: | --- | ---: |\n"


class FaultTable:
    """The measurements of one run."""

    def __init__(self) -> None:
        self._measured: dict[str, list[tuple[str, float]]] = {}

    def add(self, fault: str, runs: str, seconds: float) -> None:
        """One trial of the fault: whether the old or the new service ran then, and how long there was no answer."""
        self._measured.setdefault(fault, []).append((runs, seconds))

    def text(self) -> str:
        """The table; empty if nothing was measured."""
        rows = []
        for fault, tried in self._measured.items():
            ran = " or ".join(sorted({runs for runs, _seconds in tried}, reverse=True))
            rows.append(f"| {fault} | {len(tried)} | {ran} | {max(seconds for _runs, seconds in tried):.1f} |")
        return HEAD + "\n".join(rows) + "\n" if rows else ""


def faults_of_the_tests() -> list[str]:
    """Names of the faults that tests are marked with."""
    return sorted(
        {name for path in FOLDER.glob("test_*.py") for name in re.findall(r'mark\.fault\(\s*"(.+?)"', path.read_text())}
    )


def faults_of_the_page() -> list[str]:
    """Names of the faults in the documentation's table."""
    return sorted(re.findall(r"^\| ([^|]+?) \| \d+ \|", PAGE.read_text(), re.MULTILINE))
