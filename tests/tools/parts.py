"""Notes what the parts of `make test` take: `python tests/tools/parts.py run NAME COMMAND...`, and `... table` shows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

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
    return [(part, seconds) for part, seconds in map(json.loads, lines)]


def table(parts: list[tuple[str, float]]) -> str:
    """One line a part, and the sum. A part with a slash in its name is a share of the part before the slash."""
    lines = [f"{f'  {part}' if '/' in part else part:<32} {seconds // 60:4.0f} min {seconds % 60:2.0f} s" for part, seconds in parts]
    total = sum(seconds for part, seconds in parts if "/" not in part)
    return "\n".join([*lines, f"{'all':<32} {total // 60:4.0f} min {total % 60:2.0f} s"])


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
