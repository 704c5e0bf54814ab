"""The folder with the backups of a host: manifests, what is checked, and what is removed."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import digests, manifest, room, store
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.manifest import Manifest

TIMES = [f"2026-11-2{day}T10:00:00Z" for day in range(1, 7)]


def back_up(parent, made, keep=0, host="monitor1", services=("prometheus",), name="prometheus/blocks/index"):
    folder = parent / store.folder_name(made)
    begun = Manifest(host, made, list(services))
    store.begin(str(folder), begun)
    path = folder / name
    path.parent.mkdir(parents=True)
    path.write_text("samples")
    begun.files = {name: digests.of_file(str(path))}
    return folder, store.finish(str(folder), begun, keep)


def test_a_backup_is_complete_after_its_files_were_compared(tmp_path):
    folder, removed = back_up(tmp_path / "backups", TIMES[0])
    assert (folder.name, removed) == ("20261121T100000Z", [])
    backup_manifest = manifest.read(str(folder))
    manifest.check(str(folder), backup_manifest)
    assert (backup_manifest.host, backup_manifest.size(), backup_manifest.complete) == (
        "monitor1",
        len("samples"),
        True,
    )
    assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777 == 0o700


def test_a_file_that_is_not_what_was_backed_up_fails_the_backup_and_removes_no_old_one(tmp_path):
    old, _removed = back_up(tmp_path, TIMES[0])
    begun = Manifest("monitor1", TIMES[1], [], files={"index": {"size": 3, "sha256": "0" * 64}})
    folder = tmp_path / store.folder_name(TIMES[1])
    store.begin(str(folder), begun)
    (folder / "index").write_text("abc")
    with pytest.raises(BackupError, match="index is damaged: it has 3 bytes with the SHA-256 "):
        store.finish(str(folder), begun, 1)
    assert old.is_dir()
    assert not manifest.read(str(folder)).complete


def test_only_old_backups_of_the_host_are_removed(tmp_path):
    for made in TIMES[:3]:
        back_up(tmp_path, made)
    back_up(tmp_path, TIMES[3], host="monitor2")
    (tmp_path / "20200101T000000Z").mkdir()
    (tmp_path / "20200101T000000Z" / "manifest.json").write_text(json.dumps({"kind": "another", "made": "2020"}))
    (tmp_path / "notes").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / store.folder_name(TIMES[0]))
    _folder, removed = back_up(tmp_path, TIMES[4], keep=2)
    assert sorted(map(os.path.basename, removed)) == ["20261121T100000Z", "20261122T100000Z"]
    assert sorted(os.listdir(tmp_path)) == [
        "20200101T000000Z",
        "20261123T100000Z",
        "20261124T100000Z",
        "20261125T100000Z",
        "link",
        "notes",
    ]


@pytest.mark.parametrize(
    "smaller",
    [{"services": ["prometheus"], "name": "configuration/key.gz.vault"}, {"services": ["grafana", "prometheus"]}],
    ids=["one service", "without secrets"],
)
def test_a_backup_removes_none_that_has_more(tmp_path, smaller):
    larger = {"services": ["grafana", "prometheus"], "name": "grafana/secret_key.gz.vault"}
    folder, _removed = back_up(tmp_path, TIMES[0], **larger)
    first, removed = back_up(tmp_path, TIMES[1], keep=1, **smaller)
    assert removed == []
    second, removed = back_up(tmp_path, TIMES[2], keep=1, **smaller)
    assert removed == [str(first)]
    _newest, removed = back_up(tmp_path, TIMES[3], keep=1, **larger)
    assert sorted(removed) == [str(folder), str(second)]


def test_the_new_backup_stays_where_the_clock_went_back(tmp_path):
    for made in TIMES[1:4]:
        back_up(tmp_path, made)
    folder, removed = back_up(tmp_path, TIMES[0], keep=1)
    assert folder.is_dir()
    assert len(removed) == 3


def test_what_a_killed_run_left_is_removed_by_the_next_and_does_not_count(tmp_path):
    complete, _removed = back_up(tmp_path, TIMES[0])
    store.begin(str(tmp_path / store.folder_name(TIMES[1])), Manifest("monitor1", TIMES[1], []))
    folder, removed = back_up(tmp_path, TIMES[2], keep=2)
    assert removed == []
    assert sorted(os.listdir(tmp_path)) == [complete.name, folder.name]


def test_a_removal_that_is_killed_is_ended_by_the_next_run(tmp_path, monkeypatch):
    old, _removed = back_up(tmp_path, TIMES[0])
    (old / "after.json").write_text("{}")
    rmtree = shutil.rmtree

    def killed(path, *arguments, **options):
        rmtree(path, *arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            back_up(tmp_path, TIMES[1], keep=1)
    assert (old / "manifest.json").exists()
    assert not (old / "prometheus").exists()
    newest, removed = back_up(tmp_path, TIMES[2], keep=1)
    assert (os.listdir(tmp_path), str(old) in removed) == ([newest.name], True)


def test_all_files_are_on_the_disk_before_the_backup_counts(tmp_path, monkeypatch):
    synced, fsync, write = [], os.fsync, manifest.write

    def noted(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    def write_after_files(folder, written):
        if written.complete:
            assert {os.path.join(folder, "prometheus", "blocks", "index"), folder} <= set(map(os.path.normpath, synced))
        write(folder, written)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(manifest, "write", write_after_files)
    folder, _removed = back_up(tmp_path, TIMES[0])
    assert manifest.read(str(folder)).complete


def test_an_unchanged_file_is_linked_from_an_earlier_backup_and_a_damaged_one_is_not(tmp_path):
    folder, _removed = back_up(tmp_path, TIMES[0])
    name, digest = "prometheus/blocks/index", manifest.read(str(folder)).files["prometheus/blocks/index"]
    new = str(tmp_path / "new")
    earlier = store.previous(new, "monitor1")
    assert earlier == str(folder)
    assert store.reuse(earlier, name, digest, str(tmp_path / "linked"))
    assert (tmp_path / "linked").samefile(folder / name)
    (folder / name).write_text("Samples")
    assert not store.reuse(earlier, name, digest, str(tmp_path / "other"))
    assert store.previous(new, "monitor2") is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "restic"}, "is not a backup of mlops.gpu_monitoring"),
        ({"format": 2, "collection": "3.0.0"}, r"the format 2 of backups, .* that made the backup \(3.0.0\)"),
        (
            {"files": {"../../etc/passwd": {"size": 1, "sha256": "0" * 64}}},
            "'../../etc/passwd' is not a file of a backup",
        ),
        ({"files": {"/etc/passwd": {"size": 1, "sha256": "0" * 64}}}, "'/etc/passwd' is not a file of a backup"),
        ({"files": {"index": {"size": 1}}}, "manifest.json is damaged: 'sha256'"),
        ({"files": {"index": {"size": 1, "sha256": "x"}}}, "'index' is not a file of a backup"),
        ({"files": []}, "manifest.json is damaged: "),
        ({"complete": False}, "is half a backup"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(tmp_path, change, message):
    folder, _removed = back_up(tmp_path, TIMES[0])
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(BackupError, match=message):
        manifest.check(str(folder), manifest.read(str(folder)))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "index cannot be read: No such file or directory"),
        (lambda path: path.write_text("sampleS"), "index is damaged: it has 7 bytes"),
        (lambda path: path.write_text("sample"), "index is damaged: it has 6 bytes"),
        (lambda path: (path.unlink(), path.symlink_to("/etc/passwd")), "index cannot be read: "),
    ],
    ids=["missing", "changed", "cut", "a link"],
)
def test_a_broken_file_is_named(tmp_path, damage, message):
    folder, _removed = back_up(tmp_path, TIMES[0])
    damage(folder / "prometheus" / "blocks" / "index")
    with pytest.raises(BackupError, match=message):
        manifest.check(str(folder), manifest.read(str(folder)))


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no manifest.json"), ("{", "cannot be read: "), ("[]", "is not a manifest of a backup")],
)
def test_a_folder_that_is_no_backup_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(BackupError, match=message):
        manifest.read(str(tmp_path))
    assert not manifest.is_ours(str(tmp_path))


def test_keys_of_a_newer_version_do_no_harm(tmp_path):
    folder, _removed = back_up(tmp_path, TIMES[0])
    content = json.loads((folder / "manifest.json").read_text())
    content["seconds"] = 12
    content["files"]["prometheus/blocks/index"]["owner"] = 65534
    (folder / "manifest.json").write_text(json.dumps(content))
    manifest.check(str(folder), manifest.read(str(folder)))
    _folder, removed = back_up(tmp_path, TIMES[1], keep=1)
    assert removed == [str(folder)]


def test_a_manifest_is_what_was_written(tmp_path):
    written = Manifest(
        "monitor1", TIMES[0], ["grafana"], "0.1.0", [{"image": "a:1"}], {}, {"grafana/grafana.db": "why"}, True
    )
    manifest.write(str(tmp_path), written)
    assert manifest.read(str(tmp_path)) == written == replace(written)


def test_a_disk_without_room_is_named_with_the_figures(tmp_path):
    room.require(str(tmp_path / "not" / "yet"), 1000, "the backup")
    with pytest.raises(
        BackupError, match=r"are free, and the backup needs 1048576.0 TiB\. .* stay free in addition\. Make room"
    ):
        room.require(str(tmp_path / "not" / "yet"), 1 << 60, "the backup")


def test_files_of_an_earlier_backup_need_no_room(tmp_path):
    folder, _removed = back_up(tmp_path, TIMES[0])
    [(name, digest)] = manifest.read(str(folder)).files.items()
    large = {"name": name, "size": 1 << 60, "sha256": digest["sha256"]}
    store.require_room(str(tmp_path / "new"), "monitor1", [large], 1000)
    for entry in ({**large, "sha256": "0" * 64}, {**large, "name": "another"}):
        with pytest.raises(BackupError, match="the backup needs 1048576.0 TiB"):
            store.require_room(str(tmp_path / "new"), "monitor1", [entry], 1000)
    with pytest.raises(BackupError, match="the backup needs 1048576.0 TiB"):
        store.require_room(str(tmp_path / "none" / "new"), "monitor1", [large], 0)
