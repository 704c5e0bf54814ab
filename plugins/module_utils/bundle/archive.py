# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""A tar for `docker load`, made while it is sent."""

import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from typing import Union

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import layout, oci
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.contents import PlatformImage

_CHUNK_BYTES = 1 << 20


def of_image(folder: str, name: str, image: PlatformImage, media_type: str) -> Iterator[bytes]:
    """The archive of one image for one platform under a name; `folder` has its blobs by the paths of the layout.

    It is an OCI image layout, which containerd's store reads, and has a manifest.json, which the graph drivers read.
    """
    paths = {path: os.path.join(folder, path) for path in map(layout.blob_in_images, blobs(image))}
    manifest = paths[layout.blob_in_images(image["manifest"])]
    top: oci.Descriptor = {"mediaType": media_type, "digest": image["manifest"], "size": os.path.getsize(manifest)}
    texts = {
        "oci-layout": oci.OCI_LAYOUT,
        "index.json": oci.layout_index([(name, top)]),
        "manifest.json": json.dumps([oci.archive_entry(name, image["blobs"])]),
    }
    return _tar({**{path: text.encode() for path, text in texts.items()}, **paths})


def blobs(image: PlatformImage) -> list[str]:
    """The digests of the blobs of an image for one platform, each once, with its manifest."""
    return list(dict.fromkeys([image["manifest"], *image["blobs"]]))


def _tar(members: Mapping[str, Union[bytes, str]]) -> Iterator[bytes]:
    """A tar with texts, and with the content of files if a member is a path."""
    for name, member in members.items():
        entry = tarfile.TarInfo(name)
        entry.size = len(member) if isinstance(member, bytes) else os.path.getsize(member)
        entry.mode = 0o644
        yield entry.tobuf(tarfile.USTAR_FORMAT)
        if isinstance(member, bytes):
            yield member
        else:
            with open(member, "rb") as file:
                yield from iter(lambda: file.read(_CHUNK_BYTES), b"")
        yield bytes(-entry.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)
