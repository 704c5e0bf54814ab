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
