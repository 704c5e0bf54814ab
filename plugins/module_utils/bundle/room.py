# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Whether a host has room for the archives of images and for their layers. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.contents import PlatformImage
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.progress import megabytes

# A disk that is nearly full stops jobs.
SPARE_BYTES = 1000**3
# By how much layers grow at most if it is not known.
_GROWTH = 5


class Folder(NamedTuple):
    """A folder of a host, with its file system and the bytes that are free there."""

    path: str
    device: int
    free: int


def unpacked_size(image: PlatformImage) -> int:
    """The bytes of an image's layers after decompression, guessed if they are not known."""
    return image["unpacked_size"] or image["size"] * _GROWTH


def problem(host: str, images: Sequence[PlatformImage], transferred: int, transfer: Folder, data: Folder) -> str:
    """What is too small, as a sentence; empty if nothing is.

    `transferred` are the bytes that the transfer folder has already. An engine keeps a copy of the archive in its data
    folder while it loads, or for as long as it has the image.
    """
    archives = sum(image["size"] for image in images)
    needs = {transfer: max(archives - transferred, 0), data: archives + sum(unpacked_size(image) for image in images)}
    if transfer.device == data.device:
        needs = {transfer: sum(needs.values())}
    for folder, needed in needs.items():
        if needed + SPARE_BYTES > folder.free:
            named = "bundle_transfer_dir" if folder == transfer else "Docker's data folder"
            free = f"{megabytes(folder.free)} ({folder.free} bytes)"
            return (
                f"{named} on {host}: {folder.path} has {free} free, and the images need {megabytes(needed)} with"
                f" {megabytes(SPARE_BYTES)} to spare ({needed + SPARE_BYTES} bytes)."
                f" Free space there{', or name a folder of another file system' if folder == transfer else ''}."
            )
    return ""
