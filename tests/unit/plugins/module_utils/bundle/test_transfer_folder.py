"""The folder of a host to which images are sent: what another user has put in its place is not used."""

from __future__ import annotations

import os
import stat
from types import SimpleNamespace

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import docker_socket
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import layout
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.load import ImageLoad, WantedImage

DIGEST = "sha256:" + "ab" * 32
PLATFORM = {
    "platform": "linux/amd64",
    "manifest": DIGEST,
    "config": DIGEST,
    "blobs": [],
    "size": 1,
    "unpacked_size": 1,
}


@pytest.fixture
def folder(tmp_path):
    """Where the transfer folder of a host is made."""
    return str(tmp_path / layout.TRANSFER)


@pytest.fixture
def prepare(tmp_path, folder):
    """Asks a stand-in for an engine without images, and makes the folder for a user."""

    def get(path):
        if path == "/info":
            return {"DockerRootDir": str(tmp_path)}
        raise docker_socket.NotFound("no such image", 404)

    engine = SimpleNamespace(version={"Os": "linux", "Arch": "amd64"}, get=get)
    image = WantedImage("docker.io/x:1", [DIGEST], "", [PLATFORM])
    return lambda owner: ImageLoad(engine, "gpu1", [image], folder).prepare(owner, check_mode=False)


def test_only_the_user_of_the_connection_can_read_the_folder(prepare, folder):
    assert prepare(os.geteuid()) == prepare(os.geteuid()) == [DIGEST]
    for path in (folder, f"{folder}/blobs", f"{folder}/blobs/sha256"):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o700


def test_a_link_in_the_place_of_the_folder_is_refused(prepare, folder, tmp_path):
    (tmp_path / "etc").mkdir(mode=0o755)
    os.symlink(tmp_path / "etc", folder)
    with pytest.raises(BundleError, match="bundle_transfer_dir on gpu1: .* is not a folder of the user"):
        prepare(os.geteuid())
    assert (os.listdir(tmp_path / "etc"), stat.S_IMODE(os.stat(tmp_path / "etc").st_mode)) == ([], 0o755)


def test_a_folder_of_another_user_is_refused(prepare, folder, monkeypatch):
    os.mkdir(folder)
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(BundleError, match="is not a folder of the user of the connection. Remove it"):
        prepare(other)
