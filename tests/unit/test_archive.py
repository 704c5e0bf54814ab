"""The archive of the collection has what users need, and nothing that only developers need."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import yaml

from tests.tools.git_files import ROOT, in_git

SHIPPED = {"changelogs", "docs", "inventories", "meta", "playbooks", "plugins", "roles"}
# Docs link to ansible.cfg as an example.
SHIPPED |= {"CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md"}
SHIPPED |= {"ansible.cfg", "galaxy.yml"}
IGNORED = yaml.safe_load((ROOT / "galaxy.yml").read_text())["build_ignore"]


def shipped_files() -> list[str]:
    """The files in git that ansible-galaxy packs: a pattern stands for a file, or for a folder with all files in it."""
    files = in_git()
    parents = {file: [file, *map(str, Path(file).parents)] for file in files}
    return [file for file in files if not any(fnmatch(part, name) for part in parents[file] for name in IGNORED)]


def test_only_what_users_need_is_shipped() -> None:
    assert {file.partition("/")[0] for file in shipped_files()} == SHIPPED


def test_docs_and_roles_are_shipped_without_sources_of_pages() -> None:
    shipped = shipped_files()
    assert {Path(file).suffix for file in shipped if file.startswith("docs/")} == {".md"}
    assert "roles/grafana/README.md" in shipped
    assert not [file for file in shipped if file.endswith("/readme.yml")]
