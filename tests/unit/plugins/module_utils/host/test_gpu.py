"""The GPUs of a host: those that answer, those that are lost, and those of virtual machines."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import gpu
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.nvidia_smi import Query
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.pci import PciGpu


def make_gpu(uuid, mig_mode="Disabled", *instances, address=""):
    return {
        "uuid": uuid,
        "driver_version": "580.95.05",
        "pci_address": address,
        "mig_mode": mig_mode,
        "mig_devices": [{"uuid": instance, "profile": "1g.10gb"} for instance in instances],
    }


EIGHT = [f"0000:{bus:02x}:00.0" for bus in range(0x10, 0x18)]
SEVEN = [make_gpu(f"GPU-{address}", address=address) for address in EIGHT if address != EIGHT[2]]
FAILURE = f"Unable to determine the device handle for GPU2: {EIGHT[2]}: Unknown Error"


def on_bus(addresses, driver="nvidia"):
    return [PciGpu(address, driver) for address in addresses]


@pytest.mark.parametrize(
    ("answer", "devices", "lost"),
    [
        (Query(SEVEN, [EIGHT[2]]), on_bus(EIGHT), [EIGHT[2]]),
        (Query(SEVEN), on_bus(EIGHT), [EIGHT[2]]),
        (Query(SEVEN, [EIGHT[2]]), on_bus(EIGHT[:2] + EIGHT[3:]), [EIGHT[2]]),
        (Query(SEVEN), on_bus(EIGHT[:2] + EIGHT[3:]) + on_bus([EIGHT[2]], ""), [EIGHT[2]]),
        (Query(SEVEN), on_bus(EIGHT[:2] + EIGHT[3:]) + on_bus([EIGHT[2]], "vfio-pci"), []),
        (Query(SEVEN), on_bus(EIGHT[:2] + EIGHT[3:]) + on_bus([EIGHT[2]], "nouveau"), []),
        (Query([make_gpu("GPU-a")]), on_bus(EIGHT[:1]), []),
        (Query([]), on_bus(EIGHT), []),
        (Query(SEVEN), [], []),
    ],
    ids=[
        "named",
        "rc 0",
        "gone from the bus",
        "no driver",
        "passed through",
        "nouveau",
        "no address",
        "none answers",
        "no bus",
    ],
)
def test_lost_gpus(answer, devices, lost):
    assert gpu.lost_devices(answer, devices) == lost


def test_a_lost_gpu_changes_nothing_of_what_a_container_is_given():
    all_gpus = [make_gpu(f"GPU-{address}", address=address) for address in EIGHT]
    assert gpu.devices(all_gpus, []) == gpu.devices(SEVEN, [EIGHT[2]]) == EIGHT


def test_what_a_container_is_given_changes_with_the_instances_and_the_gpus():
    first = gpu.devices([make_gpu("GPU-a", "Enabled", "MIG-1", address="0000:10:00.0"), make_gpu("GPU-b")], [])
    assert first == ["0000:10:00.0", "GPU-b", "MIG-1"]
    assert gpu.devices([make_gpu("GPU-a", "Enabled", "MIG-2", address="0000:10:00.0")], []) != first


def test_messages_say_what_the_host_has_or_what_to_do():
    assert gpu.message(Query(SEVEN), EIGHT, [], []) == "7 NVIDIA GPUs, driver 580.95.05."
    assert gpu.message(Query([]), [], [], []) == "This host has no NVIDIA GPU."
    failed = gpu.message(
        Query([], error="nvidia-smi is not installed", fix="Install the NVIDIA driver."), EIGHT[:1], [], []
    )
    assert failed == (
        "The host has NVIDIA hardware (0000:10:00.0) but its driver shows no GPU: nvidia-smi is not installed."
        " Install the NVIDIA driver."
    )


def test_the_message_names_the_eighth():
    answer = Query(SEVEN, [EIGHT[2]], FAILURE, "A GPU fell off the bus.")
    assert gpu.message(answer, EIGHT, [], [EIGHT[2]]) == (
        "7 NVIDIA GPUs, driver 580.95.05. 8 NVIDIA PCI devices, 7 GPUs answer: 0000:12:00.0 does not."
        f" The kernel's log says why (journalctl -k --grep NVRM). nvidia-smi says: {FAILURE}. A GPU fell off the bus."
    )


def test_gpus_of_virtual_machines_are_no_fault():
    told = gpu.message(Query([]), [], EIGHT[:2], [])
    assert told.startswith("0000:10:00.0, 0000:11:00.0 are passed through to virtual machines")
    assert gpu.message(Query(SEVEN), EIGHT, ["0000:20:00.0"], []).startswith(
        "7 NVIDIA GPUs, driver 580.95.05. 0000:20:00.0 is passed"
    )


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
    ("existing_gpus", "seen", "difference"),
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
def test_what_a_container_sees_is_compared_with_what_the_host_has(existing_gpus, seen, difference):
    assert gpu.difference(existing_gpus, seen) == difference


def test_the_message_counts_instances():
    answer = Query([make_gpu("GPU-aaaa", "Enabled", "MIG-1111", "MIG-2222")])
    assert gpu.message(answer, [], [], []) == "1 NVIDIA GPU with 2 MIG instances, driver 580.95.05."
