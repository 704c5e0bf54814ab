# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The file that the textfile collector of the node exporter reads."""

import os


def write(path: str, text: str) -> None:
    """Replace a file by the text. Readers see the whole file or no file."""
    folder, name = os.path.split(path)
    # The collector reads names that end with .prom alone.
    new = os.path.join(folder, f".{name}.new")
    with open(new, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
        os.fchmod(file.fileno(), 0o644)
    os.replace(new, path)
