"""What the stand-in keeps: in one SQLite database, as Grafana does."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

KINDS = (
    *("next_ids", "users", "service_accounts", "tokens", "datasources", "datasource_secrets", "encryption"),
    *("folders", "dashboards", "library_elements", "annotations"),
)
TABLE = "CREATE TABLE IF NOT EXISTS state (kind TEXT, uid TEXT, content TEXT, PRIMARY KEY (kind, uid))"
# How long a write waits for another program that reads the database, such as a backup.
BUSY_SECONDS = 30


class Store:
    """State by kind and uid; every change is on disk before it is answered. Without a path it lives in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.state: dict[str, Any] = {kind: {} for kind in KINDS}
        self._database = connect(path) if path else None
        self._kept: dict[tuple[str, str], str] = {}
        if self._database:
            for kind, uid, content in self._database.execute("SELECT kind, uid, content FROM state ORDER BY rowid"):
                self._kept[kind, uid] = content
                self.state[kind][uid] = json.loads(content)

    def next_id(self, kind: str) -> int:
        """A new numeric id of a kind."""
        ids = self.state["next_ids"]
        ids[kind] = ids.get(kind, 0) + 1
        return ids[kind]

    def save(self) -> None:
        """Write what changed to disk."""
        if self._database is None:
            return
        now = {(kind, str(uid)): json.dumps(content) for kind in KINDS for uid, content in self.state[kind].items()}
        changed = [(*key, content) for key, content in now.items() if self._kept.get(key) != content]
        with self._database as transaction:
            transaction.executemany("DELETE FROM state WHERE kind = ? AND uid = ?", self._kept.keys() - now.keys())
            transaction.executemany(
                "INSERT INTO state VALUES (?, ?, ?) ON CONFLICT (kind, uid) DO UPDATE SET content = excluded.content",
                changed,
            )
        self._kept = now


def connect(path: Path) -> sqlite3.Connection:
    """The database, with the table of the store. One thread at a time uses it."""
    database = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
    with database as transaction:
        transaction.execute(TABLE)
    return database
