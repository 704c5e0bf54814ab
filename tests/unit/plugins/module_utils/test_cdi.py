"""CDI specifications as nvidia-ctk writes them, as people do, and of other vendors."""

from __future__ import annotations

import json

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import cdi

GENERATED = """---
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
    - name: "0"
      containerEdits:
        deviceNodes:
            - path: /dev/nvidia0
    - name: GPU-00000001-0000-4000-8000-000000000000
      containerEdits:
        deviceNodes:
            - path: /dev/nvidia0
    - name: "1:0"
    - name: MIG-5c0f9d3e-0000-5000-8000-000000000001
    - name: all
containerEdits:
    mounts:
        - hostPath: /usr/lib/x86_64-linux-gnu/libcuda.so.580.95.05
          containerPath: /usr/lib/x86_64-linux-gnu/libcuda.so.580.95.05
"""
UUIDS = ["GPU-00000001-0000-4000-8000-000000000000", "MIG-5c0f9d3e-0000-5000-8000-000000000001"]
BY_HAND = json.dumps({"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": [{"name": "all"}, {"name": "0"}]})


def of(path, uuids=(), drivers=()):
    return {"path": str(path), "uuids": list(uuids), "drivers": list(drivers)}


@pytest.fixture
def folders(tmp_path):
    """The engine's two folders, in its order."""
    paths = tmp_path / "etc", tmp_path / "run"
    for path in paths:
        path.mkdir()
    return paths


def describe(folders):
    return cdi.describe([str(folder) for folder in folders])


def test_what_nvidia_ctk_generated(folders):
    (folders[0] / "nvidia.yaml").write_text(GENERATED)
    assert describe(folders) == [of(folders[0] / "nvidia.yaml", UUIDS, ["580.95.05"])]


def test_one_made_by_hand_names_no_uuid(folders):
    (folders[0] / "nvidia.json").write_text(BY_HAND)
    assert describe(folders) == [of(folders[0] / "nvidia.json")]


def test_json_says_the_same_as_yaml(folders):
    device = {"name": UUIDS[0], "containerEdits": {"mounts": [{"hostPath": "/usr/lib/libcuda.so.470.1"}]}}
    (folders[0] / "nvidia.json").write_text(json.dumps({"kind": "nvidia.com/gpu", "devices": [device]}))
    assert describe(folders) == [of(folders[0] / "nvidia.json", [UUIDS[0]], ["470.1"])]


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("other.yaml", "nvidia.com/gpu-config"),
        ("other.yaml", "nvidia.com/gds"),
        ("other.yaml", "amd.com/gpu # not nvidia.com/gpu"),
        ("nvidia.yaml.bak", "nvidia.com/gpu"),
    ],
)
def test_other_kinds_and_files_do_not_count(folders, file, kind):
    (folders[0] / file).write_text(f"kind: {kind}\ndevices:\n- name: {UUIDS[0]}\n")
    assert describe([*folders, folders[0] / "none"]) == []


def test_devices_come_from_the_last_folder_that_has_them(folders):
    for folder, text in zip(folders, (GENERATED.replace("580.95.05", "570.86.10"), GENERATED), strict=True):
        (folder / "nvidia.yaml").write_text(text)
    assert describe(folders) == [of(folders[1] / "nvidia.yaml", UUIDS, ["580.95.05"])]


def test_a_device_that_only_another_folder_has_comes_from_there(folders):
    gone = UUIDS[0].replace("00000001", "00000009")
    (folders[0] / "nvidia.yaml").write_text(GENERATED.replace(UUIDS[0], gone).replace("580.95.05", "570.86.10"))
    (folders[1] / "nvidia.yaml").write_text(GENERATED)
    assert describe(folders) == [
        of(folders[0] / "nvidia.yaml", [gone], ["570.86.10"]),
        of(folders[1] / "nvidia.yaml", UUIDS, ["580.95.05"]),
    ]


def test_devices_that_two_files_of_a_folder_have_come_from_none(folders):
    (folders[0] / "a.yaml").write_text(GENERATED)
    (folders[0] / "b.yaml").write_text(GENERATED)
    assert describe(folders) == []


def test_what_cannot_be_read_is_passed_by_as_the_engine_does(folders):
    (folders[0] / "dangling.yaml").symlink_to(folders[0] / "none")
    (folders[0] / "folder.yaml").mkdir()
    (folders[0] / "nvidia.json").write_text(BY_HAND)
    assert describe(folders) == [of(folders[0] / "nvidia.json")]
