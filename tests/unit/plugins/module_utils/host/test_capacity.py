"""What a host has."""

from __future__ import annotations

import os
import shutil

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import capacity


def test_memory_and_disk_are_those_of_this_host(tmp_path):
    asked = capacity.ask(str(tmp_path))
    assert asked["memory"] == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert asked["engine_disk"] == shutil.disk_usage(tmp_path).total


def test_a_host_without_an_engine_has_a_disk_of_no_known_size():
    assert capacity.ask("")["engine_disk"] == 0


def test_the_disk_is_that_of_the_volumes_where_they_have_their_own(monkeypatch):
    sizes = {"/engine/volumes": 2000, "/engine": 10}
    monkeypatch.setattr(capacity, "_size", lambda folder: sizes.get(folder, 0))
    assert capacity.ask("/engine")["engine_disk"] == 2000
    del sizes["/engine/volumes"]
    assert capacity.ask("/engine")["engine_disk"] == 10
