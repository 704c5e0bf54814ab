# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of the frozen state in a backup on the host itself."""

from __future__ import annotations

import os
import shutil
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import digests, store
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.digests import Digest


def place(folder: str, host: str, staged: list[dict[str, Any]]) -> None:
    """Put the files into a backup: as hard links if they are on the same file system, so that they take no room."""
    earlier = store.previous(folder, host)
    for entry in staged:
        path = store.make_folder_of(folder, entry["name"])
        try:
            os.link(entry["path"], path, follow_symlinks=False)
        except OSError:
            digest = Digest(size=entry["size"], sha256=entry["sha256"])
            if not store.reuse(earlier, entry["name"], digest, path):
                _copy(entry["path"], path)


def _copy(source: str, target: str) -> None:
    with open(digests.open_file(source), "rb") as read, open(target, "xb") as written:
        os.fchmod(written.fileno(), 0o600)
        shutil.copyfileobj(read, written, digests.PIECE_BYTES)
