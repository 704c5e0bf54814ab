# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import re
from typing import NamedTuple

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Answer, Commands
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.packages import INCOMPLETE
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.repositories import without_credentials
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.errors import Locked, PackageError

# needrestart would restart services, the engine among them, after a change of packages.
_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
# dpkg refuses to work without the programs of these folders, and some ways to become root leave them out.
_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_LOCKED = re.compile("Could not get lock|locked by .* process")
_HOLDER = re.compile(r"with pid (\d+)")
# Lines that say how far apt and dpkg are, but not what is wrong.
_PROGRESS = re.compile(
    r"\(Reading database|Selecting previously|Preparing to unpack|Unpacking |Setting up |Removing |Processing triggers"
    r"|Reading package lists|Building dependency|Reading state|Get:|Hit:|Ign:|Fetched |dpkg: warning: downgrading"
    r"|Note: removing the lock|and the entire system"
)
_KEEP_CONFIGURATION = ("--force-confdef", "--force-confold")


class Status(NamedTuple):
    """A package that dpkg knows, and its state in dpkg's words (man 1 dpkg)."""

    name: str
    state: str


def apt_get(commands: Commands, *arguments: str, folder: str = "") -> str:
    """What apt-get says. Raises PackageError."""
    return _checked(commands.run(["apt-get", "--quiet", *arguments], _environment(), folder=folder))


def dpkg(commands: Commands, *arguments: str, given: str = "") -> str:
    """What dpkg says, which acts on the packages in the arguments alone. Raises PackageError."""
    return _checked(commands.run(["dpkg", *_KEEP_CONFIGURATION, *arguments], _environment(), given))


def incomplete(commands: Commands) -> list[Status]:
    """The packages of this host that an installation or a removal left halfway."""
    answer = commands.run(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n"])
    statuses = (Status(*line.split()) for line in answer.output.splitlines() if len(line.split()) == 2)
    return [status for status in statuses if status.state in INCOMPLETE]


def sources_problem(commands: Commands, *options: str) -> str:
    """Why apt cannot read its source files; empty if it can. No repository is asked."""
    answer = commands.run(["apt-get", "indextargets", *options, "--format=$(SITE)"])
    return "" if answer.code == 0 else _words(answer)


def _environment() -> dict[str, str]:
    present = os.environ.get("PATH", "").split(os.pathsep)
    return {**_ENVIRONMENT, "PATH": os.pathsep.join([*present, *(part for part in _PATH if part not in present)])}


def _checked(answer: Answer) -> str:
    words = _words(answer)
    if answer.code == 0:
        return words
    if _LOCKED.search(words):
        raise Locked(_with_holder(words))
    raise PackageError(words)


def _words(answer: Answer) -> str:
    """Problems that a program reported, in one line without credentials. Maintainer scripts use both outputs."""
    lines = [line.strip() for line in [*answer.output.splitlines(), *answer.errors.splitlines()]]
    problems = [line for line in lines if line and not _PROGRESS.match(line)]
    return without_credentials(" ".join(problems or lines))


def _with_holder(words: str) -> str:
    """The words of dpkg, which tells a number alone, with the name of the process that holds the lock."""
    match = _HOLDER.search(words)
    if not match:
        return words
    try:
        with open(f"/proc/{match[1]}/comm", encoding="utf-8") as file:
            return f"{words} (process {match[1]} is {file.read().strip()})"
    except OSError:
        return words
