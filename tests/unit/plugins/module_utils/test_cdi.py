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


def test_what_nvidia_ctk_generated(tmp_path):
    (tmp_path / "nvidia.yaml").write_text(GENERATED)
    assert cdi.describe(cdi.specifications([str(tmp_path)])) == {"uuids": UUIDS, "drivers": ["580.95.05"]}


def test_one_made_by_hand_names_no_uuid(tmp_path):
    (tmp_path / "nvidia.json").write_text(BY_HAND)
    texts = cdi.specifications([str(tmp_path)])
    assert len(texts) == 1
    assert cdi.describe(texts) == {"uuids": [], "drivers": []}


def test_json_says_the_same_as_yaml(tmp_path):
    device = {"name": UUIDS[0], "containerEdits": {"mounts": [{"hostPath": "/usr/lib/libcuda.so.470.1"}]}}
    (tmp_path / "nvidia.json").write_text(json.dumps({"kind": "nvidia.com/gpu", "devices": [device]}))
    assert cdi.describe(cdi.specifications([str(tmp_path)])) == {"uuids": [UUIDS[0]], "drivers": ["470.1"]}


@pytest.mark.parametrize("kind", ["nvidia.com/gpu-config", "nvidia.com/gds", "amd.com/gpu"])
def test_other_kinds_do_not_count(tmp_path, kind):
    (tmp_path / "other.yaml").write_text(f"kind: {kind}\ndevices:\n- name: {UUIDS[0]}\n")
    assert cdi.specifications([str(tmp_path), str(tmp_path / "none")]) == []
