"""Migrations of the database when a newer version starts, as far as a deployment sees them.

The real Grafana changes its database and logs each step, and does not serve meanwhile. A test sets the version with
STAND_IN_VERSION. STAND_IN_MIGRATION sets the number of steps, the time of each, and the end. A version older than that
of the database does not start, also after an interrupted migration.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

TABLES = (
    "CREATE TABLE IF NOT EXISTS version (number TEXT)",
    "CREATE TABLE IF NOT EXISTS migration_log (id INTEGER PRIMARY KEY, migration_id TEXT, success INTEGER)",
)
RUNNER = "storage.unified.migration_runner.folders-dashboards"


@dataclass(frozen=True)
class Migration:
    """What a newer version has to do; `then` is one of works, fails, stalls, and repeats: it begins again for ever."""

    steps: int = 0
    seconds: float = 0
    then: str = "works"


def parse(text: str) -> Migration:
    """A migration as STAND_IN_MIGRATION gives it, in JSON; one without steps where it is empty."""
    return Migration(**json.loads(text or "{}"))


def log(logger: str, level: str, text: str, **more: Any) -> None:
    """Write a line of Grafana's log in logfmt."""
    pairs = "".join(f" {key}={json.dumps(value) if isinstance(value, str) else value}" for key, value in more.items())
    now = datetime.now(timezone.utc).isoformat()
    print(f'logger={logger} t={now} level={level} msg="{text}"{pairs}', flush=True)


def migrate(database: sqlite3.Connection, version: str, migration: Migration) -> None:
    """Bring the database to a version. Ends the program for a newer database, and for a migration that fails."""
    with database as transaction:
        for table in TABLES:
            transaction.execute(table)
    kept = database.execute("SELECT number FROM version").fetchone()
    if kept and _numbers(version) < _numbers(kept[0]):
        log("server", "error", "the database is of a newer version", database=kept[0], version=version)
        sys.exit(1)
    if kept == (version,):
        return
    with database as transaction:
        transaction.execute("DELETE FROM version")
        transaction.execute("INSERT INTO version VALUES (?)", (version,))
    if kept:
        _run(database, version, migration)


def _run(database: sqlite3.Connection, version: str, migration: Migration) -> None:
    log("unifiedstorage-migrator", "info", "Executing migration", id="folders and dashboards migration")
    while True:
        for step in range(1, migration.steps + 1):
            time.sleep(migration.seconds)
            with database as transaction:
                transaction.execute(
                    "INSERT INTO migration_log (migration_id, success) VALUES (?, 1)", (f"{version} step {step}",)
                )
            log(RUNNER, "info", "Migration progress", org_id=1, count=step, message=f"[v: 1] dashboard-{step}")
        if migration.then == "fails":
            log("unifiedstorage-migrator", "error", "Executing migration failed", id="folders and dashboards migration")
            sys.exit(1)
        if migration.then == "works":
            log("unifiedstorage-migrator", "info", "migrations completed", performed=1, skipped=0)
            return
        if migration.then == "stalls":
            time.sleep(86400)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
