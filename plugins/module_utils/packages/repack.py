# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import shutil
import stat

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Commands
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.errors import PackageError

# Fields that dpkg adds to the control file of an installed package.
_OF_DPKG = ("Status", "Conffiles", "Config-Version")


def repack(commands: Commands, name: str, folder: str) -> str:
    """Write a package file of an installed package, as dpkg-repack does, and return its path.

    No repository needs to have that version any more.
    """
    root = os.path.join(folder, name)
    os.makedirs(os.path.join(root, "DEBIAN"))
    try:
        _copy_files(_lines(commands, "--listfiles", name), root)
        _copy_control(commands, name, root)
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


def _copy_files(listed: list[str], root: str) -> None:
    """Copy the files of a package with their modes and owners. Files that were deleted are left out."""
    paths = [path for path in listed if path.startswith("/") and path != "/." and os.path.lexists(path)]
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


def _copy_control(commands: Commands, name: str, root: str) -> None:
    for kind in _lines(commands, "--control-list", name):
        (path,) = _lines(commands, "--control-path", name, kind)
        shutil.copy2(path, os.path.join(root, "DEBIAN", kind))
    status = _lines(commands, "--status", name)
    _write(os.path.join(root, "DEBIAN", "control"), control(status))
    configuration = [path for path in configuration_files(status) if os.path.lexists(root + path)]
    if configuration:
        _write(os.path.join(root, "DEBIAN", "conffiles"), configuration)


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


def configuration_files(status: list[str]) -> list[str]:
    """The configuration files of a package, from the lines that dpkg shows of it."""
    paths: list[str] = []
    listing = False
    for line in status:
        if not line.startswith(" "):
            listing = line.startswith("Conffiles:")
        elif listing and not line.endswith(" obsolete"):
            paths.append(line.split()[0])
    return paths


def _write(path: str, lines: list[str]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
