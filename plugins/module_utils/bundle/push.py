# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Images of a bundle into a registry, byte by byte, so that their digests stay."""

from collections.abc import Callable
from typing import TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import blobs, image_layout, layout
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.contents import BundledImage, PlatformImage
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.progress import Progress, megabytes
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.client import PUSH, Manifest, Registry
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.reference import Reference

# Registries answer one of these if an index names manifests that they do not have.
_INCOMPLETE = (400, 404)


class Pushed(TypedDict):
    """What became of an image: `digest` is what the registry calls by the tag."""

    reference: str
    digest: str
    changed: bool
    sent_bytes: int


def push(
    folder: str, image: BundledImage, target: Reference, registry: Registry, tell: Callable[[str], None]
) -> Pushed:
    """Put an image into a registry under the name and tag of the target. Raises RegistryError or OSError."""
    tag = target.name.rpartition(":")[2]
    present = _digest(registry, target.repository, tag)
    if present in (image["digest"], image["reduced"]):
        return {"reference": target.name, "digest": present, "changed": False, "sent_bytes": 0}
    sent = sum(_send(folder, platform, target, registry, tell) for platform in image["platforms"])
    if sent:
        tell(f"{target.name}: sent {megabytes(sent)}")
    digest = image["digest"]
    try:
        registry.put_manifest(target.repository, tag, _manifest(folder, digest))
    except RegistryError as error:
        if error.status not in _INCOMPLETE or image["reduced"] == digest:
            raise
        digest = image["reduced"]
        registry.put_manifest(target.repository, tag, _manifest(folder, digest))
    return {"reference": target.name, "digest": digest, "changed": True, "sent_bytes": sent}


def _digest(registry: Registry, repository: str, tag: str) -> str:
    """What the registry calls by a tag; empty if it has none."""
    try:
        return registry.manifest(repository, tag, PUSH).digest
    except RegistryError as error:
        if error.status != 404:
            raise
        return ""


def _send(folder: str, image: PlatformImage, target: Reference, registry: Registry, tell: Callable[[str], None]) -> int:
    """Send what the registry lacks of an image for one platform, and return the bytes of the blobs sent."""
    progress = Progress(target.name, image["size"], tell)
    sent = 0
    for digest in dict.fromkeys(image["blobs"]):
        path = layout.blob(folder, digest)
        if blobs.upload(registry, target.repository, digest, path, progress):
            sent += image_layout.size(folder, digest)
    if not registry.has(target.repository, "manifests", image["manifest"]):
        registry.put_manifest(target.repository, image["manifest"], _manifest(folder, image["manifest"]))
    return sent


def _manifest(folder: str, digest: str) -> Manifest:
    with open(layout.blob(folder, digest), "rb") as file:
        return Manifest(file.read(), image_layout.descriptor(folder, digest)["mediaType"], digest)
