from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import nvidia

OUTPUT = """\
0, GPU-aaaa, NVIDIA A100-SXM4-80GB, 580.95.05, 81920, Disabled
1, GPU-bbbb, NVIDIA GB10, 580.95.05, [N/A], [N/A]
"""


def test_gpus_are_read_from_what_nvidia_smi_prints():
    first, second = nvidia.parse_gpus(OUTPUT)
    assert first == {
        "index": 0,
        "uuid": "GPU-aaaa",
        "name": "NVIDIA A100-SXM4-80GB",
        "driver_version": "580.95.05",
        "memory_mib": 81920,
        "mig_mode": "Disabled",
    }
    assert second["memory_mib"] is None


def test_a_message_of_nvidia_smi_is_no_gpu():
    assert nvidia.parse_gpus("No devices were found\n") == []
    assert nvidia.parse_gpus("Unable to determine the device handle, GPU, 0000:3B, lost, a, b\n") == []


@pytest.mark.parametrize(
    ("vendor", "kind", "found"),
    [("0x10de", "0x030200", True), ("0x10de", "0x030000", True), ("0x10de", "0x0c0330", False), ("0x8086", "0x030000", False)],
)
def test_only_display_controllers_of_nvidia_count(tmp_path, vendor, kind, found):
    device = tmp_path / "0000:3b:00.0"
    device.mkdir()
    (device / "vendor").write_text(vendor + "\n")
    (device / "class").write_text(kind + "\n")
    assert nvidia.pci_gpus(tmp_path) == (["0000:3b:00.0"] if found else [])


def test_messages_say_what_is_there_or_what_to_do():
    assert nvidia.message(nvidia.parse_gpus(OUTPUT), [], "") == "2 NVIDIA GPUs, driver 580.95.05."
    assert nvidia.message([], [], "nvidia-smi is not installed") == "This host has no NVIDIA GPU."
    assert "Install the NVIDIA driver" in nvidia.message([], ["0000:3b:00.0"], "nvidia-smi is not installed")
