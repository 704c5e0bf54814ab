# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Images of a bundle into the engine of a host."""

import os
import shutil
import stat
from collections.abc import Sequence
from typing import Any, NamedTuple

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import docker_socket
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import archive, layout, room
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.contents import PlatformImage
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.sums import of_file

LOAD_SILENCE_SECONDS = 900
_CONTAINERD_STORE = "io.containerd.snapshotter"
_CONTAINERD_FOLDER = "/var/lib/containerd"


class WantedImage(NamedTuple):
    """An image that a host should have by a name. `accepted` are the ids that the engine may give it."""

    name: str
    accepted: list[str]
    media_type: str
    platforms: list[PlatformImage]


class ImageLoad:
    """The images that one host should have. Raises BundleError, EngineError or OSError."""

    def __init__(self, api: docker_socket.Api, host: str, images: Sequence[WantedImage], folder: str) -> None:
        self._api = api
        self._host = host
        self._folder = folder
        self.missing = [(image, self._platform(image)) for image in images if not self._is_present(image)]

    def prepare(self, owner: int, check_mode: bool) -> list[str]:
        """Make the transfer folder for a user, and return the digests of the blobs that it lacks."""
        digests = list(dict.fromkeys(digest for _image, platform in self.missing for digest in archive.blobs(platform)))
        if not digests:
            if not check_mode:
                # What an interrupted run left is no longer of use.
                shutil.rmtree(self._folder, ignore_errors=True)
            return []
        transferred = [digest for digest in digests if self._is_intact(digest)]
        size = sum(os.path.getsize(self._path(digest)) for digest in transferred)
        problem = room.problem(
            self._host,
            [platform for _image, platform in self.missing],
            size,
            _folder(self._folder),
            _folder(self._data_folder()),
        )
        if problem:
            raise BundleError(problem)
        if not check_mode:
            self._make_folder(owner)
        return [digest for digest in digests if digest not in transferred]

    def carry_out(self) -> None:
        """Load the missing images from the transfer folder one after the other, check them, and remove the folder."""
        for image, platform in self.missing:
            broken = [digest for digest in archive.blobs(platform) if not self._is_intact(digest)]
            if broken:
                raise BundleError(
                    f"{image.name} on {self._host}: {broken[0]} arrived incomplete. Run the playbook load again."
                )
            tar = archive.of_image(self._folder, image.name, platform, image.media_type)
            with self._api.stream("POST", "/images/load", archive=tar, timeout=LOAD_SILENCE_SECONDS) as answer:
                for line in answer.lines():
                    if "error" in line:
                        raise BundleError(
                            f"{image.name} on {self._host}: the engine cannot load the image: {line['error']}."
                            " Correct the cause on the host, and run the playbook load again."
                        )
            if not self._is_present(image):
                raise BundleError(
                    f"{image.name} on {self._host}: the engine has it as {self._id(image) or 'nothing'}, which is not"
                    " in the bundle. Copy the bundle again, and run the playbook load again."
                )
        if self.missing:
            shutil.rmtree(self._folder)

    def _platform(self, image: WantedImage) -> PlatformImage:
        own = f"{self._api.version['Os']}/{self._api.version['Arch']}"
        for platform in image.platforms:
            if platform["platform"] == own or platform["platform"].startswith(f"{own}/"):
                return platform
        known = ", ".join(platform["platform"] for platform in image.platforms)
        raise BundleError(
            f"bundle_platforms: the bundle has {image.name} for {known}, and {self._host} is {own}."
            f" Make the bundle again with {own} in bundle_platforms."
        )

    def _id(self, image: WantedImage) -> str:
        try:
            return str(self._api.get(f"/images/{docker_socket.segment(image.name)}/json")["Id"])
        except docker_socket.NotFound:
            return ""

    def _is_present(self, image: WantedImage) -> bool:
        return self._id(image) in image.accepted

    def _data_folder(self) -> str:
        """Where the engine keeps images."""
        info: dict[str, Any] = self._api.get("/info")
        has_store = any(_CONTAINERD_STORE in str(value) for _name, value in info.get("DriverStatus") or [])
        address = (info.get("Containerd") or {}).get("Address", "")
        # A containerd that the engine starts itself keeps its data in the engine's folder.
        if has_store and "/docker/" not in address and os.path.isdir(_CONTAINERD_FOLDER):
            return _CONTAINERD_FOLDER
        return str(info["DockerRootDir"])

    def _make_folder(self, owner: int) -> None:
        self._check_folder(owner)
        blobs = os.path.join(self._folder, layout.BLOBS)
        os.makedirs(blobs, exist_ok=True)
        for path in (self._folder, os.path.dirname(blobs), blobs):
            os.chmod(path, 0o700)
            os.chown(path, owner, -1)

    def _check_folder(self, owner: int) -> None:
        """Refuse what another user has put in the place of the folder, as anyone can in a folder like /tmp."""
        if not os.path.lexists(self._folder):
            return
        status = os.lstat(self._folder)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (owner, os.geteuid()):
            raise BundleError(
                f"bundle_transfer_dir on {self._host}: {self._folder} is not a folder of the user of the connection."
                " Remove it, or name another folder."
            )

    def _path(self, digest: str) -> str:
        return os.path.join(self._folder, layout.blob_in_images(digest))

    def _is_intact(self, digest: str) -> bool:
        path = self._path(digest)
        return os.path.isfile(path) and not os.path.islink(path) and f"sha256:{of_file(path)}" == digest


def _folder(path: str) -> room.Folder:
    """A folder with the free space of its file system; a missing folder has that of the folder above."""
    present = path
    while not os.path.isdir(present):
        present = os.path.dirname(present)
    return room.Folder(path, os.stat(present).st_dev, shutil.disk_usage(present).free)
