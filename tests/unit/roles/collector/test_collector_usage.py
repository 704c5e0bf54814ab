"""What containers use of GPUs, as NVML tells the processes. The library is a stand-in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from container_gpu_collector import exposition, families
from container_gpu_collector.allocation import Given
from container_gpu_collector.inventory import Device, Gpu, Inventory
from container_gpu_collector.measure import Measure
from container_gpu_collector.nvml import Nvml, NvmlError

from tests.unit.roles.collector.nvml_stand_in import LOST, MEMORY_UNKNOWN, NO_PERMISSION, NOT_SUPPORTED, Library
from tests.unit.roles.collector.nvml_stand_in import Device as Entity
from tests.unit.roles.collector.recorded import container

GPUS = (Gpu(0, "GPU-a", 0), Gpu(1, "GPU-b", 1))
WHOLE_GPUS = Inventory(GPUS)
TRAINING, NOTEBOOK = container("26.1", "cdi-0"), container("26.1", "rt-1")
# Ids of processes, with the container of each.
OWNERS = {1: TRAINING, 2: TRAINING, 3: NOTEBOOK, 4: None}


@pytest.fixture
def use(tmp_path, monkeypatch):
    """Name of the container, index and instance of the device, with what is used of it."""
    for pid, owner in OWNERS.items():
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "cgroup").write_text(f"0::/docker/{owner.id}\n" if owner else "0::/user.slice\n")
    measure = Measure(str(tmp_path))

    def ask(*gpus, given=(), inventory=WHOLE_GPUS):
        monkeypatch.setattr(Nvml, "load", lambda: Nvml(Library(*gpus)))
        measure._nvml = None
        uses = measure.update(inventory, given, [TRAINING, NOTEBOOK])
        ask.uses, ask.failures, ask.names = uses, measure.failures, measure.instance_names
        return {
            (entry.container.name if entry.container else "", entry.device.gpu.index, entry.device.instance): (
                entry.processes,
                entry.memory,
                entry.utilization,
            )
            for entry in uses
        }

    return ask


def test_processes_are_added_up_by_container(use):
    gpu = Entity(
        "GPU-a", compute=[(1, 100), (2, 50), (3, 7), (4, 9), (5, 1)], samples=[(1, 10, 30), (2, 11, 20), (3, 12, 5)]
    )
    assert use(gpu) == {
        ("t-cdi-0", 0, None): (2, 150, 0.5),
        ("t-rt-1", 0, None): (1, 7, 0.05),
        ("", 0, None): (1, 9, 0.0),
    }


def test_a_process_that_computes_and_draws_is_counted_once(use):
    assert use(Entity("GPU-a", compute=[(1, 100)], graphics=[(1, 100), (3, 4)])) == {
        ("t-cdi-0", 0, None): (1, 100, 0.0),
        ("t-rt-1", 0, None): (1, 4, 0.0),
    }


def test_a_container_without_a_process_on_its_gpu_uses_nothing(use):
    given = [Given(TRAINING, Device(GPUS[0]), "cdi"), Given(TRAINING, Device(GPUS[1]), "cdi")]
    assert use(Entity("GPU-a", compute=[(1, 100)]), Entity("GPU-b"), given=given) == {
        ("t-cdi-0", 0, None): (1, 100, 0.0),
        ("t-cdi-0", 1, None): (0, 0, 0.0),
    }


@pytest.mark.parametrize("code", [NOT_SUPPORTED, NO_PERMISSION])
def test_what_the_driver_does_not_tell_is_missing_and_no_error(use, code):
    given = [Given(TRAINING, Device(GPUS[0]), "cdi")]
    assert use(Entity("GPU-a", compute=code, samples=code), given=given) == {}
    assert use(Entity("GPU-a", compute=[(1, 100)], samples=code), given=given) == {("t-cdi-0", 0, None): (1, 100, None)}
    assert not use.failures


def test_memory_that_is_not_reported_of_one_process_is_not_reported_of_the_container(use):
    gpu = Entity("GPU-a", compute=[(1, 100), (2, MEMORY_UNKNOWN), (3, 7)])
    assert use(gpu) == {("t-cdi-0", 0, None): (2, None, 0.0), ("t-rt-1", 0, None): (1, 7, 0.0)}
    text = exposition.render(families.use([], "systemd"))
    assert text == ""


def test_instances_are_reported_or_missing_and_never_zero(use):
    inventory = replace(WHOLE_GPUS, instances=frozenset({(1, 7), (1, 8)}))
    hidden, told = (
        Entity("MIG-1", 7, compute=NO_PERMISSION),
        Entity("MIG-2", 8, compute=[(3, 5)], samples=NOT_SUPPORTED),
    )
    given = [Given(entry, Device(GPUS[1], instance), "cdi") for entry in (TRAINING, NOTEBOOK) for instance in (7, 8)]
    divided = Entity("GPU-b", instances=[hidden, told])
    assert use(Entity("GPU-a"), divided, given=given, inventory=inventory) == {("t-rt-1", 1, 8): (1, 5, None)}
    assert use.names == {"MIG-1": (1, 7), "1:0": (1, 7), "MIG-2": (1, 8), "1:1": (1, 8)}


def test_compute_instances_of_a_gpu_instance_are_one_device(use):
    inventory = replace(WHOLE_GPUS, instances=frozenset({(0, 7)}))
    parts = [Entity("MIG-1", 7, compute=[(1, 100)]), Entity("MIG-2", 7, compute=[(2, 50), (3, 5)])]
    divided = Entity("GPU-a", instances=[replace(part, samples=NOT_SUPPORTED) for part in parts])
    measured = use(divided, inventory=inventory)
    assert measured == {("t-cdi-0", 0, 7): (2, 150, None), ("t-rt-1", 0, 7): (1, 5, None)}
    assert len(use.uses) == len(measured), "the node exporter refuses a series that is there twice"
    hidden = replace(divided.instances[0], compute=NO_PERMISSION)
    assert use(replace(divided, instances=[hidden, divided.instances[1]]), inventory=inventory) == {}


def test_each_gpu_has_a_last_time_of_its_own(use):
    first = Entity("GPU-a", compute=[(1, 100)], samples=[(1, 1000, 50)])
    second = Entity("GPU-b", compute=[(3, 100)], samples=[(3, 10, 40)])
    assert use(first, second)[("t-rt-1", 1, None)] == (1, 100, 0.4)
    second.samples = [(3, 20, 30)]
    again = use(first, second)
    assert again[("t-cdi-0", 0, None)][2] == 0, "no sample is newer than the last one"
    assert again[("t-rt-1", 1, None)][2] == 0.3


def test_of_several_samples_of_a_process_the_newest_counts(use):
    assert use(Entity("GPU-a", compute=[(1, 1)], samples=[(1, 12, 80), (1, 11, 10)]))[("t-cdi-0", 0, None)][2] == 0.8


def test_more_than_all_of_a_gpu_is_all_of_it(use):
    assert (
        use(Entity("GPU-a", compute=[(1, 1), (2, 1)], samples=[(1, 1, 70), (2, 1, 60)]))[("t-cdi-0", 0, None)][2] == 1
    )


def test_a_gpu_that_fails_hides_no_other(use):
    assert use(Entity("GPU-a", compute=LOST), Entity("GPU-b", compute=[(3, 7)])) == {("t-rt-1", 1, None): (1, 7, 0.0)}
    assert use.failures == [f"nvmlDeviceGetComputeRunningProcesses_v3 answers {LOST}"]


def test_without_the_library_nothing_is_reported(tmp_path, monkeypatch):
    def fail():
        raise NvmlError("libnvidia-ml.so.1: cannot open shared object file")

    monkeypatch.setattr(Nvml, "load", fail)
    measure = Measure(str(tmp_path))
    assert (measure.update(WHOLE_GPUS, [], [TRAINING]), measure.failures) == (
        [],
        ["libnvidia-ml.so.1: cannot open shared object file"],
    )


def test_a_library_without_a_function_does_not_tell(use, monkeypatch):
    monkeypatch.delattr(Library, "nvmlDeviceGetProcessUtilization")
    assert use(Entity("GPU-a", compute=[(1, 100)])) == {("t-cdi-0", 0, None): (1, 100, None)}
    assert not use.failures
