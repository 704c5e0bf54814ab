# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Indices and manifests of images (https://github.com/opencontainers/image-spec). Pure."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import layout
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError

OCI_LAYOUT = '{"imageLayoutVersion": "1.0.0"}\n'
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
NAME_ANNOTATION = "io.containerd.image.name"
REFERENCE_ANNOTATION = "org.opencontainers.image.ref.name"


class Descriptor(TypedDict, total=False):
    """A part of an image: what it is, its digest and its size in bytes."""

    mediaType: str
    digest: str
    size: int
    platform: dict[str, str]
    annotations: dict[str, str]


class ArchiveEntry(TypedDict):
    """An image in manifest.json, which `docker load` of the graph drivers reads."""

    Config: str
    RepoTags: list[str]
    Layers: list[str]


def digest_of(content: bytes) -> str:
    """The digest of a blob."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def platform_name(platform: dict[str, str]) -> str:
    """A platform like linux/amd64 or linux/arm/v7."""
    return "/".join(
        part for part in (platform.get("os"), platform.get("architecture"), platform.get("variant")) if part
    )


def choose(manifests: Sequence[Descriptor], platforms: Sequence[str], reference: str) -> list[Descriptor]:
    """The manifests of an index for platforms, in this order. Raises BundleError if one is missing."""
    chosen = []
    for platform in platforms:
        names = [platform_name(manifest.get("platform") or {}) for manifest in manifests]
        matching = [name for name in names if name == platform] or [
            name for name in names if name.startswith(f"{platform}/")
        ]
        if not matching:
            known = ", ".join(sorted({name for name in names if name and not name.startswith("unknown")}))
            raise BundleError(f"platforms: {reference} has none for {platform}, but for {known}. Leave {platform} out.")
        chosen.append(manifests[names.index(matching[0])])
    return chosen


def reduced(index: dict[str, Any], kept: Sequence[Descriptor]) -> bytes:
    """The index with some of its manifests alone. The same bytes come from the same index."""
    return json.dumps({**index, "manifests": list(kept)}, sort_keys=True, separators=(",", ":")).encode()


def layout_index(images: Sequence[tuple[str, Descriptor]]) -> str:
    """index.json of a layout with images by their names."""
    manifests = [
        {
            "mediaType": descriptor["mediaType"],
            "digest": descriptor["digest"],
            "size": descriptor["size"],
            "annotations": {NAME_ANNOTATION: name, REFERENCE_ANNOTATION: name.rpartition(":")[2]},
        }
        for name, descriptor in images
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests}, indent=2) + "\n"


def archive_entry(name: str, blobs: Sequence[str]) -> ArchiveEntry:
    """The entry of an image in manifest.json; `blobs` are the digests of the config and the layers."""
    paths = [layout.blob_in_images(digest) for digest in blobs]
    return {"Config": paths[0], "RepoTags": [name], "Layers": paths[1:]}
