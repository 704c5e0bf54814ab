# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import re
from collections.abc import Iterator

_ONE_LINE = re.compile(r"\s*deb(?:-src)?\s+(?:\[[^\]]*\]\s*)?(\S+)")
_FIELD = re.compile(r"([\w-]+):(.*)")


def entries(text: str, deb822: bool) -> list[tuple[int, str]]:
    """Line and URI of each entry of an apt source file (man 5 sources.list).

    Entries that are commented out or not enabled are left out.

    `deb822` says that the file is one of stanzas, as *.sources are.
    """
    lines = list(enumerate(text.splitlines(), start=1))
    if deb822:
        return [entry for stanza in _stanzas(lines) for entry in _of_stanza(stanza)]
    return [(number, match[1]) for number, line in lines if (match := _ONE_LINE.match(line))]


def _stanzas(lines: list[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Lines between blank ones, without comments."""
    stanza: list[tuple[int, str]] = []
    for number, line in lines:
        if not line.strip():
            yield stanza
            stanza = []
        elif not line.startswith("#"):
            stanza.append((number, line))
    yield stanza


def _of_stanza(stanza: list[tuple[int, str]]) -> list[tuple[int, str]]:
    uris: list[tuple[int, str]] = []
    field = ""
    for number, line in stanza:
        match = _FIELD.match(line)
        field, value = (match[1].lower(), match[2]) if match else (field, line)
        if field == "enabled" and value.strip().lower() in ("no", "false", "without", "off", "disable", "0"):
            return []
        if field == "uris":
            uris += [(number, uri) for uri in value.split()]
    return uris
