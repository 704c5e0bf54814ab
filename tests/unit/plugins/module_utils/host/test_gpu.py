from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import gpu

OUTPUT = """\
0, GPU-aaaa, NVIDIA A100-SXM4-80GB, 580.95.05, 81920, Disabled
1, GPU-bbbb, NVIDIA GB10, 580.95.05, [N/A], [N/A]
"""


def test_gpus_are_read_from_what_nvidia_smi_prints():
    first, second = gpu.parse_gpus(OUTPUT)
    assert first == {
        "index": 0,
        "uuid": "GPU-aaaa",
        "name": "NVIDIA A100-SXM4-80GB",
        "driver_version": "580.95.05",
        "memory_mib": 81920,
        "mig_mode": "Disabled",
        "mig_devices": [],
    }
    assert second["memory_mib"] is None


def test_a_message_of_nvidia_smi_is_no_gpu():
    assert gpu.parse_gpus("No devices were found\n") == []
    assert gpu.parse_gpus("Unable to determine the device handle, GPU, 0000:3B, lost, a, b\n") == []


@pytest.mark.parametrize(
    ("vendor", "kind", "found"),
    [
        ("0x10de", "0x030200", True),
        ("0x10de", "0x030000", True),
        ("0x10de", "0x0c0330", False),
        ("0x8086", "0x030000", False),
    ],
)
def test_only_display_controllers_of_nvidia_count(tmp_path, vendor, kind, found):
    device = tmp_path / "0000:3b:00.0"
    device.mkdir()
    (device / "vendor").write_text(vendor + "\n")
    (device / "class").write_text(kind + "\n")
    assert gpu.pci_gpus(tmp_path) == (["0000:3b:00.0"] if found else [])


def test_messages_say_what_is_there_or_what_to_do():
    assert gpu.message(gpu.parse_gpus(OUTPUT), [], "") == "2 NVIDIA GPUs, driver 580.95.05."
    assert gpu.message([], [], "nvidia-smi is not installed") == "This host has no NVIDIA GPU."
    assert "Install the NVIDIA driver" in gpu.message([], ["0000:3b:00.0"], "nvidia-smi is not installed")


LISTED = """\
GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-aaaa)
  MIG 3g.40gb     Device  0: (UUID: MIG-1111)
  MIG 1g.10gb+me  Device  1: (UUID: MIG-2222)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-bbbb)
"""


def make_gpu(uuid, mig_mode="Disabled", *instances):
    return {
        "uuid": uuid,
        "mig_mode": mig_mode,
        "mig_devices": [{"uuid": instance, "profile": "1g.10gb"} for instance in instances],
    }


def test_mig_instances_are_listed_under_their_gpu():
    assert gpu.parse_list(LISTED) == {
        "GPU-aaaa": [{"uuid": "MIG-1111", "profile": "3g.40gb"}, {"uuid": "MIG-2222", "profile": "1g.10gb+me"}],
        "GPU-bbbb": [],
    }
    assert gpu.parse_list("No devices found.\n") == {}


def test_work_runs_on_instances_where_mig_is_on():
    assert gpu.computing(
        [make_gpu("GPU-aaaa", "Enabled", "MIG-1111", "MIG-2222"), make_gpu("GPU-bbbb"), make_gpu("GPU-cccc", "[N/A]")]
    ) == [
        "GPU-bbbb",
        "GPU-cccc",
        "MIG-1111",
        "MIG-2222",
    ]
    assert gpu.computing([make_gpu("GPU-aaaa", "Enabled")]) == []


@pytest.mark.parametrize(
    ("there", "seen", "difference"),
    [
        ([make_gpu("GPU-aaaa"), make_gpu("GPU-bbbb")], {"GPU-aaaa": [], "GPU-bbbb": []}, ""),
        ([make_gpu("GPU-aaaa"), make_gpu("GPU-bbbb")], {"GPU-bbbb": []}, "does not see GPU-aaaa"),
        ([make_gpu("GPU-aaaa")], {}, "does not see GPU-aaaa"),
        ([make_gpu("GPU-aaaa")], {"GPU-aaaa": [], "GPU-cccc": []}, "sees GPU-cccc, which the host does not have"),
        (
            [make_gpu("GPU-aaaa")],
            {"GPU-cccc": []},
            "does not see GPU-aaaa and sees GPU-cccc, which the host does not have",
        ),
        ([make_gpu("GPU-aaaa", "Enabled", "MIG-1111")], {"GPU-aaaa": [{"uuid": "MIG-1111", "profile": "1g.10gb"}]}, ""),
        ([make_gpu("GPU-aaaa", "Enabled", "MIG-1111")], {"GPU-aaaa": []}, "does not see MIG-1111"),
        ([make_gpu("GPU-aaaa", "Enabled")], {}, ""),
    ],
)
def test_what_a_container_sees_is_compared_with_what_the_host_has(there, seen, difference):
    assert gpu.difference(there, seen) == difference


def test_the_message_counts_instances():
    there = [{**make_gpu("GPU-aaaa", "Enabled", "MIG-1111", "MIG-2222"), "driver_version": "580.95.05"}]
    assert gpu.message(there, [], "") == "1 NVIDIA GPU with 2 MIG instances, driver 580.95.05."
