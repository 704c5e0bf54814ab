"""Check the prose of all files in git, or of named files, with Vale: `python tests/tools/lint_prose.py [FILE...]`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.tools import prose
from tests.tools.git_files import ROOT, in_git

FOLDER = ROOT / ".cache" / "prose"
ENDINGS = (".c", ".conf", ".go", ".j2", ".md", ".py", ".sh", ".toml", ".yaml", ".yml", "Dockerfile", "Makefile")


def check(paths: list[str]) -> Iterator[str]:
    """One line for each fault of prose in the files."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    lines = {f"{path}.md": _write(path) for path in paths}
    command = ["vale", "--config", ROOT / ".vale.ini", "--output=JSON", "--no-exit", "."]
    answer = subprocess.run(command, cwd=FOLDER, check=True, capture_output=True, text=True)
    for written, alerts in sorted(json.loads(answer.stdout).items()):
        path, sources = written.removesuffix(".md"), lines[written]
        yield from (f"{path}:{sources[alert['Line'] - 1]}: {alert['Message']}" for alert in alerts)


def _write(path: str) -> list[int]:
    """Write the prose of a file for Vale, and return the line of the source for each line written."""
    written, lines = [], []
    for piece in prose.of_file(path, (ROOT / path).read_text(encoding="utf-8")):
        text = piece.text if path.endswith(".md") else prose.as_markdown(piece.text) + "\n"
        for offset, line in enumerate(text.split("\n")):
            written.append(line)
            lines.append(piece.line + offset)
    target = FOLDER / f"{path}.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(written), encoding="utf-8")
    return lines


def main() -> int:
    """1 with faults, which are printed."""
    faults = list(check(sys.argv[1:] or [path for path in in_git() if path.endswith(ENDINGS)]))
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
