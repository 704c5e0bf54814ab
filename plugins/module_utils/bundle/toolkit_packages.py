# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The packages of the NVIDIA container toolkit in a bundle: the vendor's repository with the packages of some versions.

Each architecture has a folder with the original signed indices. The key is beside these folders.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import openpgp, openpgp_signature
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import layout, repository
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.contents import BundledPackages
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.listed import (
    BadRepository,
    ListedFile,
    Missing,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.repository_server import (
    RepositoryServer,
    digest_of,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.packages import TOOLKIT_PACKAGES

KEY = "key.asc"
FOLDERS = {"apt": layout.APT, "rpm": layout.RPM}
# What apt and dnf call the architectures, by the name in the platforms of images.
ARCHITECTURES = {"amd64": {"apt": "amd64", "rpm": "x86_64"}, "arm64": {"apt": "arm64", "rpm": "aarch64"}}
_PLACEHOLDERS = {"apt": "$(ARCH)", "rpm": "$basearch"}


@dataclass(frozen=True)
class Source:
    """A repository of the vendor or of a mirror. `key` is armoured and alone; `option` names the URL in messages."""

    kind: str
    url: str
    key: str
    option: str


@dataclass(frozen=True)
class Downloaded:
    """What a source gave for one architecture."""

    entries: list[BundledPackages]
    changed: bool
    warnings: list[str]


def download(
    bundle: str,
    source: Source,
    architecture: str,
    versions: Sequence[str],
    server: Callable[[str, str], RepositoryServer],
) -> Downloaded:
    """Bring the repository of a source into the bundle. Raises BundleError or OSError.

    `architecture` is apt's or dnf's name, and `server` gives the server of an option with its URL.
    """
    folder = os.path.join(bundle, FOLDERS[source.kind], architecture)
    connected = server(source.option, source.url.replace(_PLACEHOLDERS[source.kind], architecture))
    try:
        contents = repository.read(source.kind, connected.read)
        warnings = _checked_signature(source, contents, connected.shown(""))
        files = {version: contents.of_version(TOOLKIT_PACKAGES, f"{version}-1") for version in versions}
        changed = [_save(connected, file, folder) for listed in files.values() for file in listed]
    except BadRepository as error:
        raise BundleError(f"{source.option}: {connected.shown('')}: {error}. {_FIX}") from error
    except Missing as error:
        raise BundleError(
            f"{source.option}: {connected.shown(str(error))} is missing, and the index lists it. {_FIX}"
        ) from error
    finally:
        connected.close()
    wanted = {*contents.indices, *(file.path for listed in files.values() for file in listed)}
    changed += [_write(os.path.join(folder, path), content) for path, content in contents.indices.items()]
    changed.append(_write(os.path.join(bundle, FOLDERS[source.kind], KEY), source.key.encode()))
    changed.append(_remove_others(folder, wanted))
    within = os.path.join(FOLDERS[source.kind], architecture)
    indices = [os.path.join(FOLDERS[source.kind], KEY), *(os.path.join(within, path) for path in contents.indices)]
    entries: list[BundledPackages] = [
        {
            "distribution": source.kind,
            "version": version,
            "architecture": architecture,
            "files": sorted([*indices, *(os.path.join(within, file.path) for file in listed)]),
        }
        for version, listed in files.items()
    ]
    return Downloaded(entries, any(changed), warnings)


_FIX = "Check the URL and the version. If the repository has just changed, run again."


def files_of(folder: str, kind: str, version: str) -> list[str]:
    """The paths in the folder of an architecture that a host needs for a version, after a check by key and indices.

    Raises BundleError.
    """

    def reader(path: str) -> bytes:
        try:
            with open(os.path.join(folder, path), "rb") as file:
                return file.read()
        except FileNotFoundError as error:
            raise Missing(path) from error

    try:
        contents = repository.read(kind, reader)
        _check_key(contents, os.path.join(os.path.dirname(folder), KEY))
        packages = contents.of_version(TOOLKIT_PACKAGES, f"{version}-1")
        for file in packages:
            problem = file.digest_problem(digest_of(os.path.join(folder, file.path), file.algorithm))
            if problem:
                raise BadRepository(problem)
    except (BadRepository, OSError) as error:
        reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        raise BundleError(f"{folder}: {reason}. Make the bundle again for this version, or copy it again.") from error
    return [*contents.indices, *(file.path for file in packages)]


def _check_key(contents: repository.Repository, path: str) -> None:
    """Raises BadRepository if the key in a file did not sign the indices, and OSError."""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    try:
        for armored in openpgp.keys(text).values():
            openpgp_signature.check(contents.signed, armored)
    except openpgp_signature.OtherKind:
        return
    except ValueError as error:
        raise BadRepository(f"the index is not that of the owner of {path}: {error}") from error


def _checked_signature(source: Source, contents: repository.Repository, shown: str) -> list[str]:
    """Warnings of a signature that is not checked here. Raises BundleError for one that is wrong."""
    try:
        openpgp_signature.check(contents.signed, source.key)
    except openpgp_signature.OtherKind as error:
        return [f"{shown} has {error}, which is not checked here. The hosts check the signature."]
    except ValueError as error:
        raise BundleError(
            f"{source.option}: the index of {shown} is not that of the key's owner: {error}. {_FIX}"
        ) from error
    return []


def _save(server: RepositoryServer, file: ListedFile, folder: str) -> bool:
    target = os.path.join(folder, file.path)
    if os.path.isfile(target) and not file.digest_problem(digest_of(target, file.algorithm)):
        return False
    server.save(file, target)
    return True


def _write(path: str, content: bytes) -> bool:
    if os.path.isfile(path):
        with open(path, "rb") as file:
            if file.read() == content:
                return False
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + layout.PARTIAL, "wb") as file:
        file.write(content)
    os.replace(path + layout.PARTIAL, path)
    return True


def _remove_others(folder: str, wanted: set[str]) -> bool:
    """Remove files that earlier runs left, such as former indices."""
    removed = False
    for parent, _folders, names in os.walk(folder):
        for name in names:
            if os.path.relpath(os.path.join(parent, name), folder) not in wanted:
                os.remove(os.path.join(parent, name))
                removed = True
    return removed


def drop(bundle: str, kind: str, architectures: Sequence[str]) -> bool:
    """Remove the repositories of other architectures than these, and return whether any was there."""
    parent = os.path.join(bundle, FOLDERS[kind])
    if not architectures and os.path.isdir(parent):
        shutil.rmtree(parent)
        return True
    others = sorted({*os.listdir(parent)} - {KEY, *architectures}) if os.path.isdir(parent) else []
    for name in others:
        shutil.rmtree(os.path.join(parent, name))
    return bool(others)
