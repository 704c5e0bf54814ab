# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""A bundle as one file."""

import os
import shutil
import tarfile

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import layout
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.download import SPARE_BYTES
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.progress import megabytes


def write(folder: str, path: str) -> bool:
    """Write the tar of a bundle; returns False if it is newer than SHA256SUMS already.

    The blobs are compressed, so the tar is not. Raises BundleError or OSError.
    """
    if os.path.realpath(path).startswith(f"{os.path.realpath(folder)}/"):
        raise BundleError(f"bundle_tar: {path} is in the bundle. Name a path outside of {folder}.")
    sums = os.path.join(folder, layout.SUMS)
    if os.path.exists(path) and os.stat(path).st_mtime >= os.stat(sums).st_mtime:
        return False
    _check_room(folder, path)
    name = os.path.basename(os.path.abspath(folder))
    try:
        with tarfile.open(path + layout.PARTIAL, "w") as archive:
            archive.add(folder, name, filter=lambda entry: None if entry.name.endswith(layout.PARTIAL) else entry)
        os.replace(path + layout.PARTIAL, path)
    except BaseException:
        if os.path.exists(path + layout.PARTIAL):
            os.remove(path + layout.PARTIAL)
        raise
    return True


def _check_room(folder: str, path: str) -> None:
    paths = (os.path.join(parent, name) for parent, _folders, names in os.walk(folder) for name in names)
    size = sum(map(os.path.getsize, paths))
    parent = os.path.dirname(os.path.abspath(path))
    free = shutil.disk_usage(parent).free
    if size + SPARE_BYTES > free:
        raise BundleError(
            f"bundle_tar: {parent} has {megabytes(free)} free, and {path} needs {megabytes(size + SPARE_BYTES)}."
            " Free space, or name a path of another file system."
        )
