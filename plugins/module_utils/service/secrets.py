# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Iterable

SHORTEST_FILE = 4
SHORTEST_PART = 6


def secret_parts(contents: Iterable[str]) -> list[str]:
    """What must not be shown of the contents of secret files: each whole, each line, and each value of `name: value` or
    `name=value`.
    """
    parts = set()
    for content in contents:
        if len(content.strip()) >= SHORTEST_FILE:
            parts.add(content.strip())
        for line in content.splitlines():
            values = [line] + [line.partition(separator)[2] for separator in (":", "=") if separator in line]
            parts.update(value.strip(" \t\"',") for value in values if len(value.strip(" \t\"',")) >= SHORTEST_PART)
    return sorted(parts, key=len, reverse=True)


def masked(text: str, parts: list[str]) -> str:
    """The text with every part replaced by `<secret>`."""
    for part in parts:
        text = text.replace(part, "<secret>")
    return text
