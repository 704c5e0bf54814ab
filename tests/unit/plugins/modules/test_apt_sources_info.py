"""The module apt_sources_info on files as Debian, Ubuntu, NVIDIA's guide and sites write them."""

from __future__ import annotations

import contextlib
import io
import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.modules import apt_sources_info

GUIDE = """\
# The guide's
deb [signed-by=/usr/share/keyrings/nvidia.gpg arch=amd64] https://nvidia.github.io/libnvidia-container/stable/deb/$(ARCH) /
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
        output = io.StringIO()
        with patch_module_args({"folder": str(tmp_path)}), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
            apt_sources_info.main()
        return [(entry["path"].removeprefix(f"{tmp_path}/"), entry["line"], entry["uri"]) for entry in json.loads(output.getvalue())["entries"]]

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
