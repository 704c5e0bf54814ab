# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""A package repository by its signed indices, read from a server or from a folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import apt_index, rpm_index
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.listed import (
    BadRepository,
    ListedFile,
    ListedPackage,
    Missing,
    readable,
    unpacked,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.openpgp_signature import Signed, clear_signed
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.versions import order

# Gives the content of a file of the repository, or raises Missing.
Reader = Callable[[str], bytes]


@dataclass(frozen=True)
class Repository:
    """The indices as the vendor signed them, by their paths, and the packages that they list."""

    indices: dict[str, bytes]
    packages: tuple[ListedPackage, ...]
    signed: Signed

    def of_version(self, names: Sequence[str], version: str) -> list[ListedFile]:
        """The files of packages in a version with its revision. Raises BadRepository with those that are missing."""
        files = {package.name: package.file for package in self.packages if package.version == version}
        missing = [name for name in names if name not in files]
        if missing:
            versions = {package.version for package in self.packages if package.name in missing}
            newest = sorted(versions, key=order)[-5:]
            raise BadRepository(
                f"it has no {', '.join(missing)} {version}, but {', '.join(newest) or 'no version of it'}"
            )
        return [files[name] for name in names]


def read(kind: str, reader: Reader) -> Repository:
    """The repository of a kind, apt or rpm. Raises BadRepository."""
    try:
        return _apt(reader) if kind == "apt" else _rpm(reader)
    except Missing as error:
        raise BadRepository(f"{error} is missing") from error


def _apt(reader: Reader) -> Repository:
    indices = {apt_index.RELEASE: reader(apt_index.RELEASE)}
    try:
        text, signed = clear_signed(indices[apt_index.RELEASE])
    except ValueError as error:
        raise BadRepository(f"{apt_index.RELEASE}: {error}") from error
    listed = apt_index.package_lists(text)
    for file in listed:
        try:
            indices[file.path] = _checked(file, reader(file.path))
        except Missing:
            # Of the forms that are listed, a server may have some.
            continue
    texts = [
        unpacked(path, content) for path, content in indices.items() if path != apt_index.RELEASE and readable(path)
    ]
    if not texts:
        raise BadRepository(f"it has none of {', '.join(file.path for file in listed)}")
    packages = apt_index.packages(texts[0].decode("utf-8", "replace"))
    return Repository(indices, tuple(packages), signed)


def _rpm(reader: Reader) -> Repository:
    repomd, signature = reader(rpm_index.REPOMD), reader(rpm_index.SIGNATURE)
    indices = {rpm_index.REPOMD: repomd, rpm_index.SIGNATURE: signature}
    lists = rpm_index.lists(repomd)
    for file in lists.values():
        indices[file.path] = _checked(file, reader(file.path))
    primary = lists["primary"].path
    if not readable(primary):
        raise BadRepository(f"{primary} is compressed in a way that Python does not read: gzip, xz and bzip2 are read")
    packages = rpm_index.packages(unpacked(primary, indices[primary]))
    return Repository(indices, tuple(packages), Signed(repomd, signature.decode("ascii", "replace")))


def _checked(file: ListedFile, content: bytes) -> bytes:
    problem = file.problem(content)
    if problem:
        raise BadRepository(problem)
    return content
