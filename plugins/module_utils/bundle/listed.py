# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What the indices of package repositories list, and checks against the hashes in them."""

import bz2
import gzip
import hashlib
import lzma
import posixpath
import re
import zlib
from dataclasses import dataclass
from urllib.parse import unquote

# Hashes that are taken as proof, by the names in repomd.xml.
ALGORITHMS = ("sha256", "sha384", "sha512")
_READABLE = ("", ".xml", ".gz", ".xz", ".bz2")


class BadRepository(Exception):
    """What is wrong with a repository, without its URL."""


class Missing(Exception):
    """The repository does not have a file."""


@dataclass(frozen=True)
class ListedFile:
    """A file by its path in the repository, with the size (-1 if it is not listed) and the hash in the list."""

    path: str
    size: int
    algorithm: str
    digest: str

    def problem(self, content: bytes) -> str:
        """What is wrong with a content; empty if nothing is."""
        if self.size not in (-1, len(content)):
            return f"{self.path} has {len(content)} bytes, and the signed list says {self.size}"
        return self.digest_problem(hashlib.new(self.algorithm, content).hexdigest())

    def digest_problem(self, digest: str) -> str:
        """What is wrong with a content of this hash; empty if nothing is."""
        if digest == self.digest:
            return ""
        return f"{self.path} is not the file of the signed list: {self.algorithm} {digest} instead of {self.digest}"


@dataclass(frozen=True)
class ListedPackage:
    """A package of a repository. `version` has the revision, as in 1.20.1-1."""

    name: str
    version: str
    file: ListedFile


def listed_file(path: str, size: str, algorithm: str, digest: str) -> ListedFile:
    """A file of a list. Raises BadRepository for a path outside of the repository and for a weak hash."""
    normal = posixpath.normpath(unquote(path))
    if normal.startswith(("/", "..")) or normal == "." or re.search(r"[\x00-\x1f\\]", normal):
        raise BadRepository(f"a list names '{path}', which is not in the repository")
    if algorithm not in ALGORITHMS or not re.fullmatch("[0-9a-f]+", digest):
        raise BadRepository(f"{normal} is listed without a SHA-256 or longer hash")
    return ListedFile(normal, int(size) if size.isdecimal() else -1, algorithm, digest)


def readable(path: str) -> bool:
    """Whether Python's standard library unpacks a file of this name."""
    return posixpath.splitext(path)[1] in _READABLE


def unpacked(path: str, content: bytes) -> bytes:
    """The content of a compressed file. Raises BadRepository."""
    extension = posixpath.splitext(path)[1]
    try:
        if extension == ".gz":
            return gzip.decompress(content)
        if extension == ".xz":
            return lzma.decompress(content)
        if extension == ".bz2":
            return bz2.decompress(content)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise BadRepository(f"{path} cannot be unpacked: {error}") from error
    return content
