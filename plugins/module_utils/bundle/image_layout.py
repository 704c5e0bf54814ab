# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The files around the blobs of a bundle's images, and the blobs that no image uses any longer."""

import json
import os
from collections.abc import Sequence

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import layout, oci
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.contents import BundledImage, digests
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.reference import parse


def write(folder: str, images: Sequence[BundledImage]) -> None:
    """Write oci-layout, index.json, and manifest.json with the images of the first platform; remove other blobs."""
    described = [(parse(image["reference"]).name, descriptor(folder, image["digest"])) for image in images]
    entries = [oci.archive_entry(parse(image["reference"]).name, image["platforms"][0]["blobs"]) for image in images]
    _write(folder, "oci-layout", oci.OCI_LAYOUT)
    _write(folder, "index.json", oci.layout_index(described))
    _write(folder, "manifest.json", json.dumps(entries, indent=2) + "\n")
    kept = {os.path.basename(layout.blob_in_images(digest)) for image in images for digest in digests(image)}
    blobs = os.path.join(folder, layout.IMAGES, layout.BLOBS)
    for name in os.listdir(blobs):
        if name not in kept:
            os.remove(os.path.join(blobs, name))


def accepted(image: BundledImage) -> list[str]:
    """The ids that an engine may give the image: the config's with a graph driver, else the index's or manifest's."""
    of_platforms = [digest for platform in image["platforms"] for digest in (platform["manifest"], platform["config"])]
    return list(dict.fromkeys([image["digest"], image["reduced"], *of_platforms]))


def size(folder: str, digest: str) -> int:
    """Bytes of a blob in the bundle."""
    return os.path.getsize(layout.blob(folder, digest))


def descriptor(folder: str, digest: str) -> oci.Descriptor:
    """The descriptor of an index or a manifest in the bundle."""
    path = layout.blob(folder, digest)
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    default = oci.INDEX_TYPE if "manifests" in document else "application/vnd.oci.image.manifest.v1+json"
    return {"mediaType": document.get("mediaType", default), "digest": digest, "size": size(folder, digest)}


def _write(folder: str, name: str, text: str) -> None:
    path = os.path.join(folder, layout.IMAGES, name)
    with open(path + layout.PARTIAL, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + layout.PARTIAL, path)
