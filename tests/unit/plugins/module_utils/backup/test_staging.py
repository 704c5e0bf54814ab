"""The frozen state of a host, on real files and file systems."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import staging
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError


@pytest.fixture
def disk(tmp_path):
    """A file system of 8 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def sources(disk, tmp_path, monkeypatch):
    """Grafana with a database of 3 MiB on the disk."""
    monkeypatch.setattr(staging.state, "MEMORY_FOLDER", str(tmp_path / "memory"))
    with contextlib.closing(sqlite3.connect(disk / "grafana.db")) as database:
        database.execute("CREATE TABLE dashboard (data BLOB)")
        database.execute("INSERT INTO dashboard VALUES (zeroblob(3 << 20))")
        database.commit()
    (tmp_path / "secret_key").write_text("key")
    return staging.Sources({"grafana": str(disk)}, True, True, str(tmp_path / "secret_key"), [])


def test_the_copy_that_a_killed_run_left_takes_no_room_from_the_next(sources, disk):
    left = disk / staging.FOLDER / "grafana.db"
    left.parent.mkdir()
    left.write_bytes(b"x" * (3 << 20))
    assert [entry["name"] for entry in staging.stage(sources)] == ["grafana/grafana.db", "grafana/secret_key"]


def test_a_disk_without_room_for_the_copy_is_named_before_anything_is_written(sources, disk):
    (disk / "of-others").write_bytes(b"x" * (3 << 20))
    with pytest.raises(BackupError, match="the copy of Grafana's database needs 3.0 MiB"):
        staging.stage(sources)
    assert not (disk / staging.FOLDER).exists()
