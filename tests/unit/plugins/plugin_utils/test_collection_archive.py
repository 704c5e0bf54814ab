"""The archive of a checkout and that of an installed collection: ansible-galaxy installs both, with one content."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import collection_archive


@pytest.fixture
def checkout(tmp_path):
    """A small collection."""
    folder = tmp_path / "checkout"
    galaxy = {"namespace": "some", "name": "thing", "version": "1.2.3", "readme": "README.md", "authors": ["somebody"]}
    (folder / "roles" / "a" / "files").mkdir(parents=True)
    (folder / "galaxy.yml").write_text(yaml.safe_dump(galaxy))
    (folder / "README.md").write_text("A thing.\n")
    (folder / "roles" / "a" / "files" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "roles" / "a" / "files" / "run.sh").chmod(0o755)
    return folder


def install(archive: str, folder: Path) -> Path:
    """Install an archive as a person does on a controller without internet."""
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(folder), "ANSIBLE_CONFIG": ""}
    command = [
        sys.executable,
        "-m",
        "ansible",
        "galaxy",
        "collection",
        "install",
        "--offline",
        archive,
        "-p",
        str(folder),
    ]
    subprocess.run(command, env=environment, check=True, capture_output=True, cwd=folder.parent)
    return folder / "ansible_collections" / "some" / "thing"


def content(folder: Path) -> dict[str, tuple[bytes, bool]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), os.access(path, os.X_OK)) for path in files}


def test_an_archive_of_a_checkout_and_one_of_what_it_installs_have_the_same_content(checkout, tmp_path):
    archive, changed = collection_archive.write(str(checkout), str(tmp_path / "bundle"))
    assert (os.path.basename(archive), changed) == ("some-thing-1.2.3.tar.gz", True)
    assert collection_archive.write(str(checkout), str(tmp_path / "bundle")) == (archive, False)
    installed = install(archive, tmp_path / "first")
    assert content(installed)["roles/a/files/run.sh"] == (b"#!/bin/sh\n", True)

    again, _changed = collection_archive.write(str(installed), str(tmp_path / "other"))
    assert content(install(again, tmp_path / "second")) == content(installed)
    first = Path(again).read_bytes()
    os.remove(again)
    assert collection_archive.write(str(installed), str(tmp_path / "other")) == (again, True)
    assert Path(again).read_bytes() == first

    (installed / "README.md").write_text("Edited.\n")
    os.remove(installed / "roles" / "a" / "files" / "run.sh")
    with pytest.raises(
        BundleError, match=r"was changed: README.md, roles/a/files/run.sh\. Install the collection again"
    ):
        collection_archive.write(str(installed), str(tmp_path / "other"))


def test_another_version_takes_the_place_of_the_former_one(checkout, tmp_path):
    collection_archive.write(str(checkout), str(tmp_path / "bundle"))
    (checkout / "galaxy.yml").write_text((checkout / "galaxy.yml").read_text().replace("1.2.3", "1.3.0"))
    collection_archive.write(str(checkout), str(tmp_path / "bundle"))
    assert os.listdir(tmp_path / "bundle") == ["some-thing-1.3.0.tar.gz"]


def test_a_checkout_that_cannot_be_built_says_why(checkout, tmp_path):
    (checkout / "galaxy.yml").write_text(json.dumps({"namespace": "some"}))
    with pytest.raises(BundleError, match="ansible-galaxy cannot build the collection in .*name"):
        collection_archive.write(str(checkout), str(tmp_path / "bundle"))
