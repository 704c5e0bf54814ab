"""Files of containers as Docker 26.1 and 28.5 wrote them, without what is empty, and the GPUs of the hosts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from container_gpu_collector.containers import Container, parse
from container_gpu_collector.inventory import Gpu, Inventory

_FILES = json.loads((Path(__file__).parent / "recorded.json").read_text())
# By version of the engine: started how, then file name and content.
ENGINES: dict[str, dict[str, dict[str, Any]]] = _FILES
GPUS = {
    "26.1": (
        Gpu(0, "GPU-00000001-0000-4000-8000-000000000000", 0),
        Gpu(1, "GPU-00000001-0000-4000-8000-000000000001", 1),
    ),
    "28.5": (Gpu(0, "GPU-00000002-0000-4000-8000-000000000000", 0),),
}
MIG_CDI = {
    "0": ("/dev/nvidia0",),
    "1:0": ("/dev/nvidia1", "/dev/nvidia-caps/nvidia-cap201", "/dev/nvidia-caps/nvidia-cap202"),
    "1:1": ("/dev/nvidia1", "/dev/nvidia-caps/nvidia-cap210", "/dev/nvidia-caps/nvidia-cap211"),
    "MIG-00000001-0000-4000-8000-000000000101": (
        "/dev/nvidia1",
        "/dev/nvidia-caps/nvidia-cap201",
        "/dev/nvidia-caps/nvidia-cap202",
    ),
    "MIG-00000001-0000-4000-8000-000000000201": (
        "/dev/nvidia1",
        "/dev/nvidia-caps/nvidia-cap210",
        "/dev/nvidia-caps/nvidia-cap211",
    ),
}
MIG_NAMES = {
    "1:0": (1, 7),
    "1:1": (1, 8),
    **{f"MIG-00000001-0000-4000-8000-000000000{number}01": (1, 6 + number) for number in (1, 2)},
}
CAPABILITIES = {201: (1, 7), 202: (1, 7), 210: (1, 8), 211: (1, 8)}
# The host with Docker 26.1 after its second GPU was divided into two instances.
WITH_MIG = Inventory(GPUS["26.1"], frozenset({(1, 7), (1, 8)}), CAPABILITIES, MIG_NAMES, MIG_CDI)


def container(engine: str, started: str, **changes: Any) -> Container:
    """A recorded container. `changes` replace keys of hostconfig.json."""
    files = ENGINES[engine][started]
    return parse(files["config.v2.json"], {**files["hostconfig.json"], **changes}, ["lab.version"])
