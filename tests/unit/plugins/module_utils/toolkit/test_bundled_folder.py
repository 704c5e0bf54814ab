"""The folder of a bundle's repository on a host: written, restored, and cleared of previous folders."""

from __future__ import annotations

import io
import os
import tarfile

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.errors import PackageError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit import bundled_folder
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.bundled_folder import BundledFolder

PACKAGES = [{"name": name, "version": "1.20.0", "held": False, "state": "installed"} for name in ("a", "a-base")]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder of repositories on a host."""
    path = tmp_path / "packages"
    monkeypatch.setattr(bundled_folder, "FOLDER", str(path))
    return path


@pytest.fixture
def archive(tmp_path):
    """Makes an archive of files."""

    def make(**contents):
        path = tmp_path / "archive.tar"
        with tarfile.open(path, "w") as tar:
            for name, content in contents.items():
                member = tarfile.TarInfo(name.replace("__", "/"))
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content.encode()))
        return str(path)

    return make


def files(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def place(version, archive):
    placed = BundledFolder(bundled_folder.url(version), archive)
    placed.place()
    return placed


def test_everyone_may_read_the_files_whatever_the_umask(folder, archive):
    before = os.umask(0o077)
    try:
        place("1.20.1", archive(InRelease="list", repodata__primary="lists")).settle()
    finally:
        os.umask(before)
    assert files(folder) == {"1.20.1/InRelease": "list", "1.20.1/repodata/primary": "lists"}
    modes = {path: path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}
    assert all(mode == (0o755 if path.is_dir() else 0o644) for path, mode in modes.items()), modes


def test_a_former_folder_comes_back_or_goes(folder, archive):
    place("1.20.1", archive(InRelease="former")).settle()
    failed = place("1.20.1", archive(InRelease="new"))
    assert files(folder)["1.20.1/InRelease"] == "new"
    failed.put_back()
    assert files(folder) == {"1.20.1/InRelease": "former"}
    place("1.20.1", archive(InRelease="new")).settle()
    assert files(folder) == {"1.20.1/InRelease": "new"}


def test_another_version_leaves_the_former_folder_until_the_end(folder, archive):
    place("1.20.0", archive(InRelease="former")).settle()
    newer = place("1.20.1", archive(InRelease="new"))
    assert set(files(folder)) == {"1.20.0/InRelease", "1.20.1/InRelease"}
    newer.settle()
    assert set(files(folder)) == {"1.20.1/InRelease"}


def test_a_first_one_that_is_restored_leaves_nothing(folder, archive):
    place("1.20.1", archive(InRelease="new")).put_back()
    assert not folder.exists()


def test_another_repository_takes_all_folders_away(folder, archive):
    place("1.20.1", archive(InRelease="list")).settle()
    mirror = BundledFolder("http://mirror/nvidia", "")
    mirror.place()
    mirror.put_back()
    assert files(folder)
    mirror.settle()
    assert not files(folder)


@pytest.mark.parametrize("name", ["..__..__etc__passwd", "__etc__passwd"])
def test_no_file_is_written_elsewhere(folder, archive, name):
    with pytest.raises(PackageError, match="which is not a file of a repository"):
        place("1.20.1", archive(**{name: "root"}))
    assert not files(folder)


def test_a_host_that_needs_packages_all_of_a_sudden_asks_for_a_further_run():
    with pytest.raises(PackageError, match=r"Run again\."):
        place("1.20.1", "")


def test_packages_of_a_former_bundle_are_found_for_a_return(archive):
    place(
        "1.20.0",
        archive(**{"a-1.20.0-1.x86_64.rpm": "", "pool__a-base-1.20.0-1.x86_64.rpm": "", "b-1.20.0-1.x86_64.rpm": ""}),
    )
    names = sorted(os.path.basename(path) for path in bundled_folder.package_files(PACKAGES))
    assert names == ["a-1.20.0-1.x86_64.rpm", "a-base-1.20.0-1.x86_64.rpm"]
    assert bundled_folder.package_files([{**PACKAGES[0], "version": "1.19.0"}]) == []
