# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""A bundle as one file."""

import os
import tarfile

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import layout


def write(folder: str, path: str) -> bool:
    """Write the tar of a bundle; returns False where it is newer than SHA256SUMS already.

    The blobs are compressed, so the tar is not.
    """
    sums = os.path.join(folder, layout.SUMS)
    if os.path.exists(path) and os.stat(path).st_mtime >= os.stat(sums).st_mtime:
        return False
    name = os.path.basename(os.path.abspath(folder))
    with tarfile.open(path + layout.PARTIAL, "w") as archive:
        archive.add(folder, name, filter=lambda entry: None if entry.name.endswith(layout.PARTIAL) else entry)
    os.replace(path + layout.PARTIAL, path)
    return True
