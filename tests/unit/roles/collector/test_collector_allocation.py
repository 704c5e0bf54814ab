"""Who was given what, from the files of containers that were started in each way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from container_gpu_collector import asked
from container_gpu_collector.allocation import Allocations
from container_gpu_collector.asked import Asked
from container_gpu_collector.containers import parse
from container_gpu_collector.inventory import Gpu, Inventory

from tests.unit.roles.collector.recorded import ENGINES, GPUS, MIG_CDI, WITH_MIG, container

RUNTIMES = ["nvidia"]


def given(entry, inventory):
    """Way, index of the GPU and id of the instance."""
    return {
        (allocation.via, allocation.device.gpu.index, allocation.device.instance)
        for allocation in Allocations(RUNTIMES).update([entry], inventory)
    }


def with_environment(*environment):
    """A container of the runtime nvidia with other variables."""
    files = ENGINES["26.1"]["rt-1"]
    config = files["config.v2.json"]
    return parse({**config, "Config": {**config["Config"], "Env": list(environment)}}, files["hostconfig.json"])


EXPECTED = {
    "cdi-0": {("cdi", 0, None)},
    "cdi-all": {("cdi", 0, None), ("cdi", 1, None)},
    "gpus-1": {("request", 0, None)},
    "gpus-all": {("request", 0, None), ("request", 1, None)},
    "gpus-uuid": {("request", 0, None)},
    "rt-1": {("runtime", 0, None)},
    "rt-all": {("runtime", 0, None), ("runtime", 1, None)},
    "default-env": {("runtime", 0, None)},
    "rt-noenv": set(),
    "env": set(),
    "dev": {("device", 0, None)},
    "priv": set(),
}


@pytest.mark.parametrize(
    ("engine", "started"),
    [(engine, started) for engine in ENGINES for started in EXPECTED if started in ENGINES[engine]],
)
def test_each_way_to_start_a_container(engine, started):
    expected = {(via, gpu, instance) for via, gpu, instance in EXPECTED[started] if gpu < len(GPUS[engine])}
    assert given(container(engine, started), Inventory(GPUS[engine])) == expected


@pytest.mark.parametrize(
    ("started", "expected"),
    {
        "mig-cdi-uuid": {("cdi", 1, 8)},
        "mig-cdi-index": {("cdi", 1, 7)},
        "mig-cdi-all": {("cdi", 0, None), ("cdi", 1, 7), ("cdi", 1, 8)},
        "mig-rt-uuid": {("runtime", 1, 8)},
        "mig-rt-index": {("runtime", 1, 7)},
        "mig-gpus-index": {("request", 1, 8)},
        "whole-in-mig": {("runtime", 1, None)},
    }.items(),
)
def test_mig_instances(started, expected):
    assert given(container("26.1", started), WITH_MIG) == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_no_other_variable_of_the_environment_is_kept(engine):
    assert "SECRET=hunter2" in ENGINES[engine]["rt-1"]["config.v2.json"]["Config"]["Env"]
    assert "hunter2" not in repr(container(engine, "rt-1"))


@pytest.mark.parametrize("engine", ENGINES)
def test_containers_of_the_collection_are_marked(engine):
    assert container(engine, "dcgm-exporter").monitoring and not container(engine, "cdi-0").monitoring


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("0,1", ("0", "1")),
        (" 0 , GPU-00000001-0000-4000-8000-000000000001 ", ("0", "GPU-00000001-0000-4000-8000-000000000001")),
        ("nvidia.com/gpu=0", ("0",)),
        ("runtime.nvidia.com/gpu=0,runtime.nvidia.com/gpu=1", ("0", "1")),
        ("nvidia.com/gpu=0,vendor.com/net=0,nvidia.com/gds=all", ("0",)),
        ("vendor.com/net=0", ()),
        ("void", ()),
        ("none", ()),
        ("", ()),
        ("0,none", ()),
        ("1,void", ()),
        ("0,", ("0",)),
    ],
)
def test_values_of_the_variable(value, names):
    entry = with_environment("NVIDIA_VISIBLE_DEVICES=1", f"NVIDIA_VISIBLE_DEVICES={value}")
    assert asked.by(entry, RUNTIMES) == ([Asked("runtime", names)] if names else [])


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (["CUDA_VERSION=9.0.176"], {("runtime", 0, None), ("runtime", 1, None)}),
        (["CUDA_VERSION=9.0.176", "NVIDIA_VISIBLE_DEVICES="], set()),
        (["CUDA_VERSION=12.8.0", "NVIDIA_REQUIRE_CUDA=cuda>=12.8"], set()),
    ],
)
def test_old_images_of_cuda_get_all_gpus(environment, expected):
    assert given(with_environment(*environment), Inventory(GPUS["26.1"])) == expected


def test_the_runtime_prefers_an_annotation_to_the_environment():
    annotations = {"cdi.k8s.io/job": "nvidia.com/gpu=1", "org.example/gpu": "nvidia.com/gpu=0"}
    assert given(container("26.1", "rt-all", Annotations=annotations), Inventory(GPUS["26.1"])) == {
        ("runtime", 1, None)
    }
    assert given(container("26.1", "env", Annotations=annotations), Inventory(GPUS["26.1"])) == set()


@pytest.mark.parametrize(
    ("annotation", "expected"),
    {
        "nvidia.com/gpu=0,nvidia.com/gpu=1": {("runtime", 0, None), ("runtime", 1, None)},
        "runtime.nvidia.com/gpu=1": {("runtime", 1, None)},
        "vendor.com/net=0": set(),
        # Names without a kind are ignored, with all others.
        "": {("runtime", 0, None)},
        "1": {("runtime", 0, None)},
        "nvidia.com/gpu=1, nvidia.com/gpu=0": {("runtime", 0, None)},
    }.items(),
)
def test_only_annotations_of_names_with_a_kind_count(annotation, expected):
    entry = container("26.1", "rt-1", Annotations={"cdi.k8s.io/job": annotation})
    assert given(entry, Inventory(GPUS["26.1"])) == expected


@pytest.mark.parametrize(
    ("device_request", "expected"),
    [
        ({"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=0"]}, {("cdi", 0, None), ("runtime", 1, None)}),
        ({"Driver": "nvidia", "DeviceIDs": ["0"]}, {("runtime", 1, None)}),
    ],
)
def test_an_annotation_comes_beside_cdi_and_in_place_of_a_request(device_request, expected):
    more = {"DeviceRequests": [device_request], "Annotations": {"cdi.k8s.io/job": "nvidia.com/gpu=1"}}
    assert given(container("26.1", "rt-1", **more), Inventory(GPUS["26.1"])) == expected


def test_the_runtime_takes_names_of_cdi_devices():
    named_by_type = Inventory(GPUS["26.1"], cdi_nodes={"gpu1": ("/dev/nvidia1",)})
    assert given(with_environment("NVIDIA_VISIBLE_DEVICES=nvidia.com/gpu=gpu1"), named_by_type) == {
        ("runtime", 1, None)
    }


@pytest.mark.parametrize(
    ("device_request", "expected"),
    [
        ({"Count": 1, "Capabilities": [["compute", "utility"]]}, {("request", 0, None)}),
        ({"Count": 1, "Capabilities": [["tpu"], ["nvidia"]]}, {("request", 0, None)}),
        ({"Count": 1, "Capabilities": [["gpu", "amd"]]}, set()),
        ({"Count": -1, "Driver": "amd", "Capabilities": [["gpu"]]}, set()),
        ({"Count": 1, "Driver": "nvidia.cdi"}, {("request", 0, None)}),
        ({"DeviceIDs": ["1"], "Driver": "nvidia.runtime-hook"}, {("request", 1, None)}),
        ({"DeviceIDs": ["nvidia.com/gpu=1"], "Capabilities": [["gpu"]]}, {("request", 1, None)}),
        ({"DeviceIDs": ["vendor.com/net=1"], "Driver": "nvidia.cdi"}, set()),
        ({"Count": 0, "Capabilities": [["gpu"]]}, set()),
    ],
)
def test_requests_that_docker_hands_to_nvidia(device_request, expected):
    entry = container("26.1", "gpus-1", DeviceRequests=[device_request])
    assert given(entry, Inventory(GPUS["26.1"])) == expected


def test_a_device_request_leaves_the_runtime_without_effect():
    """As docker run --runtime nvidia --gpus 1 with an image that sets NVIDIA_VISIBLE_DEVICES to all."""
    both = replace(container("26.1", "gpus-1"), runtime="nvidia", visible_devices=("all",))
    assert given(both, Inventory(GPUS["26.1"])) == {("request", 0, None)}


def test_device_nodes_come_beside_other_ways_and_nothing_is_there_twice():
    nodes = ("/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl", "/dev/nvidia-uvm")
    both = replace(container("26.1", "cdi-0"), device_paths=nodes)
    assert given(both, Inventory(GPUS["26.1"])) == {("cdi", 0, None), ("device", 1, None)}


def test_nodes_of_an_instance_give_the_instance_alone():
    nodes = ("/dev/nvidia1", "/dev/nvidia-caps/nvidia-cap201", "/dev/nvidia-caps/nvidia-cap202")
    assert given(replace(container("26.1", "dev"), device_paths=nodes), WITH_MIG) == {("device", 1, 7)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GPU-00000001-0000-4000-8000-000000000001", {1}),
        ("GPU-00000001", set()),
        ("GPU-0000000", set()),
        ("2", set()),
        ("MIG-GPU-00000001-0000-4000-8000-000000000001/7/0", {(1, 7)}),
        ("MIG-GPU-00000001-0000-4000-8000-000000000001/3/0", set()),
        ("MIG-unknown", set()),
    ],
)
def test_names_of_devices(name, expected):
    devices, unknown = WITH_MIG.resolve(Asked("runtime", (name,)))
    assert {
        device.gpu.index if device.instance is None else (device.gpu.index, device.instance) for device in devices
    } == expected
    assert unknown == ([] if expected else [name])


def test_the_beginning_of_a_uuid_counts_where_one_gpu_has_it():
    inventory = Inventory((Gpu(0, "GPU-fef8089b-1", 0), Gpu(1, "GPU-00000000-1", 1)))
    assert [device.gpu.index for device in inventory.resolve(Asked("runtime", ("GPU-fef8089b",)))[0]] == [0]


@pytest.mark.parametrize("name", ["0000:3b:00.0", "00000000:3B:00.0", "0:3b:0.0"])
def test_the_hook_takes_addresses_of_pci(name):
    inventory = Inventory((Gpu(0, "GPU-a", 0), Gpu(1, "GPU-b", 1, "0000:3b:00.0")))
    assert [device.gpu.index for device in inventory.resolve(Asked("runtime", (name,)))[0]] == [1]
    assert inventory.resolve(Asked("runtime", ("0000:3c:00.0",))) == ([], ["0000:3c:00.0"])


def test_a_cdi_specification_with_names_of_its_own():
    inventory = Inventory(GPUS["26.1"], cdi_nodes={"big": ("/dev/nvidia1",), "0": ("/dev/nvidia1",)})
    assert [device.gpu.index for device in inventory.resolve(Asked("cdi", ("big", "0")))[0]] == [1, 1]
    assert [device.gpu.index for device in inventory.resolve(Asked("request", ("0",)))[0]] == [0]


def test_a_cdi_specification_of_a_driver_below_another_root():
    root = "/run/nvidia/driver"
    nodes = {"1:0": tuple(f"{root}{path}" for path in MIG_CDI["1:0"]), "0": (f"{root}/dev/nvidia0",)}
    devices, unknown = replace(WITH_MIG, cdi_nodes=nodes).resolve(Asked("cdi", ("0", "1:0")))
    assert [(device.gpu.index, device.instance) for device in devices] == [(0, None), (1, 7)]
    assert not unknown


def test_a_running_container_keeps_what_its_names_meant():
    allocations, entry = Allocations(RUNTIMES), container("26.1", "gpus-1")
    before = Inventory(GPUS["26.1"])
    lost = Inventory((Gpu(0, GPUS["26.1"][1].uuid, 1),))
    assert [allocation.device.gpu.uuid[-1] for allocation in allocations.update([entry], before)] == ["0"]
    assert allocations.update([entry], lost) == []
    again = replace(entry, started="2026-12-01T00:00:00Z")
    assert [allocation.device.gpu.uuid[-1] for allocation in allocations.update([again], lost)] == ["1"]


def test_a_gpu_whose_uuid_is_reported_later_stays_given():
    """As after a boot without nvidia-persistenced: a container with CDI starts before any program opened its GPU."""
    allocations, entry = Allocations(RUNTIMES), container("26.1", "cdi-0")
    other = replace(GPUS["26.1"][0], uuid="GPU-other")
    shown = [
        [allocation.device.gpu.uuid for allocation in allocations.update([entry], Inventory((gpu,)))]
        for gpu in (replace(other, uuid=""), GPUS["26.1"][0], other)
    ]
    assert shown == [[""], [GPUS["26.1"][0].uuid], []]


def test_an_index_is_the_present_one():
    allocations, entry = Allocations(RUNTIMES), container("26.1", "cdi-all")
    allocations.update([entry], Inventory(GPUS["26.1"]))
    [left] = allocations.update([entry], Inventory((Gpu(0, GPUS["26.1"][1].uuid, 1),)))
    assert (left.device.gpu.index, left.device.gpu.minor) == (0, 1)


def test_instances_that_are_made_later_are_not_given():
    allocations, entry = Allocations(RUNTIMES), container("26.1", "mig-cdi-all")
    allocations.update([entry], replace(WITH_MIG, instances=frozenset({(1, 7)})))
    assert {allocation.device.instance for allocation in allocations.update([entry], WITH_MIG)} == {None, 7}


def test_a_name_that_is_not_known_yet_is_looked_up_again():
    allocations, entry = Allocations(RUNTIMES), container("26.1", "mig-rt-uuid")
    assert allocations.update([entry], replace(WITH_MIG, instance_names={}, cdi_nodes={})) == []
    assert allocations.unknown == ["t-mig-rt-uuid"]
    assert [allocation.device.instance for allocation in allocations.update([entry], WITH_MIG)] == [8]
    assert allocations.unknown == []
