"""Runs commands, and says what went wrong when one fails."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Resolved, so that checkouts which share a cache share what runs from it.
CACHE = (ROOT / ".cache" / "lab").resolve()


class LabError(Exception):
    """A problem that the user must fix."""


def run(*command: str, environment: dict[str, str] | None = None, check: bool = True) -> str:
    """Output of a command; LabError with what it said if it fails."""
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(command[:4])} ... ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout.strip()


def succeeds(*command: str) -> bool:
    """Whether a command ends with 0."""
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def wait_for(condition: Callable[[], bool], expectation: str, seconds: float) -> None:
    """Return once the condition holds; LabError after the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"{expectation} did not come true within {seconds:.0f} s")
        time.sleep(0.3)
