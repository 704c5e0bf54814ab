# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Images from registries into a bundle."""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import blobs, layout, oci, unpacked
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.contents import BundledImage, PlatformImage
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.progress import Progress, megabytes
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.client import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Manifest,
    Registry,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.reference import Reference, parse

# What stays free on the file system of the bundle.
SPARE_BYTES = 500 * 1000**2


class ImageDownload:
    """Fetches images for platforms into the bundle of a folder. `registry` gives the client for a registry's name."""

    def __init__(
        self, folder: str, platforms: Sequence[str], registry: Callable[[str], Registry], tell: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._platforms = platforms
        self._registry = registry
        self._tell = tell
        self.fetched = 0

    def fetch(self, text: str) -> BundledImage:
        """The image of a reference, with its blobs in the bundle. Raises RegistryError, BundleError or OSError."""
        reference = parse(text)
        registry = self._registry(reference.registry)
        top = registry.manifest(reference.repository, reference.version)
        document = _document(top, text)
        if top.media_type in INDEX_TYPES or "manifests" in document:
            kept = oci.choose(document["manifests"], self._platforms, text)
            manifests = [registry.manifest(reference.repository, descriptor["digest"]) for descriptor in kept]
            reduced = self._reduced(document, kept, top)
        else:
            manifests, reduced = [top], top.digest
        images = [self._platform_image(registry, reference, manifest, text) for manifest in manifests]
        _check_platforms(images, self._platforms, text)
        for manifest in (top, *manifests):
            self._write(manifest.digest, manifest.content)
        return {"reference": text, "digest": top.digest, "reduced": reduced, "platforms": images}

    def _reduced(self, index: dict[str, Any], kept: Sequence[oci.Descriptor], top: Manifest) -> str:
        """The digest of what stands for the index if only some of its platforms are kept."""
        if len(kept) == len(index["manifests"]):
            return top.digest
        if len(kept) == 1:
            return kept[0]["digest"]
        content = oci.reduced(index, kept)
        self._write(oci.digest_of(content), content)
        return oci.digest_of(content)

    def _platform_image(self, registry: Registry, reference: Reference, manifest: Manifest, text: str) -> PlatformImage:
        document = _document(manifest, text)
        if manifest.media_type not in MANIFEST_TYPES or "config" not in document:
            raise BundleError(f"{text} is not an image that engines run ({manifest.media_type}). Name another image.")
        parts = [document["config"], *document["layers"]]
        total = sum(part["size"] for part in parts)
        self._check_room(parts, text)
        progress = Progress(text, total, self._tell)
        fetched = 0
        for part in parts:
            path = layout.blob(self._folder, part["digest"])
            if blobs.download(registry, reference.repository, part["digest"], part["size"], path, progress):
                fetched += part["size"]
        if fetched:
            self._tell(f"{text}: fetched {megabytes(fetched)} of {megabytes(total)}")
        self.fetched += fetched
        with open(layout.blob(self._folder, document["config"]["digest"]), encoding="utf-8") as file:
            config = json.load(file)
        sizes = [
            unpacked.size_of(layout.blob(self._folder, part["digest"]), part["mediaType"])
            for part in document["layers"]
        ]
        return {
            "platform": oci.platform_name(config),
            "manifest": manifest.digest,
            "config": document["config"]["digest"],
            "blobs": [part["digest"] for part in parts],
            "size": total,
            "unpacked_size": sum(sizes) if all(sizes) else 0,
        }

    def _check_room(self, parts: Sequence[oci.Descriptor], text: str) -> None:
        paths = {layout.blob(self._folder, part["digest"]): part["size"] for part in parts}
        missing = sum(size for path, size in paths.items() if not os.path.exists(path))
        os.makedirs(self._folder, exist_ok=True)
        free = shutil.disk_usage(self._folder).free
        if missing + SPARE_BYTES > free:
            raise BundleError(
                f"path: {self._folder} has {megabytes(free)} free, and {text} needs"
                f" {megabytes(missing + SPARE_BYTES)}."
                " Free space, or name a folder of another file system."
            )

    def _write(self, digest: str, content: bytes) -> None:
        path = layout.blob(self._folder, digest)
        if not blobs.is_complete(path, digest, len(content)):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path + layout.PARTIAL, "wb") as file:
                file.write(content)
            os.replace(path + layout.PARTIAL, path)


def _document(manifest: Manifest, text: str) -> dict[str, Any]:
    try:
        document = json.loads(manifest.content)
    except ValueError as error:
        raise BundleError(
            f"{text}: the registry answers with a manifest that is not JSON. Check the address."
        ) from error
    if not isinstance(document, dict):
        raise BundleError(f"{text}: the registry answers, but not with a manifest. Check the address.")
    return document


def _check_platforms(images: Sequence[PlatformImage], platforms: Sequence[str], text: str) -> None:
    """An image without an index is for one platform, which only its config names."""
    for platform in platforms:
        if not any(image["platform"] == platform or image["platform"].startswith(f"{platform}/") for image in images):
            raise BundleError(
                f"platforms: {text} has none for {platform}, but for {images[0]['platform']}. Leave {platform} out."
            )
