# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""SHA256SUMS over all files of a bundle but itself, in the form of sha256sum."""

import hashlib
import os
from collections.abc import Collection, Iterator

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import layout
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError

_CHUNK_BYTES = 1 << 20
_NAMED_PROBLEMS = 5


def of_file(path: str) -> str:
    """The SHA-256 of a file in hexadecimal digits."""
    sha256 = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""):
            sha256.update(chunk)
    return sha256.hexdigest()


def write(folder: str) -> bool:
    """Write SHA256SUMS; returns whether its content changed."""
    text = "".join(f"{of_file(os.path.join(folder, path))}  {path}\n" for path in _files(folder))
    target = os.path.join(folder, layout.SUMS)
    if os.path.exists(target):
        with open(target, encoding="utf-8") as file:
            if file.read() == text:
                return False
    with open(target + layout.PARTIAL, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(target + layout.PARTIAL, target)
    return True


def check(folder: str, needed: Collection[str]) -> None:
    """Raises BundleError if files of the bundle are missing, differ from SHA256SUMS or lie elsewhere.

    SHA256SUMS must have the `needed` files, since a copy that was interrupted may have a part of it.
    """
    source = os.path.join(folder, layout.SUMS)
    try:
        with open(source, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise BundleError(
            f"{source} cannot be read: {error.strerror}. Make the bundle again with the playbook bundle."
        ) from error
    unlisted = {*needed} - {line.partition("  ")[2] for line in lines}
    problems = [problem for problem in (_problem(folder, line) for line in lines) if problem]
    problems += [f"{path} (not in {layout.SUMS})" for path in sorted(unlisted)]
    if problems:
        more = f" and {len(problems) - _NAMED_PROBLEMS} more" if len(problems) > _NAMED_PROBLEMS else ""
        raise BundleError(
            f"{folder} differs from its {layout.SUMS}: {', '.join(problems[:_NAMED_PROBLEMS])}{more}."
            " Copy the bundle again, or make it again with the playbook bundle."
        )


def _files(folder: str) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.relpath(os.path.join(parent, name), folder)
            if path != layout.SUMS and not name.endswith(layout.PARTIAL):
                yield path


def _problem(folder: str, line: str) -> str:
    """What is wrong with the file that a line names; empty if nothing is."""
    expected, _spaces, path = line.partition("  ")
    source = os.path.join(folder, path)
    if os.path.realpath(source) != f"{os.path.realpath(folder)}/{path}":
        return f"{path} (a symbolic link, or not in the folder)"
    try:
        actual = of_file(source)
    except OSError as error:
        return f"{path} ({error.strerror})"
    return "" if actual == expected else f"{path} (another SHA-256)"
