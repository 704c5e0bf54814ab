"""NVIDIA's GPUs among the PCI devices of a host."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import pci


@pytest.fixture
def device(tmp_path):
    """Makes a device in a folder like /sys/bus/pci/devices."""

    def make(address="0000:3b:00.0", vendor="0x10de", kind="0x030200", driver="", physical=""):
        folder = tmp_path / address
        folder.mkdir()
        (folder / "vendor").write_text(vendor + "\n")
        (folder / "class").write_text(kind + "\n")
        if driver:
            (tmp_path / "drivers" / driver).mkdir(parents=True)
            (folder / "driver").symlink_to(tmp_path / "drivers" / driver)
        if physical:
            (folder / "physfn").symlink_to(tmp_path / physical)
        return pci.gpus(tmp_path)

    return make


@pytest.mark.parametrize(
    ("vendor", "kind", "is_gpu"),
    [
        ("0x10de", "0x030200", True),
        ("0x10de", "0x030000", True),
        ("0x10de", "0x0c0330", False),
        ("0x10de", "0x040300", False),
        ("0x10de", "0x068000", False),
        ("0x8086", "0x030000", False),
    ],
    ids=["3D", "VGA", "USB", "audio", "NVSwitch", "of Intel"],
)
def test_only_display_controllers_of_nvidia_count(device, vendor, kind, is_gpu):
    assert device(vendor=vendor, kind=kind) == ([pci.PciGpu("0000:3b:00.0", "")] if is_gpu else [])


@pytest.mark.parametrize(
    ("driver", "passed_through", "expected"),
    [("nvidia", False, True), ("", False, True), ("vfio-pci", True, False), ("nouveau", False, False)],
)
def test_the_kernel_driver_says_whose_a_gpu_is(device, driver, passed_through, expected):
    [gpu] = device(driver=driver)
    assert (gpu.driver, gpu.passed_through, gpu.expected) == (driver, passed_through, expected)


def test_virtual_functions_are_no_gpus_of_the_host(device):
    device("0000:3b:00.0", driver="nvidia")
    assert [gpu.address for gpu in device("0000:3b:00.4", physical="0000:3b:00.0")] == ["0000:3b:00.0"]


@pytest.mark.parametrize(
    ("bus_id", "address"),
    [
        ("00000000:BA:00.0", "0000:ba:00.0"),
        ("0000:3b:00.0", "0000:3b:00.0"),
        ("0000000F:01:00.0", "000f:01:00.0"),
        ("[N/A]", ""),
    ],
)
def test_bus_ids_are_written_as_the_kernel_does(bus_id, address):
    assert pci.address(bus_id) == address
