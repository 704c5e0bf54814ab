"""The table of default images that the roles read, and the rewriting of its text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "roles" / "common" / "vars" / "main" / "images.yml"
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True)
class DefaultImage:
    """An image as the table has it. `digest` is empty if the image is taken by its tag alone."""

    name: str
    repositories: tuple[str, ...]
    line: str
    version: str
    tag: str
    digest: str

    @property
    def repository(self) -> str:
        """Where the image comes from without a mirror."""
        return self.repositories[0]

    def tag_of(self, version: str) -> str:
        """The tag of a version."""
        return self.tag.replace("{version}", version)

    def newest(self, tags: Iterable[str]) -> str:
        """The newest version of the image's line among tags of a registry; the table's own if there is no newer one.

        Versions have the form of the table's version with other numbers, so a release candidate or a variant does not
        count.
        """
        version = _NUMBERS.sub("[0-9]+", re.escape(self.version))
        form = re.escape(self.tag).replace(re.escape("{version}"), f"({version})")
        versions = [match[1] for match in (re.fullmatch(form, tag) for tag in tags) if match]
        return max([self.version, *(version for version in versions if self._is_in_line(version))], key=numbers)

    def _is_in_line(self, version: str) -> bool:
        return version == self.line or version.startswith((f"{self.line}.", f"{self.line}-"))


def numbers(version: str) -> tuple[int, ...]:
    """All numbers of a version, for comparisons."""
    return tuple(int(number) for number in _NUMBERS.findall(version))


def parse(text: str) -> dict[str, DefaultImage]:
    """The images in the text of the table, by name."""
    table: dict[str, dict[str, Any]] = yaml.safe_load(text)["gpu_monitoring_images"]
    rows = {name: {**row, "repositories": tuple(row["repositories"])} for name, row in table.items()}
    return {name: DefaultImage(name, **row) for name, row in rows.items()}


def read() -> dict[str, DefaultImage]:
    """The images of the roles' table, by name."""
    return parse(FILE.read_text())


def with_version(text: str, name: str, version: str, digest: str) -> str:
    """The text of the table with another version and digest of one image. All other lines stay as they are."""
    begin = re.search(rf"^  {re.escape(name)}:(?: +#.*)?\n", text, re.MULTILINE)
    if begin is None:
        raise ValueError(f"The table has no image {name}.")
    end = re.compile(r"^ {0,2}[\w-]+:", re.MULTILINE).search(text, begin.end())
    limit = end.start() if end else len(text)
    section = text[begin.end() : limit]
    for key, value in (("version", version), ("digest", f'"{digest}"')):
        section, count = re.subn(rf"^(    {key}: )\S+", rf"\g<1>{value}", section, flags=re.MULTILINE)
        if count != 1:
            raise ValueError(f"The image {name} has {count} lines with its {key}.")
    return text[: begin.end()] + section + text[limit:]
