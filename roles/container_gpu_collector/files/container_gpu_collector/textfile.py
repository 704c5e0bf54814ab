# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The file that the textfile collector of the node exporter reads."""

import os
from dataclasses import dataclass


@dataclass
class Textfile:
    """A file that readers see whole or not at all."""

    path: str

    def write(self, text: str) -> None:
        """Put the text in place of the file."""
        folder, name = os.path.split(self.path)
        # The collector reads names that end with .prom alone.
        new = os.path.join(folder, f".{name}.new")
        with open(new, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
        os.replace(new, self.path)
