"""The output of nvidia-smi for GPUs with and without faults, and the advice for it."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import nvidia_smi
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import NOT_RUN, TIMED_OUT, Answer

OUTPUT = """\
0, GPU-aaaa, NVIDIA A100-SXM4-80GB, 580.95.05, 81920, 00000000:3B:00.0, Disabled
1, GPU-bbbb, NVIDIA GB10, 580.95.05, [N/A], 0000000F:01:00.0, [N/A]
"""
LOST = "Unable to determine the device handle for GPU2: 0000:BA:00.0: Unknown Error\n"
MISMATCH = "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 580.95\n"
NOT_LOADED = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"


class Smi:
    """Commands of a host whose nvidia-smi gives these answers to --query-gpu and to -L."""

    def __init__(self, query: Answer, listing: Answer = Answer(0, "", "")) -> None:
        self._query, self._listing = query, listing

    def path(self, program: str) -> str:
        return f"/usr/bin/{program}"

    def run(self, arguments, environment=None, given=""):
        raise NotImplementedError

    def run_within(self, seconds: float, arguments: list[str]) -> Answer:
        return self._listing if arguments[1] == "-L" else self._query


def test_gpus_are_read_from_what_nvidia_smi_prints():
    first, second = nvidia_smi.parse_gpus(OUTPUT)
    assert first == {
        "index": 0,
        "uuid": "GPU-aaaa",
        "name": "NVIDIA A100-SXM4-80GB",
        "driver_version": "580.95.05",
        "memory_mib": 81920,
        "pci_address": "0000:3b:00.0",
        "virtual": False,
        "mig_mode": "Disabled",
        "mig_devices": [],
    }
    assert (second["memory_mib"], second["pci_address"]) == (None, "000f:01:00.0")


def test_a_message_of_nvidia_smi_is_no_gpu():
    assert nvidia_smi.parse_gpus("No devices were found\n") == []
    assert nvidia_smi.parse_gpus("Unable to determine the device handle, GPU, 0000:3B, lost, a, b, c\n") == []
    assert (
        nvidia_smi.parse_gpus("2, [GPU is lost], [GPU is lost], 580.95.05, [GPU is lost], [GPU is lost], [N/A]\n") == []
    )


@pytest.mark.parametrize(
    ("name", "virtual"),
    [
        ("GRID T4-16Q", True),
        ("NVIDIA A100-40C", True),
        ("NVIDIA H100L-2-24C", True),
        ("GRID A100-1-5CME", True),
        ("NVIDIA A100-SXM4-80GB", False),
        ("NVIDIA H100 80GB HBM3", False),
        ("NVIDIA GeForce RTX 4090", False),
        ("Tesla V100-SXM2-16GB", False),
        ("NVIDIA L40S", False),
    ],
)
def test_vgpus_are_known_by_their_name(name, virtual):
    [vgpu] = nvidia_smi.parse_gpus(f"0, GPU-aaaa, {name}, 580.95.05, 16384, 00000000:02:00.0, [N/A]\n")
    assert vgpu["virtual"] is virtual


@pytest.mark.parametrize("code", [0, 15, 255])
@pytest.mark.parametrize("errors", ["", LOST])
def test_gpus_that_answer_are_taken_though_another_is_lost(code, errors):
    output = OUTPUT if errors else OUTPUT + LOST
    answer = nvidia_smi.query(Smi(Answer(code, output, errors)))
    assert [answering_gpu["uuid"] for answering_gpu in answer.gpus] == ["GPU-aaaa", "GPU-bbbb"]
    assert answer.lost == ["0000:ba:00.0"]
    assert (answer.error == LOST.strip()) is (code != 0)


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        (LOST, ["0000:ba:00.0"]),
        ("Unable to determine the device handle for GPU0000:17:00.0: Unknown Error\n", ["0000:17:00.0"]),
        (
            "Unable to determine the device handle for gpu 0000:02:00.0: GPU is lost.  Reboot the system\n",
            ["0000:02:00.0"],
        ),
        ("No devices were found\n", []),
    ],
)
def test_every_form_of_a_lost_gpu(text, addresses):
    assert nvidia_smi.lost_gpus(text) == addresses


@pytest.mark.parametrize(
    ("answer", "start"),
    [
        (Answer(18, MISMATCH, ""), "The driver was updated, and its previous kernel module is still loaded. Reboot"),
        (Answer(15, LOST, ""), "A GPU fell off the bus or needs a reset. Reboot"),
        (Answer(16, "GPU requires a reset", ""), "A GPU fell off the bus or needs a reset. Reboot"),
        (Answer(TIMED_OUT, "", "nvidia-smi did not end within 60 s"), "The driver hangs"),
        (Answer(9, NOT_LOADED, ""), "Install the NVIDIA driver, or reboot"),
        (
            Answer(12, "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system.", ""),
            "Install the NVIDIA driver",
        ),
        (Answer(NOT_RUN, "", "nvidia-smi: Permission denied"), "Install the NVIDIA driver"),
        (Answer(6, "No devices were found", ""), "The driver is loaded and starts no GPU."),
        (Answer(6, f"{LOST}No devices were found", ""), "A GPU fell off the bus"),
    ],
)
def test_each_failure_says_what_to_do_and_whether_a_driver_is_loaded(answer, start):
    result = nvidia_smi.query(Smi(answer))
    assert result.gpus == []
    assert result.driver_failed is not start.startswith(("Install", "The driver is loaded"))
    assert result.fix.startswith(start)


LISTED = """\
GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-aaaa)
  MIG 3g.40gb     Device  0: (UUID: MIG-1111)
  MIG 1g.10gb+me  Device  1: (UUID: MIG-2222)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-bbbb)
"""


def test_mig_instances_are_listed_under_their_gpu():
    assert nvidia_smi.parse_list(LISTED) == {
        "GPU-aaaa": [{"uuid": "MIG-1111", "profile": "3g.40gb"}, {"uuid": "MIG-2222", "profile": "1g.10gb+me"}],
        "GPU-bbbb": [],
    }
    assert nvidia_smi.parse_list("No devices found.\n") == {}


@pytest.mark.parametrize(("listed", "error"), [(LISTED + LOST, False), (LOST, True)])
def test_instances_are_known_though_a_gpu_is_lost_where_all_others_are_listed(listed, error):
    rows = OUTPUT.replace("Disabled", "Enabled")
    answer = nvidia_smi.query(Smi(Answer(15, rows + LOST, ""), Answer(15, listed, "")))
    assert bool(answer.mig_error) is error
    assert [instance["uuid"] for instance in answer.gpus[0]["mig_devices"]] == (
        [] if error else ["MIG-1111", "MIG-2222"]
    )
