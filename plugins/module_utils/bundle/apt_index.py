# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The indices of a flat apt repository: https://wiki.debian.org/DebianRepository/Format."""

import re
from collections.abc import Iterator

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.listed import (
    BadRepository,
    ListedFile,
    ListedPackage,
    listed_file,
)

RELEASE = "InRelease"
_PACKAGES = re.compile(r"(?:\./)?Packages(?:\.\w+)?")
_HASHES = {"SHA512": "sha512", "SHA256": "sha256"}


def package_lists(release: str) -> list[ListedFile]:
    """The list of packages in each of its compressed forms, from the text of a Release file. Raises BadRepository."""
    fields = next(_stanzas(release), {})
    for field, algorithm in _HASHES.items():
        files = []
        for line in fields.get(field, "").splitlines():
            parts = line.split()
            if len(parts) == 3 and _PACKAGES.fullmatch(parts[2]):
                files.append(listed_file(parts[2], parts[1], algorithm, parts[0]))
        if files:
            return files
    raise BadRepository(f"{RELEASE} lists no Packages by SHA-256 or SHA-512, as a flat repository has it")


def packages(text: str) -> list[ListedPackage]:
    """The packages of a list. Raises BadRepository."""
    listed = []
    for fields in _stanzas(text):
        name, version, path = (fields.get(field, "") for field in ("Package", "Version", "Filename"))
        if name and version and path:
            algorithm = "SHA256" if "SHA256" in fields else "SHA512"
            file = listed_file(path, fields.get("Size", ""), algorithm.lower(), fields.get(algorithm, ""))
            listed.append(ListedPackage(name, version, file))
    return listed


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    """The paragraphs of a control file. Lines of a value that has several are joined."""
    fields: dict[str, str] = {}
    name = ""
    for line in [*text.splitlines(), ""]:
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            if name:
                fields[name] += f"\n{line.strip()}"
        else:
            name, _colon, value = line.partition(":")
            fields[name] = value.strip()
