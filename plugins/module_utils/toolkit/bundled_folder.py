# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The repository of a bundle as a folder of the host. It stays while the repository file names the folder."""

import glob
import os
import posixpath
import shutil
import tarfile
from collections.abc import Sequence

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.packages import Package
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.errors import PackageError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.kept_files import remove

FOLDER = "/var/lib/gpu_monitoring/packages"
_SCHEME = "file://"


def url(version: str) -> str:
    """The URL of the repository with a version."""
    return f"{_SCHEME}{FOLDER}/{version}"


def is_bundled(repository_url: str) -> bool:
    """Whether a URL is that of such a folder."""
    return repository_url.startswith(f"{_SCHEME}{FOLDER}/")


def package_files(present: Sequence[Package]) -> list[str]:
    """The files of packages in the folders of this host, for those that came from a bundle."""
    patterns = (f"{FOLDER}/*/**/{package['name']}-{package['version']}-1.*.rpm" for package in present)
    return list(
        {os.path.basename(path): path for pattern in patterns for path in glob.glob(pattern, recursive=True)}.values()
    )


class BundledFolder:
    """A repository's folder, whose previous content can be restored. `archive` is a tar of its files on the host."""

    def __init__(self, repository_url: str, archive: str) -> None:
        self._path = repository_url[len(_SCHEME) :] if is_bundled(repository_url) else ""
        self._archive = archive
        self._former = ""
        self._placed = False

    def place(self) -> None:
        """Put the files of the archive into the folder. Raises PackageError or OSError."""
        if not self._path:
            return
        if not self._archive:
            raise PackageError("The host changed during the run, and packages of the bundle are needed now. Run again.")
        _make_folder(FOLDER)
        staged = f"{FOLDER}/.staged"
        remove(staged)
        try:
            self._unpack(staged)
        except BaseException:
            remove(staged)
            raise
        if os.path.lexists(self._path):
            self._former = f"{FOLDER}/.former"
            remove(self._former)
            os.rename(self._path, self._former)
        self._placed = True
        os.rename(staged, self._path)

    def put_back(self) -> None:
        """The folder as it was."""
        if self._placed:
            remove(self._path)
            if self._former:
                os.rename(self._former, self._path)
            elif not os.listdir(FOLDER):
                os.rmdir(FOLDER)

    def settle(self) -> None:
        """Remove the folders that no repository file names any longer."""
        for path in glob.glob(f"{FOLDER}/*") + glob.glob(f"{FOLDER}/.*"):
            if path != self._path:
                shutil.rmtree(path, ignore_errors=True)

    def _unpack(self, staged: str) -> None:
        with tarfile.open(self._archive) as archive:
            for member in archive:
                path = posixpath.normpath(member.name)
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or path.startswith(("/", "..")):
                    raise PackageError(
                        f"The archive of the bundle has {member.name}, which is not a file of a repository."
                    )
                target = os.path.join(staged, path)
                _make_folder(os.path.dirname(target))
                with open(target, "wb") as file:
                    shutil.copyfileobj(content, file)
                # The user of apt's sandbox reads the files.
                os.chmod(target, 0o644)


def _make_folder(path: str) -> None:
    """Make a folder and those above it, which everyone may read whatever the umask."""
    if not os.path.isdir(path):
        _make_folder(os.path.dirname(path))
        os.mkdir(path)
        os.chmod(path, 0o755)
