"""bundle.json and SHA256SUMS: what is written is read again, and what differs is named."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tarfile
from collections import namedtuple

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import contents, layout, sums, tar
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError

DIGEST = "sha256:" + "ab" * 32
PACKAGES = [{"distribution": "ubuntu", "version": "24.04", "architecture": "amd64", "files": ["packages/apt/a.deb"]}]


@pytest.fixture
def folder(tmp_path):
    """A bundle with a package and a blob."""
    path = str(tmp_path / "bundle")
    contents.update(path, "0.1.0", packages=PACKAGES)
    for name in (layout.blob(path, DIGEST), f"{path}/packages/apt/a.deb"):
        os.makedirs(os.path.dirname(name))
        with open(name, "w", encoding="utf-8") as file:
            file.write(name)
    return path


def check(folder):
    sums.check(folder, contents.files(contents.read(folder)))


def test_each_part_keeps_the_keys_of_the_others(folder):
    contents.update(folder, "0.2.0", platforms=["linux/amd64"])
    read = contents.read(folder)
    assert (read["packages"], read["platforms"], read["collection"]) == (PACKAGES, ["linux/amd64"], "0.2.0")


def test_the_same_keys_leave_the_file_as_it_is(folder):
    before = os.stat(f"{folder}/bundle.json")
    contents.update(folder, "0.1.0", packages=PACKAGES)
    after = os.stat(f"{folder}/bundle.json")
    # The time of access changes with each reading.
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_sha256sum_agrees(folder):
    assert sums.write(folder)
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", layout.SUMS], cwd=folder, capture_output=True, text=True, check=False
    )
    paths = ["bundle.json", f"images/blobs/sha256/{'ab' * 32}", "packages/apt/a.deb"]
    assert checked.stdout.splitlines() == [f"{path}: OK" for path in paths]
    check(folder)
    assert not sums.write(folder)


def test_a_file_that_is_being_written_is_no_part(folder):
    with open(f"{folder}/images/blobs/sha256/cd.part", "w", encoding="utf-8"):
        pass
    sums.write(folder)
    with open(f"{folder}/{layout.SUMS}", encoding="utf-8") as file:
        assert "cd" not in [line.rpartition("/")[2][:2] for line in file]


def test_what_is_missing_or_differs_is_named(folder):
    sums.write(folder)
    os.remove(f"{folder}/packages/apt/a.deb")
    with open(layout.blob(folder, DIGEST), "a", encoding="utf-8") as file:
        file.write("!")
    with pytest.raises(
        BundleError, match=r"sha256/abab\w+ \(another SHA-256\), packages/apt/a.deb \(No such file.*Copy the bundle"
    ):
        check(folder)


def test_a_copy_with_a_part_of_the_sums_is_refused(folder):
    with open(f"{folder}/{layout.SUMS}", "w", encoding="utf-8"):
        pass
    with pytest.raises(BundleError, match=r"bundle.json \(not in SHA256SUMS\), packages/apt/a.deb \(not in SHA256SUMS"):
        check(folder)


def test_what_lies_outside_of_the_folder_is_refused(folder, tmp_path):
    (tmp_path / "outside").write_text("outside")
    digest = sums.of_file(str(tmp_path / "outside"))
    os.symlink(tmp_path / "outside", f"{folder}/packages/link")
    os.symlink(tmp_path, f"{folder}/folder")
    sums.write(folder)
    for path in ("packages/link", "folder/outside", "../outside", str(tmp_path / "outside")):
        with open(f"{folder}/{layout.SUMS}", "w", encoding="utf-8") as file:
            file.write(f"{digest}  {path}\n")
        with pytest.raises(BundleError, match=rf"SHA256SUMS: {path} \(a symbolic link, or not in the folder\)"):
            sums.check(folder, [])


def test_a_tar_in_the_bundle_is_refused(folder):
    sums.write(folder)
    with pytest.raises(BundleError, match="bundle_tar: .* is in the bundle. Name a path outside"):
        tar.write(folder, f"{folder}/packages/bundle.tar")


def test_a_tar_does_not_fill_the_disk(folder, tmp_path, monkeypatch):
    sums.write(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: namedtuple("usage", "free")(500_000_000))
    with pytest.raises(BundleError, match="bundle_tar: .* has 500 MB free, and .*bundle.tar needs 500 MB. Free space"):
        tar.write(folder, str(tmp_path / "bundle.tar"))
    assert os.listdir(tmp_path) == ["bundle"]


def test_a_tar_that_was_not_finished_is_removed(folder, tmp_path, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    sums.write(folder)
    monkeypatch.setattr(tarfile.TarFile, "add", full)
    with pytest.raises(OSError, match="No space left"):
        tar.write(folder, str(tmp_path / "bundle.tar"))
    assert os.listdir(tmp_path) == ["bundle"]


@pytest.mark.parametrize("digest", ["sha256:../../../../etc/cron.d/x", "sha256:ab", "/etc:passwd", "", None])
def test_a_digest_that_names_another_file_is_refused(folder, digest):
    platform = {"manifest": DIGEST, "blobs": [DIGEST, digest]}
    contents.update(folder, "0.1.0", images=[{"digest": DIGEST, "reduced": DIGEST, "platforms": [platform]}])
    with pytest.raises(BundleError, match="is not the SHA-256 of a blob|is not that of a bundle"):
        contents.read(folder)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "is missing"),
        ("{", "not JSON"),
        ("[]", "not that of a bundle"),
        ('{"format": 1}', "not that of a bundle"),
    ],
)
def test_a_folder_that_is_no_bundle_is_refused(tmp_path, text, words):
    if text is not None:
        (tmp_path / layout.CONTENTS).write_text(text)
    with pytest.raises(BundleError, match=f"{words}.*playbook bundle"):
        contents.read(str(tmp_path))


def test_a_run_that_was_interrupted_left_a_bundle(tmp_path):
    path = str(tmp_path / "bundle")
    contents.begin(path, "0.1.0")
    (tmp_path / "bundle" / "images").mkdir()
    assert contents.begin(path, "0.1.0")["images"] == []
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(BundleError, match="has files and is not a bundle. Name a folder that is empty or missing"):
        contents.begin(str(tmp_path), "0.1.0")


def test_another_format_is_refused(folder):
    contents.update(folder, "0.1.0", format=2)
    with pytest.raises(BundleError, match="has format 2, and this version of the collection reads format 1"):
        contents.read(folder)
