"""Files: compared, staged beside their place, put in place by rename."""

from __future__ import annotations

import errno
import os

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import files
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import ManagedFile


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "etc"
    path.mkdir()
    return path


def changes(items, secret_items=()):
    return files.changes(
        [ManagedFile(**item) for item in items] + [ManagedFile(**item, secret=True) for item in secret_items]
    )


def staging_of(changed, *mounted):
    return files.Staging("app", [change.path for change in changed], [str(path) for path in mounted])


def test_content_and_mode_are_compared(folder, file_options):
    wanted = file_options("etc/app.conf", "one\n")
    change = changes([wanted])[0]
    assert change.present is None
    files.write(change.path, change.wanted)
    assert changes([wanted]) == []
    os.chmod(change.path, 0o600)
    assert changes([wanted])[0].diff()["before"].startswith("mode: 0600\n")
    (folder / "app.conf").write_text("two\n")
    assert changes([wanted])[0].diff()["before"] == "two\n"


def test_the_diff_of_a_secret_tells_only_that_it_changes(folder, file_options):
    wanted = file_options("etc/secret", "new", mode="0600")
    assert changes([], [wanted])[0].diff()["before"] == ""
    (folder / "secret").write_text("old")
    change = changes([], [wanted])[0]
    assert (change.diff()["before"], change.diff()["after"]) == ("<secret>\n", "<secret changed>\n")
    assert "new" not in repr(change)


def test_staged_files_are_complete_before_they_are_put_in_place(folder, file_options):
    (folder / "app.conf").write_text("one\n")
    changed = changes([file_options("etc/app.conf", "two\n"), file_options("etc/targets/a.json", "[]\n")])
    staging = staging_of(changed, folder)
    assert staging.stage(changed, with_folders=False) == {str(folder): str(folder.parent / ".etc.app.staged")}
    assert (folder / "app.conf").read_text() == "one\n"
    staged = folder.parent / ".etc.app.staged"
    assert (staged / "app.conf").read_text() == "two\n"
    assert staged.stat().st_mode & 0o777 == 0o700
    for change in changed:
        staging.put(change)
    assert (folder / "app.conf").read_text() == "two\n"
    assert (folder / "targets" / "a.json").read_text() == "[]\n"
    kept = staging.kept(changed)
    assert kept == {
        str(folder / "app.conf"): str(folder.parent / ".etc.app.previous" / "app.conf"),
        str(folder / "targets" / "a.json"): None,
    }
    assert staging.folders() == [str(staged), str(folder.parent / ".etc.app.previous")]
    for _again in range(2):
        for path, previous in kept.items():
            files.put_back(path, previous)
    assert (folder / "app.conf").read_text() == "one\n"
    assert list((folder / "targets").iterdir()) == []


def test_a_validator_sees_the_whole_folder_with_its_modes(folder, file_options):
    (folder / "rules").mkdir(mode=0o750)
    (folder / "rules" / "by-hand.yml").write_text("groups: []\n")
    (folder / "rules" / "by-hand.yml").chmod(0o640)
    (folder / "link").symlink_to("rules/by-hand.yml")
    (folder / "app.conf").write_text("one\n")
    changed = changes([file_options("etc/app.conf", "two\n")])
    staging = staging_of(changed, folder)
    staging.stage(changed, with_folders=True)
    staged = folder.parent / ".etc.app.staged"
    assert (staged / "app.conf").read_text() == "two\n"
    assert (staged / "link").read_text() == "groups: []\n"
    assert (staged / "rules" / "by-hand.yml").stat().st_mode & 0o777 == 0o640
    assert (staged / "rules").stat().st_mode & 0o777 == (folder / "rules").stat().st_mode & 0o777


def test_what_a_killed_run_staged_is_replaced(folder, file_options):
    staged = folder.parent / ".etc.app.staged"
    staged.mkdir()
    (staged / "half").write_text("written")
    changed = changes([file_options("etc/app.conf", "two\n")])
    staging_of(changed, folder).stage(changed, with_folders=False)
    assert [path.name for path in staged.iterdir()] == ["app.conf"]


def test_a_folder_is_staged_beside_the_deepest_mount_but_never_the_root():
    assert files.holder("/etc/app/targets/a", ["/", "/etc", "/etc/app"]) == "/etc/app"
    assert files.holder("/etc/application/a", ["/etc/app"]) is None
    assert files.holder("/etc/app/a", ["/"]) is None


def test_what_is_restored_has_its_mode_and_needs_no_rename_within_one_disk(folder, file_options, monkeypatch):
    (folder / "app.conf").write_text("one\n")
    (folder / "app.conf").chmod(0o640)
    changed = changes([file_options("etc/app.conf", "two\n")])
    staging = staging_of(changed, folder)
    staging.stage(changed, with_folders=False)
    rename = os.replace

    def other_disk(source, target):
        if ".etc.app." in source:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(source, target)

    monkeypatch.setattr(os, "replace", other_disk)
    staging.put(changed[0])
    assert (folder / "app.conf").read_text() == "two\n"
    files.put_back(changed[0].path, staging.kept(changed)[changed[0].path])
    assert (folder / "app.conf").read_text() == "one\n"
    assert (folder / "app.conf").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in folder.iterdir()] == ["app.conf"]


def test_folders_are_made_readable_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        files.make_folder(str(tmp_path / "a" / "b"))
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "a", tmp_path / "a" / "b")] == [0o755, 0o755]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mode": "rw"}, "files: mode 'rw' of .*app.conf is not octal"),
        ({"owner": "no-such-user"}, "files: owner 'no-such-user' is not known"),
        ({"group": "no-such-group"}, "files: group 'no-such-group' is not known"),
        ({"path": "/dev"}, "files: /dev: Is a directory"),
        ({"path": "/dev/null/app.conf"}, "files: /dev/null/app.conf: Not a directory"),
    ],
)
def test_bad_files_are_named(file_options, change, words):
    with pytest.raises(ServiceError, match=words):
        changes([{**file_options("etc/app.conf", ""), **change}])


def test_a_file_that_is_made_once_keeps_its_content_and_gets_its_rights_again(folder, file_options):
    (folder / "key").write_text("first")
    os.chmod(folder / "key", 0o644)
    wanted = {**file_options("etc/key", "second", mode="0600"), "force": False}
    [change] = changes([], [wanted])
    assert (change.wanted.content, change.wanted.mode) == (b"first", 0o600)
    files.write(change.path, change.wanted)
    assert changes([], [wanted]) == []
