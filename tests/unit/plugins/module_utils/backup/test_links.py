"""Hard links to the blocks of Prometheus, which it compacts and deletes meanwhile."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import threading

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import links
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError


def name_of(number):
    return f"01JD{number:022}"


def make_block(folder, name, parts=("index", "chunks/000001", "tombstones", "meta.json")):
    building = folder / f"{name}.tmp-for-creation"
    for part in parts:
        (building / part).parent.mkdir(parents=True, exist_ok=True)
        (building / part).write_text(f"{name} {part}")
        (building / part).chmod(0o640)
    building.rename(folder / name)
    return folder / name


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    for number in range(3):
        folder.mkdir(exist_ok=True)
        make_block(folder, name_of(number))
    for other in (
        "wal/00000001",
        "chunks_head/000001",
        "wbl/00000000",
        f"{name_of(8)}.tmp-for-deletion/meta.json",
        "queries.active",
    ):
        (folder / other).parent.mkdir(exist_ok=True)
        (folder / other).write_text("of no block")
    (folder / name_of(9)).mkdir()
    return folder


def test_complete_blocks_are_linked_and_nothing_else(data, tmp_path):
    before = {path: path.stat() for path in data.rglob("*") if path.is_file()}
    assert links.link_blocks(str(data), str(tmp_path / "links")) == [name_of(0), name_of(1), name_of(2)]
    assert sorted(os.listdir(tmp_path / "links")) == [name_of(0), name_of(1), name_of(2)]
    assert sorted(links.files(str(tmp_path / "links" / name_of(0)))) == [
        "chunks/000001",
        "index",
        "meta.json",
        "tombstones",
    ]
    index = data / name_of(1) / "index"
    assert (tmp_path / "links" / name_of(1) / "index").samefile(index)
    after = {path: path.stat() for path in before}
    assert all(
        (after[path].st_mode, after[path].st_uid, after[path].st_gid) == (of.st_mode, of.st_uid, of.st_gid)
        for path, of in before.items()
    )
    assert (tmp_path / "links").stat().st_mode & 0o777 == 0o700


def test_removing_the_links_leaves_the_blocks(data, tmp_path):
    links.link_blocks(str(data), str(tmp_path / "links"))
    shutil.rmtree(tmp_path / "links")
    assert (data / name_of(0) / "index").read_text() == f"{name_of(0)} index"


def test_blocks_that_are_compacted_meanwhile_are_never_linked_in_part(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for number in range(30):
        make_block(data, name_of(number))
    ended = threading.Event()

    def compact():
        for number in itertools.count():
            make_block(data, name_of(100 + number))
            deleted = data / f"{name_of(number)}.tmp-for-deletion"
            oldest = data / (name_of(number) if number < 30 else name_of(100 + number - 30))
            oldest.rename(deleted)
            shutil.rmtree(deleted)
            if ended.wait(0.003):
                return

    thread = threading.Thread(target=compact, daemon=True)
    thread.start()
    try:
        for attempt in range(20):
            target = tmp_path / str(attempt)
            try:
                linked = links.link_blocks(str(data), str(target))
            except BackupError as error:
                assert "changed 10 times while they were linked" in str(error)
                continue
            assert linked
            for name in linked:
                assert sorted(links.files(str(target / name))) == ["chunks/000001", "index", "meta.json", "tombstones"]
    finally:
        ended.set()
        thread.join()


def test_no_part_of_a_block_stays_that_was_removed_after_it_was_opened(data, tmp_path, monkeypatch):
    scandir = os.scandir
    removed = []

    def remove_first(folder):
        if isinstance(folder, int) and not removed:
            removed.append(name_of(0))
            shutil.rmtree(data / name_of(0) / "chunks")
            (data / name_of(0) / "meta.json").unlink()
            listed = scandir(folder)
            (data / name_of(0)).rename(data / f"{name_of(0)}.tmp-for-deletion")
            return listed
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", remove_first)
    assert links.link_blocks(str(data), str(tmp_path / "links")) == [name_of(1), name_of(2)]
    assert (removed, sorted(os.listdir(tmp_path / "links"))) == ([name_of(0)], [name_of(1), name_of(2)])


def test_links_that_a_container_made_are_not_followed(data, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "shadow").write_text("of the host")
    (data / name_of(0) / "link").symlink_to(secret / "shadow")
    (data / name_of(0) / "folder").symlink_to(secret)
    links.link_tree(str(data / name_of(0)), str(tmp_path / "links"))
    assert sorted(links.files(str(tmp_path / "links"))) == ["chunks/000001", "index", "meta.json", "tombstones"]
    (data / "linked").symlink_to(data / name_of(1))
    with pytest.raises(NotADirectoryError):
        links.link_tree(str(data / "linked"), str(tmp_path / "more"))


@pytest.mark.parametrize("reason", [errno.EPERM, errno.EXDEV], ids=["no hard links", "another mount"])
def test_a_file_system_without_hard_links_is_named(data, tmp_path, monkeypatch, reason):
    def refuse(*_paths, **_options):
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(
        BackupError,
        match=r"(/chunks/000001|/index|/meta.json|/tombstones) .*needs a volume of one file system with hard",
    ):
        links.link_blocks(str(data), str(tmp_path / "links"))
