"""Files that are changed together, and whose previous content is restored."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.kept_files import KeptFiles, restore_aside


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "repository").write_text("former")
    (tmp_path / "repository").chmod(0o640)
    (tmp_path / "guide.list").write_text("guide")
    (tmp_path / "guide.list.disabled").write_text("earlier")
    return tmp_path


def state(tree: Path) -> dict[str, tuple[str, int]]:
    """Content and mode of all files."""
    return {
        path.name: (path.read_text(), stat.S_IMODE(path.stat().st_mode)) for path in tree.rglob("*") if path.is_file()
    }


def test_a_file_that_is_written_can_be_read_by_everyone(tree):
    KeptFiles().write(str(tree / "keys" / "key.asc"), "key")
    assert state(tree)["key.asc"] == ("key", 0o644)


def test_a_file_that_is_set_aside_replaces_no_other(tree):
    KeptFiles().set_aside(str(tree / "guide.list"))
    after = state(tree)
    assert (after["guide.list.disabled"][0], after["guide.list.disabled.~1~"][0]) == ("guide", "earlier")
    assert "guide.list" not in after


def test_everything_comes_back(tree):
    before = state(tree)
    files = KeptFiles()
    files.set_aside(str(tree / "guide.list"))
    files.write(str(tree / "repository"), "new")
    files.write(str(tree / "repository"), "newer")
    files.write(str(tree / "key.asc"), "new")
    files.put_back()
    assert state(tree) == before


def test_a_file_of_the_role_that_takes_the_place_of_one_set_aside_goes_again(tree):
    before = state(tree)
    files = KeptFiles()
    files.set_aside(str(tree / "repository"))
    files.write(str(tree / "repository"), "new")
    files.put_back()
    assert state(tree) == before


def test_an_entry_that_was_set_aside_comes_back_unless_another_has_its_name(tree):
    restore_aside(str(tree / "guide.list"))
    assert state(tree)["guide.list"][0] == "guide"
    (tree / "guide.list").unlink()
    restore_aside(str(tree / "guide.list"))
    assert state(tree)["guide.list"][0] == "earlier"
    restore_aside(str(tree / "none"))
