# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import glob
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from typing import Protocol

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import packages
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Answer, Commands
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.packages import TOOLKIT_PACKAGES, Package
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages import apt
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.errors import Locked, PackageError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.repack import repack
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.bundled_folder import package_files
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.kept_files import remove
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.repository import PINNED

_FOLDER = "/var/cache"
# dnf's exit code for locks of another process: https://dnf.readthedocs.io/en/latest/command_ref.html
_DNF_LOCKED = 200
# dpkg's message about a dependency.
_MISSING = re.compile(r"Package (\S+) is not installed")


class PackageManager(Protocol):
    """Installs and removes the toolkit's packages, and no other package.

    Names are what repository.file_names gives for an installation. Every method raises PackageError.
    """

    def sources_problem(self) -> str:
        """Why the package manager cannot read the repositories of the host; empty if it can."""

    def download(self, names: Sequence[str]) -> None:
        """Read the repository and fetch the packages, whatever ails other repositories. Nothing is installed."""

    def keep(self, present: Sequence[Package]) -> None:
        """Keep copies of the packages that are installed, for put_back."""

    def install(self, names: Sequence[str]) -> None:
        """Install the packages that were fetched."""

    def put_back(self, present: Sequence[Package]) -> None:
        """Install the kept packages again, and remove those of the toolkit that were not installed."""

    def configure(self, names: Sequence[str]) -> None:
        """Finish the installation of packages that were left halfway."""

    def remove(self, names: Sequence[str]) -> None:
        """Remove packages."""

    def hold(self, names: Sequence[str], hold: bool) -> None:
        """Keep upgrades from changing packages, or no longer."""

    def forget(self) -> None:
        """Forget what is cached of a repository that was not taken."""

    def close(self) -> None:
        """Remove what was fetched and kept."""


class _Folder:
    """A folder for packages that is made when needed."""

    def __init__(self) -> None:
        self._path = ""

    def path(self, name: str) -> str:
        """A folder of this name in it."""
        if not self._path:
            self._path = tempfile.mkdtemp(prefix="gpu_monitoring.", dir=_FOLDER)
        os.makedirs(os.path.join(self._path, name), exist_ok=True)
        return os.path.join(self._path, name)

    def files(self, name: str) -> list[str]:
        """The packages in a folder of this name."""
        return sorted(glob.glob(os.path.join(self.path(name), "*.[dr][ep][bm]")))

    def close(self) -> None:
        """Remove all of it."""
        if self._path:
            remove(self._path)


class Apt:
    """The package manager of Debian and Ubuntu.

    apt-get fetches packages, and dpkg installs them: apt-get would finish other packages that were left halfway.
    """

    def __init__(self, commands: Commands, repository: str) -> None:
        self._commands = commands
        self._only_this = [
            f"--option=Dir::Etc::SourceList={repository}",
            "--option=Dir::Etc::SourceParts=/dev/null",
            # The version is exact, so that no preference matters.
            "--option=Dir::Etc::Preferences=/dev/null",
            "--option=Dir::Etc::PreferencesParts=/dev/null",
        ]
        self._folder = _Folder()

    def sources_problem(self) -> str:
        """Why apt cannot read its source files; empty if it can."""
        return apt.sources_problem(self._commands)

    def download(self, names: Sequence[str]) -> None:
        """Read the repository and fetch the packages, whatever ails other repositories. Nothing is installed."""
        strict = ["--option=APT::Get::List-Cleanup=0", "--option=APT::Update::Error-Mode=any"]
        apt.apt_get(self._commands, "update", *self._only_this, *strict)
        # The user of apt's sandbox cannot write into a folder of root.
        as_root = "--option=APT::Sandbox::User=root"
        apt.apt_get(self._commands, "download", *self._only_this, as_root, *names, folder=self._folder.path("new"))

    def keep(self, present: Sequence[Package]) -> None:
        """Keep copies of the packages that are installed, for put_back."""
        for package in present:
            if package["state"] == "installed":
                repack(self._commands, package["name"], self._folder.path("kept"))

    def install(self, names: Sequence[str]) -> None:
        """Install the packages that were fetched."""
        try:
            apt.dpkg(self._commands, "--force-hold", "--install", *self._folder.files("new"))
        except Locked:
            raise
        except PackageError as error:
            missing = sorted({*_MISSING.findall(str(error))} - {*TOOLKIT_PACKAGES})
            advice = f" Install {', '.join(missing)} with apt-get first." if missing else ""
            raise PackageError(f"{str(error).rstrip(' .')}.{advice}") from error

    def put_back(self, present: Sequence[Package]) -> None:
        """Install the kept packages again, and remove those of the toolkit that were not installed."""
        before = {package["name"] for package in present}
        now = {package["name"] for package in packages.ask(self._commands)["toolkit"]}
        # The kept packages, which come next, have what these are needed for.
        self._remove("--force-depends", names=sorted(now - before))
        if kept := self._folder.files("kept"):
            apt.dpkg(self._commands, "--force-hold", "--install", *kept)
        held = [package["name"] for package in present if package["held"]]
        self.hold(held, True)

    def configure(self, names: Sequence[str]) -> None:
        """Finish the installation of packages that were left halfway."""
        apt.dpkg(self._commands, "--force-hold", "--configure", *names)

    def remove(self, names: Sequence[str]) -> None:
        """Remove packages."""
        self._remove(names=names)

    def _remove(self, *options: str, names: Sequence[str]) -> None:
        if names:
            apt.dpkg(self._commands, "--force-hold", "--force-remove-reinstreq", *options, "--remove", *names)

    def hold(self, names: Sequence[str], hold: bool) -> None:
        """Keep upgrades from changing packages, or no longer."""
        # apt-mark would read all sources, of which any may be broken.
        selections = "".join(f"{name} {'hold' if hold else 'install'}\n" for name in names)
        if selections:
            apt.dpkg(self._commands, "--set-selections", given=selections)

    def forget(self) -> None:
        """apt keeps nothing that matters."""

    def close(self) -> None:
        """Remove what was fetched and kept."""
        self._folder.close()


class Dnf:
    """The package manager of the RHEL family, of the generation 4 or 5."""

    def __init__(self, commands: Commands, generation_5: bool) -> None:
        self._commands = commands
        self._generation_5 = generation_5
        self._folder = _Folder()

    def sources_problem(self) -> str:
        """Empty: a repository that dnf cannot read harms no other one."""
        return ""

    def download(self, names: Sequence[str]) -> None:
        """Read the repository and fetch the packages, whatever ails other repositories. Nothing is installed."""
        self.forget()
        self._run("install", "--downloadonly", *self._of_repository(), *names)

    def keep(self, present: Sequence[Package]) -> None:
        """Keep copies of the installed packages, from a former bundle or if the repository has these versions."""
        bundled = package_files(present)
        if len(bundled) == len(present):
            for path in bundled:
                shutil.copy(path, self._folder.path("kept"))
            return
        names = [f"{package['name']}-{package['version']}-1" for package in present]
        folder = self._folder.path("kept")
        # The repository file limits the packages to the wanted version.
        any_version = "--setopt=disable_excludes=*" if self._generation_5 else f"--disableexcludes={PINNED}"
        only_this = ["--disablerepo=*", f"--enablerepo={PINNED}", any_version]
        fetch = (
            ["download", f"--destdir={folder}"]
            if self._generation_5
            else ["reinstall", "--downloadonly", f"--downloaddir={folder}"]
        )
        if not names:
            return
        try:
            self._run(*fetch, *only_this, *names)
        except Locked:
            raise
        except PackageError:
            return

    def install(self, names: Sequence[str]) -> None:
        """Install the packages that were fetched."""
        self._run("install", *self._of_repository(), *names)

    def put_back(self, present: Sequence[Package]) -> None:
        """Install the kept packages again, and remove those of the toolkit that were not installed."""
        before = {package["name"] for package in present}
        now = {package["name"] for package in packages.ask(self._commands)["toolkit"]}
        kept = self._folder.files("kept")
        if before and not kept:
            raise PackageError("The repository no longer has the previous packages.")
        # The kept packages, which come next, have what these are needed for.
        if added := sorted(now - before):
            _checked(self._commands.run(["rpm", "--erase", "--nodeps", *added]))
        if kept:
            _checked(self._commands.run(["rpm", "--upgrade", "--oldpackage", "--replacepkgs", *kept]))

    def configure(self, names: Sequence[str]) -> None:
        """rpm leaves no package halfway."""

    def remove(self, names: Sequence[str]) -> None:
        """Remove packages."""
        # dnf would remove packages of others that need these.
        _checked(self._commands.run(["rpm", "--erase", *names]))

    def hold(self, names: Sequence[str], hold: bool) -> None:
        """The repository file holds them."""

    def forget(self) -> None:
        """Remove the cache: dnf still trusts a key that it once accepted, even if the key file has changed."""
        for path in glob.glob(f"/var/cache/{'libdnf5' if self._generation_5 else 'dnf'}/{PINNED}*"):
            remove(path)

    def close(self) -> None:
        """Remove what was kept."""
        self._folder.close()

    def _of_repository(self) -> list[str]:
        downgrade = ["--allow-downgrade"] if self._generation_5 else []
        return ["--disablerepo=*", f"--enablerepo={PINNED}", *downgrade]

    def _run(self, *arguments: str) -> None:
        # dnf 4 would wait for other processes, and containers may get GPUs meanwhile.
        locks = [] if self._generation_5 else ["--setopt=exit_on_lock=True"]
        answer = self._commands.run(["dnf", "--assumeyes", "--quiet", *locks, *arguments])
        if answer.code == _DNF_LOCKED:
            raise Locked(_words(answer))
        _checked(answer)


def _checked(answer: Answer) -> None:
    if answer.code != 0:
        raise PackageError(_words(answer))


def _words(answer: Answer) -> str:
    return " ".join((answer.errors or answer.output).split())


def of(manager: str, commands: Commands, repository: str) -> PackageManager:
    """The package manager with this name."""
    return Apt(commands, repository) if manager == "apt" else Dnf(commands, manager == "dnf5")
