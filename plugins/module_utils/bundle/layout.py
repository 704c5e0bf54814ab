# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Where the parts of a bundle lie: paths relative to the bundle's folder."""

import os

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.reference import DIGEST

CONTENTS = "bundle.json"
SUMS = "SHA256SUMS"
# An OCI image layout with a manifest.json, so that `docker load` takes a tar of the folder.
IMAGES = "images"
# The blobs in it.
BLOBS = "blobs/sha256"
# The NVIDIA repositories with their original signed indices.
APT = "packages/apt"
RPM = "packages/rpm"
COLLECTION = "collection"
# Folder on a host for what is sent there, in the folder that a variable names.
TRANSFER = "gpu_monitoring_transfer"
# Files that are being written. They are not part of the bundle.
PARTIAL = ".part"


def blob(folder: str, digest: str) -> str:
    """Path of a blob of the images of a bundle in a folder. Raises BundleError."""
    return os.path.join(folder, IMAGES, blob_in_images(digest))


def blob_in_images(digest: str) -> str:
    """Path of a blob, relative to the image layout. Raises BundleError."""
    # A registry or a copied bundle.json says the digest, which must not name a file outside of the folder.
    if not DIGEST.fullmatch(digest):
        raise BundleError(f"'{digest}' is not the SHA-256 of a blob. Make the bundle again with the playbook bundle.")
    return f"{BLOBS}/{digest.partition(':')[2]}"
