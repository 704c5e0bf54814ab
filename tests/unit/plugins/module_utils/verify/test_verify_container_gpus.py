"""The GPUs of containers: what the engine gave them against what Prometheus sees."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import asked_gpus
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify import container_gpus
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.container_gpus import Seen

MIG = [{"uuid": "MIG-1", "profile": "3g.40gb"}, {"uuid": "MIG-2", "profile": "3g.40gb"}]
GPUS: list[Any] = [
    {"index": 0, "uuid": "GPU-a0", "mig_mode": "Disabled", "mig_devices": []},
    {"index": 1, "uuid": "GPU-a1", "mig_mode": "Enabled", "mig_devices": MIG},
    {"index": 2, "uuid": "GPU-a2", "mig_mode": "Enabled", "mig_devices": []},
]
LOG = "See the log of the container container-gpu-collector there."
RUNTIME = {"Runtime": "nvidia"}
IMAGE = {"Env": ["PATH=/bin", "NVIDIA_VISIBLE_DEVICES=all"]}


def container(name: str, host: Any = None, config: Any = None, age: int = 3600, service: str = "") -> dict[str, Any]:
    host = host or {}
    asked = asked_gpus.of_container({"HostConfig": host, "Config": config or {}})
    return {
        "name": name,
        "id": name,
        "age": age,
        "runtime": host.get("Runtime", "runc"),
        "service": service,
        "asked_gpus": asked,
    }


def told(
    *containers: dict[str, Any],
    gpus: Any = None,
    lately: Any = None,
    age: float | None = 3.0,
    collector_age: int = 3600,
) -> str:
    collector = container("container-gpu-collector", service="container-gpu-collector", age=collector_age)
    engine: Any = {"default_runtime": "runc", "nvidia_runtimes": ["nvidia"], "containers": [*containers, collector]}
    assert container_gpus.runs(engine)
    return container_gpus.fault("gpu1", engine, GPUS, Seen(age, gpus or {}, lately or {}), 15)


def requested(driver: str, names: list[str] | None = None, count: int = 0, capabilities: Any = None) -> dict[str, Any]:
    return {"DeviceRequests": [{"Driver": driver, "Count": count, "DeviceIDs": names, "Capabilities": capabilities}]}


WAYS = [
    (requested("cdi", ["nvidia.com/gpu=all"]), None, ["GPU-a0", "GPU-a1"]),
    (requested("cdi", ["nvidia.com/gpu=0"]), IMAGE, ["GPU-a0"]),
    (requested("cdi", ["nvidia.com/gpu=1:0"]), None, ["GPU-a1"]),
    (requested("cdi", ["nvidia.com/gpu=MIG-2"]), None, ["GPU-a1"]),
    (requested("cdi", ["nvidia.com/gpu=GPU-a0"]), None, ["GPU-a0"]),
    (requested("", count=1, capabilities=[["gpu"]]), None, ["GPU-a0"]),
    (requested("", count=-1, capabilities=[["gpu"]]), None, ["GPU-a0", "GPU-a1"]),
    (requested("nvidia", ["1", "GPU-a0"]), None, ["GPU-a0", "GPU-a1"]),
    (RUNTIME, IMAGE, ["GPU-a0", "GPU-a1"]),
    (RUNTIME, {"Env": ["NVIDIA_VISIBLE_DEVICES=MIG-GPU-a1/1/0"]}, ["GPU-a1"]),
    (RUNTIME, {"Env": ["NVIDIA_VISIBLE_DEVICES=runtime.nvidia.com/gpu=all"]}, ["GPU-a0", "GPU-a1"]),
    (RUNTIME, {"Env": ["NVIDIA_VISIBLE_DEVICES=nvidia.com/gds=all,1"]}, ["GPU-a1"]),
    (RUNTIME, {"Env": ["NVIDIA_VISIBLE_DEVICES=void"]}, []),
    (RUNTIME, None, []),
    ({"Runtime": "runc"}, IMAGE, []),
    (RUNTIME, {"Env": ["CUDA_VERSION=9.0.176"]}, ["GPU-a0", "GPU-a1"]),
    (RUNTIME, {"Env": ["CUDA_VERSION=12.8.0", "NVIDIA_REQUIRE_CUDA=cuda>=12.8"]}, []),
    (RUNTIME, {"Env": ["NVIDIA_VISIBLE_DEVICES=0,none"]}, []),
    ({**RUNTIME, "Annotations": {"cdi.k8s.io/job": "nvidia.com/gpu=0"}}, IMAGE, ["GPU-a0"]),
    (
        {**RUNTIME, "Annotations": {"cdi.k8s.io/job": "nvidia.com/gpu=1:0"}, **requested("cdi", ["nvidia.com/gpu=0"])},
        IMAGE,
        ["GPU-a0", "GPU-a1"],
    ),
    (
        {**RUNTIME, "Annotations": {"cdi.k8s.io/job": "nvidia.com/gpu=0"}, **requested("nvidia", ["1"])},
        IMAGE,
        ["GPU-a0"],
    ),
    ({**RUNTIME, "Annotations": {"cdi.k8s.io/job": "1"}}, {"Env": ["NVIDIA_VISIBLE_DEVICES=0"]}, ["GPU-a0"]),
    ({"Runtime": "runc", "Annotations": {"cdi.k8s.io/job": "nvidia.com/gpu=0"}}, IMAGE, []),
    (RUNTIME, {"Env": ["NVIDIA_VISIBLE_DEVICES=runtime.nvidia.com/gpu=0"]}, ["GPU-a0"]),
    (requested("", count=1, capabilities=[["compute", "utility"]]), None, ["GPU-a0"]),
    (requested("nvidia.cdi", ["nvidia.com/gpu=0"]), None, ["GPU-a0"]),
    (requested("", count=1, capabilities=[["gpu", "amd"]]), None, []),
    ({"Runtime": "runc", **requested("", capabilities=[["tpu"]])}, IMAGE, []),
    (requested("cdi", ["vendor.com/net=0"]), None, []),
    ({**RUNTIME, **requested("cdi", ["vendor.com/net=0"])}, IMAGE, ["GPU-a0", "GPU-a1"]),
    ({"Devices": [{"PathOnHost": "/dev/nvidiactl"}, {"PathOnHost": "/dev/fuse"}]}, None, []),
]


@pytest.mark.parametrize(("host", "config", "given"), WAYS)
def test_every_way_to_get_a_gpu_is_compared(host, config, given):
    job = container("job", host, config)
    assert told(job, gpus={"job": given}) == ""
    other = [] if given else ["GPU-a0"]
    listed = " and ".join(given) or "none"
    difference = f"job was given {listed}, and Prometheus sees {' and '.join(other) or 'none'}"
    expected = f"Prometheus sees other GPUs of containers of gpu1 than the engine: {difference}. {LOG}"
    assert told(job, gpus={"job": other}) == expected


@pytest.mark.parametrize(
    "names", [["nvidia.com/gpu=all"], ["nvidia.com/gpu=0", "nvidia.com/gpu=1", "nvidia.com/gpu=2"]]
)
def test_a_gpu_in_mig_mode_without_instances_is_not_compared(names):
    """Whether a container has the node of such a GPU depends on the toolkit, and no program can use the GPU."""
    job = container("job", requested("cdi", names))
    for seen in (["GPU-a0", "GPU-a1"], ["GPU-a0", "GPU-a1", "GPU-a2"]):
        assert told(job, gpus={"job": seen}) == ""


def test_of_device_nodes_only_their_loss_is_reported():
    job = container("job", {"Devices": [{"PathOnHost": "/dev/nvidia3"}]})
    assert told(job, gpus={"job": ["GPU-a0"]}) == ""
    assert "job was given /dev/nvidia3, and Prometheus sees none" in told(job)


def test_what_ended_or_began_a_moment_ago_is_not_missed():
    job = container("job", requested("cdi", ["nvidia.com/gpu=0"]))
    assert told(job, lately={"job": ["GPU-a0"]}) == ""
    assert told(container("job", requested("cdi", ["nvidia.com/gpu=0"]), age=20)) == ""
    assert told(gpus={"unknown": ["GPU-a0"]}) == ""


def test_many_containers_are_one_sentence():
    jobs = [container(f"job{number}", requested("cdi", ["nvidia.com/gpu=0"])) for number in range(5)]
    assert told(*jobs).count("was given") == 3
    assert "and 2 more." in told(*jobs)


def test_a_collector_that_hangs_or_is_not_read_hides_what_follows():
    job = container("job", requested("cdi", ["nvidia.com/gpu=0"]))
    assert told(job, age=75) == f"The container GPU collector of gpu1 has written no metrics for 75 s. {LOG}"
    unread = (
        "Prometheus has no metrics of the container GPU collector of gpu1, which runs there. Run the playbook site."
    )
    assert told(job, age=None) == unread
    assert told(job, age=None, collector_age=5) == ""
