# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Commands
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.nvidia_repository import NVIDIA_URLS, conflicts
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.repositories import (
    apt_entries,
    located,
    places,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages import apt
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.errors import Locked, PackageError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.locks import when_free

APT_FOLDER = "/etc/apt"
_KEEP = ("--option=Dpkg::Options::=--force-confdef", "--option=Dpkg::Options::=--force-confold")


def install(commands: Commands, package: str) -> list[str]:
    """Install the package of the Docker engine with apt-get; returns warnings. Raises PackageError.

    Repositories that do not answer, and entries of the toolkit's repository that contradict each other, do not matter.
    """
    _refuse_incomplete(apt.incomplete(commands))
    warnings: list[str] = []
    with _readable_sources(commands, warnings) as options:
        unread = _update(commands, options)
        # docker.io would take the place of a containerd.io that runs the containers of others, such as Kubernetes.
        only_add = ["--assume-yes", "--no-install-recommends", "--no-remove"]
        arguments = ["install", *only_add, *_KEEP, *options, package]
        try:
            when_free(lambda: _run(commands, arguments))
        except PackageError as error:
            left = ", ".join(f"{status.name} ({status.state})" for status in apt.incomplete(commands))
            halfway = f" dpkg left halfway: {left}." if left else ""
            advice = f" Reading the repositories failed too: {unread.rstrip(' .')}." if unread else ""
            raise PackageError(f"{str(error).rstrip(' .')}.{halfway}{advice}") from error
    return [*warnings, *([f"apt could not read all repositories: {unread}"] if unread else [])]


def _run(commands: Commands, arguments: list[str]) -> None:
    apt.apt_get(commands, *arguments)


def _update(commands: Commands, options: list[str]) -> str:
    """Read the repositories; returns why some could not be read."""
    # Without the second one, apt ends with 0 if a repository does not answer.
    strict = ["--option=APT::Get::List-Cleanup=0", "--option=APT::Update::Error-Mode=any"]
    try:
        when_free(lambda: _run(commands, ["update", *strict, *options]))
    except Locked:
        raise
    except PackageError as error:
        return str(error)
    return ""


def _refuse_incomplete(incomplete: list[apt.Status]) -> None:
    """Refuse to run apt-get if it would finish packages of others, such as a driver, too."""
    if incomplete:
        names = " ".join(status.name for status in incomplete)
        raise PackageError(
            "dpkg left packages halfway, and apt-get would finish these too:"
            f" {', '.join(f'{status.name} ({status.state})' for status in incomplete)}."
            f" Finish them first with dpkg --configure {names}."
        )


@contextmanager
def _readable_sources(commands: Commands, warnings: list[str]) -> Iterator[list[str]]:
    """Options with which apt reads its sources, without the entries of the toolkit's repository if it would not."""
    problem = apt.sources_problem(commands)
    if not problem:
        yield []
        return
    entries = apt_entries(APT_FOLDER)
    of_toolkit = {entry["path"] for entry in conflicts(entries, "", NVIDIA_URLS["apt"])} | {places("apt").repository}
    paths = {entry["path"] for entry in entries}
    with tempfile.TemporaryDirectory(prefix="gpu_monitoring.") as folder:
        os.chmod(folder, 0o755)
        for path in sorted(paths - of_toolkit):
            os.symlink(path, os.path.join(folder, os.path.basename(path)))
        options = ["--option=Dir::Etc::SourceList=/dev/null", f"--option=Dir::Etc::SourceParts={folder}"]
        if apt.sources_problem(commands, *options):
            raise PackageError(located(problem, entries))
        # A file that is not a list of repositories, such as a page of a web server, has no entries and is left out too.
        left_out = f"without {', '.join(sorted(paths & of_toolkit))}" if paths & of_toolkit else "in part"
        warnings.append(f"apt reads its repositories only {left_out}: {located(problem, entries)}")
        yield options
