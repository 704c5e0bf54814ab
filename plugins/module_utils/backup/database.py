# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A copy of an SQLite database that a program is writing to, made by SQLite itself."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import Any
from urllib.parse import quote

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError

try:
    import sqlite3
except ImportError:
    SQLITE = False
    _ERRORS: tuple[type[Exception], ...] = ()
else:
    SQLITE = True
    _ERRORS = (sqlite3.Error,)

# A step reads at most 8 MiB of pages of 4 KiB. The program can write between two steps.
STEP_PAGES = 2048
STEP_PAUSE_SECONDS = 0.02
# A write between two steps makes SQLite begin again. After this time one step copies the whole database.
STEPS_SECONDS = 30.0
BUSY_SECONDS = 30.0
# SQLITE_BUSY and SQLITE_LOCKED. The module sqlite3 has names for these from Python 3.11 on.
_LOCKED = (5, 6)
MISSING = (
    "Python on this host ({python}) has no module sqlite3, which Grafana's database needs. Install the package of the"
    " distribution that has the module, or set ansible_python_interpreter to a Python that has the module."
)


class _TooLong(Exception):
    """The steps did not end in time."""


def require_sqlite() -> None:
    """Raise BackupError if Python on this host cannot copy a database."""
    if not SQLITE:
        raise BackupError(MISSING.format(python=sys.executable))


def size(source: str) -> int:
    """The bytes of a copy. Raises BackupError for a file that is not a database."""
    with _errors(source), _opened(source) as database:
        return int(_pragma(database, "page_count") * _pragma(database, "page_size"))


def copy(source: str, target: str, steps_seconds: float = STEPS_SECONDS, locked_seconds: float = BUSY_SECONDS) -> None:
    """Copy a database into a new file with mode 0600, and check the integrity of the copy. Raises BackupError."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    with _errors(source), _opened(source) as database, contextlib.closing(sqlite3.connect(target)) as copied:
        if _pragma(database, "journal_mode") == "wal" or not _copied_in_steps(database, copied, steps_seconds):
            # In WAL mode a reader does not keep writers waiting, so that one step is best.
            _copy_in_one_step(database, copied, locked_seconds)
    check(target)


def check(path: str) -> None:
    """Raise BackupError for a database that is damaged."""
    with _errors(path), contextlib.closing(sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True)) as database:
        problems = [row[0] for row in database.execute("PRAGMA integrity_check(5)")]
    if problems != ["ok"]:
        raise BackupError(f"The database {path} is damaged: {'; '.join(problems)}.")


def _copied_in_steps(database: Any, copied: Any, seconds: float) -> bool:
    deadline = time.monotonic() + seconds

    def progress(_status: int, _remaining: int, _total: int) -> None:
        if time.monotonic() > deadline:
            raise _TooLong

    try:
        database.backup(copied, pages=STEP_PAGES, sleep=STEP_PAUSE_SECONDS, progress=progress)
    except _TooLong:
        return False
    return True


def _copy_in_one_step(database: Any, copied: Any, locked_seconds: float) -> None:
    deadline = time.monotonic() + locked_seconds

    def progress(status: int, _remaining: int, _total: int) -> None:
        # SQLite would try forever.
        if status in _LOCKED and time.monotonic() > deadline:
            raise sqlite3.OperationalError(f"a program has locked the database for {locked_seconds:.0f} seconds")

    database.backup(copied, pages=-1, progress=progress)


def _opened(source: str) -> Any:
    if os.path.islink(source):
        raise BackupError(f"The database {source} is a symbolic link, which is not followed.")
    return contextlib.closing(sqlite3.connect(f"file:{quote(source)}?mode=ro", uri=True, timeout=BUSY_SECONDS))


def _pragma(database: Any, name: str) -> Any:
    return database.execute(f"PRAGMA {name}").fetchone()[0]


@contextlib.contextmanager
def _errors(path: str) -> Any:
    require_sqlite()
    try:
        yield
    except _ERRORS as error:
        raise BackupError(f"The database {path} cannot be copied: {error}.") from error
