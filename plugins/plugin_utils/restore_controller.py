# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os


def write(folder: str, contents: dict[str, bytes], time: str, check_mode: bool) -> list[str]:
    """Write files of a backup that differ or are missing, and return their paths.

    What differs stays beside the new file.
    """
    written = []
    for name, content in contents.items():
        path = os.path.join(folder, name)
        if _content(path) == content:
            continue
        written.append(path)
        if check_mode:
            continue
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        with open(os.open(f"{path}.restored", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        if os.path.lexists(path):
            os.rename(path, f"{path}.before_restore.{time}")
        os.rename(f"{path}.restored", path)
    return written


def _content(path: str) -> bytes | None:
    """The content of a file; None if missing."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
