# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import glob
import re
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Answer, Commands
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.errors import ToolkitError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.kept_files import remove
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.repository import PINNED

_APT_OPTIONS = (
    "--assume-yes",
    "--no-install-recommends",
    "--allow-downgrades",
    "--allow-change-held-packages",
    # To wait for a lock would be to wait after the containers were listed.
    "--option=DPkg::Lock::Timeout=0",
    "--option=Dpkg::Options::=--force-confdef",
    "--option=Dpkg::Options::=--force-confold",
)
# needrestart would restart services, the engine among them, after a change of packages.
_APT_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}

# After a boot, apt-daily and unattended-upgrades hold the locks for minutes.
_LOCKED = re.compile("Could not get lock|locked by another process")
LOCK_SECONDS, LOCK_PAUSE_SECONDS = 120.0, 2.0


class Locked(ToolkitError):
    """Another process holds the locks of the package manager."""


class PackageManager(Protocol):
    """Installs and removes the toolkit's packages. Names are what repository.file_names gives for an installation."""

    def download(self, names: Sequence[str]) -> None:
        """Read the repository and fetch the packages, whatever ails other repositories. Nothing is installed."""

    def install(self, names: Sequence[str]) -> None:
        """Install the packages that were fetched."""

    def remove(self, names: Sequence[str]) -> None:
        """Remove packages."""

    def hold(self, names: Sequence[str], hold: bool) -> None:
        """Keep upgrades from changing packages, or no longer."""

    def forget(self) -> None:
        """Forget what is cached of the repository."""


class Apt:
    """The package manager of Debian and Ubuntu."""

    def __init__(self, commands: Commands, repository: str) -> None:
        self._commands = commands
        self._repository = repository

    def download(self, names: Sequence[str]) -> None:
        """Read the repository and fetch the packages, whatever ails other repositories. Nothing is installed."""
        only_this = [f"--option=Dir::Etc::SourceList={self._repository}", "--option=Dir::Etc::SourceParts=/dev/null"]
        strict = ["--option=APT::Get::List-Cleanup=0", "--option=APT::Update::Error-Mode=any"]
        self._run("update", *only_this, *strict)
        self._run("install", "--download-only", *_APT_OPTIONS, *names)

    def install(self, names: Sequence[str]) -> None:
        """Install the packages that were fetched."""
        self._run("install", "--no-download", *_APT_OPTIONS, *names)

    def remove(self, names: Sequence[str]) -> None:
        """Remove packages."""
        self._run("remove", *_APT_OPTIONS, *names)

    def hold(self, names: Sequence[str], hold: bool) -> None:
        """Keep upgrades from changing packages, or no longer."""
        # apt-mark would read all sources, of which any may be broken.
        selections = "".join(f"{name} {'hold' if hold else 'install'}\n" for name in names)
        _checked(self._commands.run(["dpkg", "--set-selections"], given=selections))

    def forget(self) -> None:
        """apt keeps nothing that matters."""

    def _run(self, *arguments: str) -> None:
        _checked(self._commands.run(["apt-get", "--quiet", *arguments], _APT_ENVIRONMENT))


class Dnf:
    """The package manager of the RHEL family, of the generation 4 or 5."""

    def __init__(self, commands: Commands, generation_5: bool) -> None:
        self._commands = commands
        self._generation_5 = generation_5

    def download(self, names: Sequence[str]) -> None:
        """Read the repository and fetch the packages, whatever ails other repositories. Nothing is installed."""
        self.forget()
        self._run("install", "--downloadonly", *self._of_repository(), *names)

    def install(self, names: Sequence[str]) -> None:
        """Install the packages that were fetched."""
        self._run("install", *self._of_repository(), *names)

    def remove(self, names: Sequence[str]) -> None:
        """Remove packages."""
        self._run("remove", "--disablerepo=*", "--setopt=clean_requirements_on_remove=False", *names)

    def hold(self, names: Sequence[str], hold: bool) -> None:
        """The repository file holds them."""

    def forget(self) -> None:
        """Remove the cache: dnf goes on to trust a key that it once took, whatever the key file holds by now."""
        for path in glob.glob(f"/var/cache/{'libdnf5' if self._generation_5 else 'dnf'}/{PINNED}*"):
            remove(path)

    def _of_repository(self) -> list[str]:
        downgrade = ["--allow-downgrade"] if self._generation_5 else []
        return ["--disablerepo=*", f"--enablerepo={PINNED}", *downgrade]

    def _run(self, *arguments: str) -> None:
        _checked(self._commands.run(["dnf", "--assumeyes", "--quiet", *arguments]))


def of(manager: str, commands: Commands, repository: str) -> PackageManager:
    """The package manager with this name."""
    return Apt(commands, repository) if manager == "apt" else Dnf(commands, manager == "dnf5")


def when_free(act: Callable[[], None]) -> None:
    """Repeat an act while another process holds the locks. A guard in it looks at the host each time."""
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return act()
        except Locked:
            if time.monotonic() > end:
                raise
        time.sleep(LOCK_PAUSE_SECONDS)


def _checked(answer: Answer) -> None:
    if answer.code != 0:
        error = " ".join((answer.errors or answer.output).split())
        raise Locked(error) if _LOCKED.search(error) else ToolkitError(error)
