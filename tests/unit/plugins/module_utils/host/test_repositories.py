"""Entries of apt as Debian, Ubuntu, NVIDIA's guide and sites write them, and the toolkit's repository file."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import repositories

GUIDE = """\
# The guide's
deb [signed-by=/usr/share/keyrings/nvidia.gpg arch=amd64] \
https://nvidia.github.io/libnvidia-container/stable/deb/$(ARCH) /
#deb [signed-by=/usr/share/keyrings/nvidia.gpg] https://nvidia.github.io/libnvidia-container/experimental/deb/$(ARCH) /
"""
SITE = """\
Types: deb
# The mirror moved
URIs: http://mirror/debian http://mirror/nvidia
  http://mirror/cuda
Suites: trixie

Enabled: no
Types: deb
URIs: http://mirror/old
Suites: trixie
"""


@pytest.fixture
def entries(tmp_path):
    def read(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return [
            (entry["path"].removeprefix(f"{tmp_path}/"), entry["line"], entry["uri"])
            for entry in repositories.apt_entries(str(tmp_path))
        ]

    return read


def test_every_entry_of_every_file_that_apt_reads(entries):
    files = {
        "sources.list": "deb http://mirror/debian trixie main\ndeb-src http://mirror/debian trixie main\n",
        "sources.list.d/guide.list": GUIDE,
        "sources.list.d/guide.list.disabled": GUIDE,
        "sources.list.d/site.sources": SITE,
    }
    assert entries(files) == [
        ("sources.list", 1, "http://mirror/debian"),
        ("sources.list", 2, "http://mirror/debian"),
        ("sources.list.d/guide.list", 2, "https://nvidia.github.io/libnvidia-container/stable/deb/$(ARCH)"),
        ("sources.list.d/site.sources", 3, "http://mirror/debian"),
        ("sources.list.d/site.sources", 3, "http://mirror/nvidia"),
        ("sources.list.d/site.sources", 4, "http://mirror/cuda"),
    ]


def test_a_host_without_any(entries):
    assert entries({}) == []


def test_credentials_of_a_uri_are_left_out(entries):
    assert entries({"sources.list": "deb https://user:secret@mirror/nvidia /\n"}) == [
        ("sources.list", 1, "https://mirror/nvidia")
    ]


def test_a_repository_file_says_what_was_there_before_the_role():
    text = (
        f"{repositories.MARK}\n# Installed before: libnvidia-container1=1.18.0\n# Set aside:"
        " /etc/apt/sources.list.d/guide.list\nTypes: deb\n"
    )
    answer = repositories.repository_file("/file", text)
    assert answer["written_by_role"]
    assert answer["installed_before"] == ["libnvidia-container1=1.18.0"]
    assert answer["set_aside"] == ["/etc/apt/sources.list.d/guide.list"]


def test_a_repository_file_that_is_missing_or_not_of_the_role():
    missing, other = (
        repositories.repository_file("/file", None),
        repositories.repository_file("/file", "deb http://mirror /\n"),
    )
    assert (missing["exists"], missing["sha256"], missing["written_by_role"]) == (False, "", False)
    assert (other["exists"], other["written_by_role"]) == (True, False)


def test_the_mode_of_a_file(tmp_path):
    (tmp_path / "key.asc").touch()
    (tmp_path / "key.asc").chmod(0o640)
    assert repositories.mode_of(str(tmp_path / "key.asc")) == "0640"
    assert repositories.mode_of(str(tmp_path / "none")) == ""
