# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Collection
from typing import NamedTuple

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Commands
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.errors import PackageError

# Fields that dpkg adds to the control file of an installed package.
_OF_DPKG = ("Status", "Conffiles", "Config-Version", "Triggers-Pending", "Triggers-Awaited")


class ConfigurationFile(NamedTuple):
    """A configuration file of a package. `md5` is of the content that the package brought."""

    path: str
    md5: str
    obsolete: bool


def repack(commands: Commands, name: str, folder: str) -> str:
    """Write a package file of an installed package, as dpkg-repack does, and return its path.

    Repositories need no longer have that version. Configuration files that the site has edited are left out. dpkg keeps
    such files on the host. In the package they would count as the package's own, and an upgrade would replace them.
    """
    root = os.path.join(folder, name)
    os.makedirs(os.path.join(root, "DEBIAN"))
    # dpkg-deb refuses the mode that a strict umask gives.
    os.chmod(os.path.join(root, "DEBIAN"), 0o755)
    try:
        status = _lines(commands, "--status", name)
        configuration = configuration_files(status)
        unchanged = [file.path for file in configuration if not file.obsolete and _md5(file.path) == file.md5]
        left_out = {file.path for file in configuration} - {*unchanged}
        _copy_files(_lines(commands, "--listfiles", name), left_out, root)
        _copy_control(commands, name, root)
        _write(os.path.join(root, "DEBIAN", "control"), control(status))
        if unchanged:
            _write(os.path.join(root, "DEBIAN", "conffiles"), unchanged)
    except OSError as error:
        raise PackageError(f"The installed package {name} cannot be copied to {root}: {error}.") from error
    answer = commands.run(["dpkg-deb", "-Znone", "--build", root, f"{root}.deb"])
    if answer.code != 0:
        raise PackageError(answer.text)
    shutil.rmtree(root)
    return f"{root}.deb"


def _lines(commands: Commands, option: str, name: str, *more: str) -> list[str]:
    answer = commands.run(["dpkg-query", option, name, *more])
    if answer.code != 0:
        raise PackageError(answer.text)
    return answer.output.splitlines()


def _md5(path: str) -> str:
    """The hash of a file as dpkg has it; empty for a file that is missing."""
    try:
        with open(path, "rb") as file:
            return hashlib.md5(file.read(), usedforsecurity=False).hexdigest()
    except FileNotFoundError:
        return ""


def _copy_files(listed: list[str], left_out: Collection[str], root: str) -> None:
    """Copy the files of a package with their modes and owners. Files that were deleted are left out too."""
    paths = [
        path
        for path in listed
        if path.startswith("/") and path != "/." and path not in left_out and os.path.lexists(path)
    ]
    for path in paths:
        copy = root + path
        holds_others = any(other.startswith(f"{path}/") for other in paths)
        if os.path.isdir(path) and (holds_others or not os.path.islink(path)):
            os.makedirs(copy, exist_ok=True)
            shutil.copystat(path, copy)
        else:
            shutil.copy2(path, copy, follow_symlinks=False)
        status = os.lstat(path)
        if not stat.S_ISLNK(status.st_mode):
            os.chown(copy, status.st_uid, status.st_gid)
            # A change of the owner takes the setuid bit away.
            os.chmod(copy, stat.S_IMODE(status.st_mode))


def _copy_control(commands: Commands, name: str, root: str) -> None:
    for kind in _lines(commands, "--control-list", name):
        (path,) = _lines(commands, "--control-path", name, kind)
        shutil.copy2(path, os.path.join(root, "DEBIAN", kind))


def control(status: list[str]) -> list[str]:
    """The lines of a control file, from those that dpkg shows of an installed package."""
    kept: list[str] = []
    skipping = False
    for line in status:
        if not line.startswith(" "):
            skipping = line.partition(":")[0] in _OF_DPKG
        if not skipping and line:
            kept.append(line)
    return kept


def configuration_files(status: list[str]) -> list[ConfigurationFile]:
    """The configuration files of a package, from the lines that dpkg shows of it."""
    files: list[ConfigurationFile] = []
    listing = False
    for line in status:
        if not line.startswith(" "):
            listing = line.startswith("Conffiles:")
        elif listing:
            path, md5, *flags = line.split()
            files.append(ConfigurationFile(path, md5, "obsolete" in flags))
    return files


def _write(path: str, lines: list[str]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
