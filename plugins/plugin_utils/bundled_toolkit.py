# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The toolkit's packages of a bundle, as one host needs them."""

import os
import tarfile
from collections.abc import Sequence

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import contents, toolkit_packages
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.packages import Package

# Room that stays free on a host.
_RESERVE_BYTES = 256 << 20
# The archive, the folder, and what apt or dnf fetch from the folder and keep of the former packages.
_COPIES = 4
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def kind_of(manager: str) -> str:
    """The kind of the repository of a package manager."""
    return "apt" if manager == "apt" else "rpm"


def key(bundle: str, kind: str) -> str:
    """The key of a repository; empty if the bundle has no such packages, which a host may not need.

    Raises BundleError if the file is not a key: its content would count as the path of one, and be shown in the
    error.
    """
    path = os.path.join(bundle, toolkit_packages.FOLDERS[kind], toolkit_packages.KEY)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except FileNotFoundError:
        return ""
    if not text.startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----"):
        raise BundleError(f"{path} is not an armoured key. Make the bundle again, or copy it again.")
    return text


def check(bundle: str, kind: str) -> None:
    """Raises BundleError if a folder is not a bundle, or one without packages of a kind."""
    if not any(entry["distribution"] == kind for entry in contents.read(bundle)["packages"]):
        raise BundleError(
            f"{bundle} has no {kind} packages of the NVIDIA container toolkit. Make the bundle with {kind} packages."
        )


def files(bundle: str, kind: str, machine: str, version: str) -> tuple[str, list[str]]:
    """The folder of the architecture that `uname -m` says, and the files that a host needs. Raises BundleError."""
    platform = _MACHINES.get(machine, machine)
    architecture = toolkit_packages.ARCHITECTURES.get(platform, {}).get(kind, machine)
    folder = os.path.join(bundle, toolkit_packages.FOLDERS[kind], architecture)
    if not os.path.isdir(folder):
        raise BundleError(
            f"{bundle} has no {kind} packages of the NVIDIA container toolkit for {architecture}. Make the bundle for"
            f" the platform linux/{platform}."
        )
    return folder, toolkit_packages.files_of(folder, kind, version)


def former_files(folder: str, kind: str, present: Sequence[Package]) -> list[str]:
    """The files of the packages that a host has, for its return to them; none if the bundle lacks these.

    apt makes copies of installed packages, and dnf cannot.
    """
    versions = {package["version"] for package in present}
    if kind == "apt" or len(versions) != 1:
        return []
    try:
        return toolkit_packages.files_of(folder, kind, *versions)
    except BundleError:
        return []


def pack(folder: str, paths: list[str], archive: str) -> None:
    """Write an archive of files of a folder."""
    with tarfile.open(archive, "w") as tar:
        for path in paths:
            tar.add(os.path.join(folder, path), path)


def room_problem(free: dict[str, int], archive_bytes: int) -> str:
    """Why a host has no room; empty if it has. `free` are the free bytes by folder."""
    needed = archive_bytes * _COPIES + _RESERVE_BYTES
    return " ".join(
        f"{folder} has {available >> 20} MiB free, and {needed >> 20} MiB are needed, of which"
        f" {_RESERVE_BYTES >> 20} MiB stay free. Free room there."
        for folder, available in free.items()
        if available < needed
    )
