# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import hashlib
import json
import os
from typing import Any, TypedDict


class FileState(TypedDict):
    """Whether a file is there, and the hash of its content; empty if it is not a regular file."""

    exists: bool
    sha256: str


def ask(paths: list[str]) -> dict[str, FileState]:
    """The state of files of this host by their paths, without what is in them."""
    return {path: _state(path) for path in paths}


def read_json(paths: list[str]) -> dict[str, Any]:
    """The content of files of JSON by their paths; None for a file that is missing or has no JSON."""
    return {path: _content(path) for path in paths}


def _content(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def _state(path: str) -> FileState:
    if not os.path.isfile(path):
        return {"exists": os.path.lexists(path), "sha256": ""}
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return {"exists": True, "sha256": digest.hexdigest()}
