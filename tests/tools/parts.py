"""Notes what the parts of `make test` take: `parts.py run NAME COMMAND...`, and `parts.py table` shows it."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

VARIABLE = "TEST_PARTS"


def note(part: str, seconds: float) -> None:
    """Add a part to the file that the environment names, if it names one."""
    if path := os.environ.get(VARIABLE):
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps([part, seconds]) + "\n")


def noted() -> list[tuple[str, float]]:
    """Parts and their seconds, in the order in which they ended."""
    path = Path(os.environ.get(VARIABLE) or os.devnull)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [tuple(json.loads(line)) for line in lines]


def of_reports(stats: Mapping[str, Iterable[Any]]) -> dict[str, float]:
    """Seconds of the tests in each folder, as `tests/unit`, from pytest's reports by their outcome."""
    taken: dict[str, float] = {}
    for report in itertools.chain.from_iterable(stats.values()):
        if hasattr(report, "duration"):
            folder = "/".join(report.nodeid.split("/")[:2])
            taken[folder] = taken.get(folder, 0.0) + report.duration
    return taken


def table(parts: list[tuple[str, float]]) -> str:
    """A line for each part, and the sum. Parts of another, as `tests/unit` of `tests`, are in the sum once."""
    names = {part for part, _seconds in parts}
    total = sum(seconds for part, seconds in parts if part.partition("/")[0] not in names - {part})
    return "\n".join(_line(*part) for part in [*parts, ("all", total)])


def _line(part: str, seconds: float) -> str:
    return f"{part:<24}{int(seconds) // 60:4} min {int(seconds) % 60:2} s"


def run(part: str, command: list[str]) -> int:
    """Run a command, note what it took, and return its exit code."""
    begin = time.monotonic()
    code = subprocess.run(command, check=False).returncode
    note(part, time.monotonic() - begin)
    return code


def main() -> int:
    if sys.argv[1:2] == ["run"] and len(sys.argv) > 3:
        return run(sys.argv[2], sys.argv[3:])
    print(table(noted()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
