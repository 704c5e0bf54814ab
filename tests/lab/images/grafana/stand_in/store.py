"""What the stand-in keeps, in one JSON file that is replaced whole."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

KINDS = (
    *("next_ids", "users", "service_accounts", "tokens", "datasources", "datasource_secrets", "encryption"),
    *("folders", "dashboards", "library_elements", "annotations"),
)


class Store:
    """State by kind and uid; every change is on disk before it is answered. Without a path it lives in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.lock = threading.RLock()
        kept = json.loads(path.read_text()) if path and path.exists() else {}
        self.state: dict[str, Any] = {kind: kept.get(kind, {}) for kind in KINDS}

    def next_id(self, kind: str) -> int:
        """A new numeric id of a kind."""
        ids = self.state["next_ids"]
        ids[kind] = ids.get(kind, 0) + 1
        return ids[kind]

    def save(self) -> None:
        """Write the state to disk."""
        if self._path:
            staged = self._path.with_suffix(".new")
            staged.write_text(json.dumps(self.state))
            os.replace(staged, self._path)
