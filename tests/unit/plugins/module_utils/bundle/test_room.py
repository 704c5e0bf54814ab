"""Whether a host has room for archives and layers, on one file system or on two."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import room

GB = 1000**3
IMAGE = {"size": 1 * GB, "unpacked_size": 3 * GB}


def problem(transfer_free, data_free, image=None, transferred=0, data_device=2):
    folders = room.Folder("/transfer", 1, transfer_free), room.Folder("/docker", data_device, data_free)
    return room.problem("gpu1", [image or IMAGE], transferred, *folders)


def test_one_file_system_holds_the_archive_twice_and_the_layers():
    assert problem(6 * GB, 6 * GB, data_device=1) == ""
    said = problem(6 * GB - 1, 6 * GB - 1, data_device=1)
    assert said.startswith("bundle_transfer_dir on gpu1: /transfer has 6000 MB (5999999999 bytes) free")
    assert "need 5000 MB with 1000 MB to spare (6000000000 bytes)" in said


@pytest.mark.parametrize(
    ("transfer_free", "data_free", "words"),
    [
        (2 * GB, 5 * GB, ""),
        (2 * GB - 1, 5 * GB, "bundle_transfer_dir on gpu1: /transfer"),
        (2 * GB, 5 * GB - 1, "data folder on gpu1: /docker"),
    ],
)
def test_two_file_systems(transfer_free, data_free, words):
    said = problem(transfer_free, data_free)
    assert words in said and bool(words) == bool(said)


def test_what_was_transferred_already_needs_no_room_again():
    assert problem(1 * GB, 5 * GB, transferred=1 * GB) == ""


def test_layers_of_unknown_size_count_five_times():
    assert "need 6000 MB" in problem(9 * GB, 6 * GB, {"size": 1 * GB, "unpacked_size": 0})
