# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""bundle.json: what a bundle has. The parts of a bundle are made one after the other, and each changes its own keys."""

import json
import os
import time
from typing import Any, TypedDict

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import layout
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError

# Number of the format. A collection reads bundles of this number alone.
FORMAT = 1


class PlatformImage(TypedDict):
    """An image for one platform, such as linux/amd64.

    `manifest` and `config` are digests, `blobs` the digests of the config and the layers. `size` counts the bytes of
    the blobs, `unpacked_size` those of the layers after decompression (0 if it is not known).
    """

    platform: str
    manifest: str
    config: str
    blobs: list[str]
    size: int
    unpacked_size: int


class BundledImage(TypedDict):
    """An image by the reference that the roles' variables make without the site's mirror.

    `digest` is what the registry calls by the reference: an index or, for an image of one platform, its manifest.
    `reduced` is the same with the platforms of the bundle alone, for registries that refuse an incomplete index.
    """

    reference: str
    digest: str
    reduced: str
    platforms: list[PlatformImage]


class BundledPackages(TypedDict):
    """Packages for one distribution: `files` are paths relative to the bundle."""

    distribution: str
    version: str
    architecture: str
    files: list[str]


class Contents(TypedDict):
    """The content of bundle.json. `created` is the time in UTC, `collection` the version of the collection."""

    format: int
    collection: str
    created: str
    platforms: list[str]
    images: list[BundledImage]
    packages: list[BundledPackages]


def new(collection: str) -> Contents:
    """A bundle without parts."""
    return {
        "format": FORMAT,
        "collection": collection,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "platforms": [],
        "images": [],
        "packages": [],
    }


def exists(folder: str) -> bool:
    """Whether the folder holds a bundle."""
    return os.path.isfile(os.path.join(folder, layout.CONTENTS))


def read(folder: str) -> Contents:
    """What the bundle in a folder has. Raises BundleError."""
    path = os.path.join(folder, layout.CONTENTS)
    try:
        with open(path, encoding="utf-8") as file:
            contents = json.load(file)
    except FileNotFoundError as error:
        raise BundleError(f"{folder} is not a bundle: {path} is missing. Make one with the playbook bundle.") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not JSON"
        raise BundleError(
            f"{path} cannot be read: {reason}. Make the bundle again with the playbook bundle."
        ) from error
    other = BundleError(f"{path} is not that of a bundle. Make the bundle again with the playbook bundle.")
    if not isinstance(contents, dict) or not {*Contents.__annotations__} <= {*contents}:
        raise other
    if contents["format"] != FORMAT:
        raise BundleError(
            f"{path} has format {contents['format']}, and this version of the collection reads format {FORMAT}."
            " Use the version of the collection that is in the bundle's folder collection."
        )
    try:
        files(_contents(contents))
    except (KeyError, TypeError) as error:
        raise other from error
    return _contents(contents)


def digests(image: BundledImage) -> set[str]:
    """All blobs of an image."""
    of_platforms = [digest for platform in image["platforms"] for digest in (platform["manifest"], *platform["blobs"])]
    return {image["digest"], image["reduced"], *of_platforms}


def files(contents: Contents) -> set[str]:
    """The files that a bundle must have, as paths relative to it. Raises BundleError."""
    blobs = {digest for image in contents["images"] for digest in digests(image)}
    packages = [path for entry in contents["packages"] for path in entry["files"]]
    return {layout.CONTENTS, *(f"{layout.IMAGES}/{layout.blob_in_images(digest)}" for digest in blobs), *packages}


def begin(folder: str, collection: str) -> Contents:
    """The bundle in a folder. A folder that is empty or missing becomes a bundle, so that a further run can continue.

    Raises BundleError or OSError.
    """
    if exists(folder):
        return read(folder)
    if os.path.isdir(folder) and os.listdir(folder):
        raise BundleError(f"path: {folder} has files and is not a bundle. Name a folder that is empty or missing.")
    return update(folder, collection)


def update(folder: str, collection: str, **changed: Any) -> Contents:
    """Set keys of the bundle in a folder, which is made if it is missing. Raises BundleError or OSError.

    If the keys are as they were, the file is left as it is.
    """
    fresh = new(collection)
    old = read(folder) if exists(folder) else None
    if old and {**old, "collection": collection, **changed} == old:
        return old
    contents = _contents({**(old or fresh), "collection": collection, "created": fresh["created"], **changed})
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, layout.CONTENTS)
    with open(path + layout.PARTIAL, "w", encoding="utf-8") as file:
        json.dump(contents, file, indent=2)
        file.write("\n")
    os.replace(path + layout.PARTIAL, path)
    return contents


def _contents(value: dict[str, Any]) -> Contents:
    return value  # type: ignore[return-value]
