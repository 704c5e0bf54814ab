# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Reads YAML as NVIDIA's toolkit writes CDI specifications: mappings, lists and plain scalars in block style."""

import re
from typing import Any

_KEY = re.compile(r"""("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'\[{#-][^:]*?|-[^\s:][^:]*?)\s*:(?:\s+(.*))?$""")
# A quotation mark behind the sign would be the end of a text that has the sign.
_COMMENT = re.compile(r"""(?:^|\s)#[^"']*$""")
# Indentation and the rest of a line.
Line = tuple[int, str]


def parse(text: str) -> Any:
    """The value of the text. Raises ValueError for what is not in this style."""
    plain = (_COMMENT.sub("", line) for line in text.splitlines())
    lines = [(len(line) - len(line.lstrip(" ")), line.strip()) for line in plain]
    lines = [line for line in lines if line[1] and not line[1].startswith("#") and line[1] not in ("---", "...")]
    if not lines:
        return None
    value, next_index = _value(lines, 0)
    if next_index < len(lines):
        raise ValueError(f"'{lines[next_index][1]}' is not understood")
    return value


def _value(lines: list[Line], at: int) -> tuple[Any, int]:
    return _list(lines, at) if _is_entry(lines[at]) else _mapping(lines, at)


def _is_entry(line: Line) -> bool:
    return line[1] == "-" or line[1].startswith("- ")


def _list(lines: list[Line], at: int) -> tuple[list[Any], int]:
    indent, entries = lines[at][0], []
    while at < len(lines) and lines[at][0] == indent and _is_entry(lines[at]):
        rest = lines[at][1][1:].lstrip()
        if rest and not _KEY.fullmatch(rest) and not _is_entry((0, rest)):
            entries.append(_scalar(rest))
            at += 1
            continue
        # What follows the dash is the first line of a value that is indented by its place.
        if rest:
            lines[at] = (indent + len(lines[at][1]) - len(rest), rest)
        else:
            at += 1
        entry, at = _value(lines, at)
        entries.append(entry)
    return entries, at


def _mapping(lines: list[Line], at: int) -> tuple[dict[str, Any], int]:
    indent, entries = lines[at][0], {}
    while at < len(lines) and lines[at][0] == indent:
        match = _KEY.fullmatch(lines[at][1])
        if not match:
            raise ValueError(f"'{lines[at][1]}' is not understood")
        key, rest = _scalar(match[1]), match[2]
        at += 1
        if rest:
            entries[key] = _scalar(rest)
        elif at < len(lines) and (lines[at][0] > indent or (lines[at][0] == indent and _is_entry(lines[at]))):
            entries[key], at = _value(lines, at)
        else:
            entries[key] = ""
    return entries, at


def _scalar(text: str) -> Any:
    if text in ("[]", "{}"):
        return [] if text == "[]" else {}
    if text[0] in "[{&*!|>":
        raise ValueError(f"'{text}' is not understood")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text
