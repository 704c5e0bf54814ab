"""What the exporters of a simulated host with eight GPUs and 30 containers answer."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from bench.simulated.notation import Line, Values, read

GPUS, CONTAINERS = 8, 30
# What the names in capitals stand for. The host has two sockets with 64 CPUs each.
DEVICES = {
    "CPU": [str(number) for number in range(128)],
    "DISK": [f"nvme{number}n1" for number in range(6)],
    "NIC": [f"enp{number}s0f0np0" for number in range(4)],
    "HCA": [f"mlx5_{number}" for number in range(8)],
    "MC": ["0", "1"],
}
# cAdvisor says when it measured a container, but not of these.
WITHOUT_TIME = ("container_creation_time", "container_spec", "container_start_time")
IMAGE = "registry.example.com/ml/training:2026.1"


class Page:
    """The answer of an exporter: texts that stay, and between them values."""

    def __init__(self, values: Values, series: Iterable[tuple[Line, str, int, int]]) -> None:
        """`series` are lines with their whole labels, a variant, and the container of a value that has a time of its
        own, or -1.
        """
        self._values = values
        self.series = list(series)
        self._texts: list[str] = []
        self._dynamic: list[tuple[int, int]] = []
        end, family = "", ""
        for line, labels, variant, container in self.series:
            head = f"# HELP {line.name} {HELP}\n# TYPE {line.name} {line.kind}\n" if line.name != family else ""
            self._texts.append(f"{end}{head}{line.name}{{{labels}}} " if labels else f"{end}{head}{line.name} ")
            self._dynamic.append((values.number(line.value, variant), container))
            end, family = "\n", line.name

    def __len__(self) -> int:
        return len(self.series)

    def render(self, time: float) -> bytes:
        """The text at a time. cAdvisor measured each container at some moment of the last interval."""
        values, stamps = self._values.at(time), {-1: ""}
        for container in range(CONTAINERS):
            stamps[container] = f" {int(1000 * time) - 150 * container - 100}"
        parts = [""] * (2 * len(self._texts) + 1)
        parts[0:-1:2] = self._texts
        parts[1::2] = [values[number] + stamps[container] for number, container in self._dynamic]
        parts[-1] = "\n"
        return "".join(parts).encode()


HELP = "What this metric says, in about as many words as exporters have."


def pages(host: str, number: int, values: Values) -> dict[str, Page]:
    """The answers of a host by job of Prometheus."""
    return {
        "cadvisor": Page(values, [*_containers(host, number), *_alone("cadvisor", 0), *_alone("program", number)]),
        "nvidia-gpu": Page(values, _gpus(host, number)),
        "node": Page(values, [*_machine(host, number), *_container_gpus(host), *_alone("program", number)]),
    }


def _alone(file: str, variant: int) -> Iterator[tuple[Line, str, int, int]]:
    return ((line, line.labels, variant, -1) for line in read(file))


def _joined(*labels: str) -> str:
    return ",".join(filter(None, labels))


def _containers(host: str, number: int) -> Iterator[tuple[Line, str, int, int]]:
    for line in read("container"):
        for container in range(CONTAINERS):
            labels = f'id="{_control_group(host, container)}",image="{IMAGE}",name="training-{container}"'
            own_time = -1 if line.name.startswith(WITHOUT_TIME) else container
            yield line, _joined(labels, line.labels), number + container, own_time


def _gpus(host: str, number: int) -> Iterator[tuple[Line, str, int, int]]:
    for line in read("gpu"):
        for gpu in range(GPUS):
            labels = (
                f'{_gpu(host, gpu)},pci_bus_id="00000000:{16 * gpu + 24:02X}:00.0",device="nvidia{gpu}",'
                f'modelName="NVIDIA H100 80GB HBM3",Hostname="{host}",DCGM_FI_DRIVER_VERSION="580.95.05"'
            )
            yield line, _joined(labels, line.labels), number + gpu, -1


def _machine(host: str, number: int) -> Iterator[tuple[Line, str, int, int]]:
    lines = read("node")
    for metric in dict.fromkeys(line.name for line in lines):
        for line in lines:
            if line.name == metric:
                place = next((name for name in DEVICES if name in line.labels), "")
                for index, device in enumerate(DEVICES.get(place, [""])):
                    labels = line.labels.replace(place, device) if place else line.labels.replace("HOST", host)
                    yield line, labels, number + index, -1


def _container_gpus(host: str) -> Iterator[tuple[Line, str, int, int]]:
    """What the container GPU collector writes for the node exporter: a training container and an exporter a GPU."""
    info = Line("container_gpu_info", "", "1")
    for gpu in range(GPUS):
        for name, container, more in (
            (f"training-{gpu}", gpu, 'container_label_team="vision"'),
            ("dcgm-exporter", 29, 'monitoring="true"'),
        ):
            group = f'id="{_control_group(host, container)}",image="{IMAGE}",name="{name}",via="cdi"'
            yield info, _joined(group, _gpu(host, gpu), more), 0, -1
    yield Line("container_gpu_collector_last_success_timestamp_seconds", "", "now"), "", 0, -1


def _gpu(host: str, gpu: int) -> str:
    return f'gpu="{gpu}",UUID="GPU-{random.Random(f"{host} {gpu}").randbytes(16).hex()}"'


def _control_group(host: str, container: int) -> str:
    return f"/system.slice/docker-{random.Random(f'{host}/{container}').randbytes(32).hex()}.scope"
