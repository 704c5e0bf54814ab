"""Copies of real SQLite databases, while a program writes to them."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import subprocess
import sys
import threading
import time

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import database
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError

from tests.conftest import COLLECTIONS

ROWS = 4000


def make(path, mode):
    with contextlib.closing(sqlite3.connect(path)) as made:
        made.execute(f"PRAGMA journal_mode={mode}")
        made.execute("CREATE TABLE dashboard (id INTEGER PRIMARY KEY, data TEXT)")
        made.execute("CREATE TABLE pair (half INTEGER)")
        made.executemany("INSERT INTO dashboard (data) VALUES (?)", ((f"{number:05}" * 500,) for number in range(ROWS)))
        made.commit()
    return str(path)


class Writer(threading.Thread):
    """Writes two rows in each transaction, so that a copy with one of them is torn."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self._path = path
        self._ended = threading.Event()
        self.began = threading.Event()
        self.errors = []
        self.longest = 0.0

    def run(self):
        with contextlib.closing(sqlite3.connect(self._path, timeout=5)) as connection:
            number = 0
            while not self._ended.is_set():
                begun = time.monotonic()
                try:
                    with connection:
                        connection.execute("INSERT INTO pair VALUES (?)", (number,))
                        connection.execute("UPDATE dashboard SET data = data || 'x' WHERE id = ?", (number % ROWS + 1,))
                        connection.execute("INSERT INTO pair VALUES (?)", (number,))
                except sqlite3.Error as error:
                    self.errors.append(str(error))
                self.longest = max(self.longest, time.monotonic() - begun)
                number += 1
                self.began.set()
                self._ended.wait(0.002)

    def __enter__(self):
        self.start()
        assert self.began.wait(10)
        return self

    def __exit__(self, *_raised):
        self._ended.set()
        self.join()


@pytest.mark.parametrize("steps_seconds", [database.STEPS_SECONDS, 0], ids=["in steps", "in one step"])
@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_copy_during_writes_is_whole_and_keeps_no_writer_waiting(tmp_path, mode, steps_seconds, monkeypatch):
    monkeypatch.setattr(database, "STEP_PAGES", 500)
    source, target = make(tmp_path / "grafana.db", mode), str(tmp_path / "copy.db")
    with Writer(source) as writer:
        database.copy(source, target, min(steps_seconds, 2))
    assert writer.errors == []
    assert writer.longest < 1
    with contextlib.closing(sqlite3.connect(target)) as copied:
        assert copied.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert copied.execute("SELECT count(*) FROM dashboard").fetchone() == (ROWS,)
        [pairs, halves] = copied.execute("SELECT count(DISTINCT half), count(*) FROM pair").fetchone()
    assert halves == 2 * pairs > 0
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_database_that_no_program_has_open_is_copied_and_left_as_it_was(tmp_path, mode):
    source = make(tmp_path / "grafana.db", mode)
    before = (tmp_path / "grafana.db").read_bytes()
    database.copy(source, str(tmp_path / "copy.db"))
    assert (tmp_path / "grafana.db").read_bytes() == before
    assert database.size(source) == (tmp_path / "copy.db").stat().st_size


def test_what_is_only_in_the_write_ahead_log_is_copied_too(tmp_path):
    source = make(tmp_path / "grafana.db", "WAL")
    with contextlib.closing(sqlite3.connect(source)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        with connection:
            connection.execute("INSERT INTO pair VALUES (7)")
        database.copy(source, str(tmp_path / "copy.db"))
    with contextlib.closing(sqlite3.connect(tmp_path / "copy.db")) as copied:
        assert copied.execute("SELECT half FROM pair").fetchall() == [(7,)]


def test_a_database_that_stays_locked_ends_the_backup(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    source = make(tmp_path / "grafana.db", "DELETE")
    pragma = database._pragma
    with contextlib.closing(sqlite3.connect(source, isolation_level=None)) as program:

        def lock_after(opened, name):
            answer = pragma(opened, name)
            program.execute("BEGIN EXCLUSIVE")
            return answer

        monkeypatch.setattr(database, "_pragma", lock_after)
        with pytest.raises(BackupError, match=r"cannot be copied: a program has locked the database for 0 seconds"):
            database.copy(source, str(tmp_path / "copy.db"), 0.05, 0.05)


def test_a_damaged_database_is_no_backup(tmp_path):
    source = make(tmp_path / "grafana.db", "DELETE")
    with open(source, "r+b") as file:
        file.seek(4096 * 40)
        file.write(b"\xff" * 4096 * 20)
    with pytest.raises(BackupError, match=r"is damaged: |cannot be copied: "):
        database.copy(source, str(tmp_path / "copy.db"))


def test_what_is_no_database_and_a_link_are_refused(tmp_path):
    (tmp_path / "text.db").write_text("no database, but text of some length" * 100)
    with pytest.raises(BackupError, match=r"text.db cannot be copied: file is not a database"):
        database.size(str(tmp_path / "text.db"))
    (tmp_path / "link.db").symlink_to(make(tmp_path / "grafana.db", "DELETE"))
    with pytest.raises(BackupError, match="is a symbolic link, which is not followed"):
        database.copy(str(tmp_path / "link.db"), str(tmp_path / "copy.db"))


def test_a_python_without_sqlite_is_named_with_what_to_do(tmp_path):
    program = f"""
import sys
sys.modules["sqlite3"] = None
sys.path.insert(0, {str(COLLECTIONS)!r})
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import database
for asked in (database.size, database.check):
    try:
        asked({str(tmp_path / "grafana.db")!r})
    except database.BackupError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    told = f"Python on this host ({sys.executable}) has no module sqlite3, which Grafana's database needs. Install"
    assert (done.stdout.count(told), done.stderr) == (2, "")
