# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import glob
import hashlib
import os
import re
import stat
from typing import NamedTuple, Optional, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import openpgp
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import apt_sources

MARK = "# Written by the role mlops.gpu_monitoring.nvidia_container_toolkit"
_HISTORY = re.compile(r"^# (Installed before|Set aside): (.*)$", re.MULTILINE)
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


class Places(NamedTuple):
    """The files of the toolkit's repository."""

    repository: str
    key: str


PLACES = {
    "apt": Places(
        "/etc/apt/sources.list.d/nvidia-container-toolkit.sources",
        "/usr/share/keyrings/nvidia-container-toolkit-keyring.asc",
    ),
    "dnf": Places(
        "/etc/yum.repos.d/nvidia-container-toolkit.repo", "/etc/pki/rpm-gpg/RPM-GPG-KEY-nvidia-container-toolkit"
    ),
}


def places(manager: str) -> Places:
    """The files of the toolkit's repository for a package manager."""
    return PLACES["apt" if manager == "apt" else "dnf"]


class AptEntry(TypedDict):
    """A URI of an apt source file, without the credentials that it may hold."""

    path: str
    line: int
    uri: str


class RepositoryFile(TypedDict):
    """The toolkit's repository file, and the earlier entries that the role noted in it."""

    path: str
    exists: bool
    sha256: str
    mode: str
    written_by_role: bool
    installed_before: list[str]
    set_aside: list[str]


class KeyFile(TypedDict):
    """The file of the repository's key; `fingerprint` is empty if it does not hold one key alone."""

    path: str
    exists: bool
    sha256: str
    mode: str
    fingerprint: str


class RepositoryState(TypedDict):
    """The package repositories that matter to the toolkit."""

    apt_entries: list[AptEntry]
    file: Optional[RepositoryFile]
    key: Optional[KeyFile]


def files(state: RepositoryState) -> tuple[RepositoryFile, KeyFile]:
    """The repository file and the key's file of a host that has a package manager."""
    if state["file"] is None or state["key"] is None:
        raise ValueError("a host without a package manager has no repository of the toolkit")
    return state["file"], state["key"]


def ask(manager: str) -> RepositoryState:
    """The package repositories of this host."""
    if not manager:
        return {"apt_entries": [], "file": None, "key": None}
    repository, key = places(manager)
    return {
        "apt_entries": apt_entries("/etc/apt") if manager == "apt" else [],
        "file": repository_file(repository, read(repository), mode_of(repository)),
        "key": key_file(key, read(key), mode_of(key)),
    }


def apt_entries(folder: str) -> list[AptEntry]:
    """The entries that apt reads from a folder of its configuration."""
    patterns = ("sources.list", "sources.list.d/*.list", "sources.list.d/*.sources")
    entries: list[AptEntry] = []
    for path in sorted(
        path for pattern in patterns for path in glob.glob(f"{folder}/{pattern}") if os.path.isfile(path)
    ):
        text = read(path) or ""
        for line, uri in apt_sources.entries(text, deb822=path.endswith(".sources")):
            entries.append({"path": path, "line": line, "uri": without_credentials(uri)})
    return entries


def located(problem: str, entries: list[AptEntry]) -> str:
    """A problem that apt has with its source files, without credentials, and the entries whose URIs it names."""
    text = without_credentials(problem)
    words = {word.rstrip("/") for word in text.split()}
    named = [f"{entry['path']}, line {entry['line']}" for entry in entries if entry["uri"].rstrip("/") in words]
    return f"{text.rstrip(' .')}." + (f" The entries are {'; '.join(named)}." if named else "")


def without_credentials(uri: str) -> str:
    """A URI without user and password."""
    return _CREDENTIALS.sub("", uri)


def repository_file(path: str, text: Optional[str], mode: str = "") -> RepositoryFile:
    """What a repository file with this text says; None means no file."""
    notes = _HISTORY.findall(text or "")
    return {
        "path": path,
        "exists": text is not None,
        "sha256": sha256(text),
        "mode": mode,
        "written_by_role": MARK in (text or ""),
        "installed_before": [value for note, value in notes if note == "Installed before"],
        "set_aside": [value for note, value in notes if note == "Set aside"],
    }


def key_file(path: str, text: Optional[str], mode: str = "") -> KeyFile:
    """What a key file with this text holds; None means no file."""
    try:
        keys = openpgp.keys(text or "")
    except ValueError:
        keys = {}
    alone = next((fingerprint for fingerprint, armored in keys.items() if armored == text), "")
    return {"path": path, "exists": text is not None, "sha256": sha256(text), "mode": mode, "fingerprint": alone}


def read(path: str) -> Optional[str]:
    """The text of a file; None if missing."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None


def mode_of(path: str) -> str:
    """The mode of a file in octal digits; empty if missing."""
    try:
        return f"{stat.S_IMODE(os.stat(path).st_mode):04o}"
    except FileNotFoundError:
        return ""


def sha256(text: Optional[str]) -> str:
    """The hash of a text; empty for no text."""
    return "" if text is None else hashlib.sha256(text.encode()).hexdigest()
