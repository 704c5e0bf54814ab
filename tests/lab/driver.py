"""The stand-in for NVIDIA's driver on a lab host: the files that a host with GPUs would have."""

from __future__ import annotations

import json

DRIVER_VERSION = "580.95.05"
GPUS = {"gpu1": ("NVIDIA A100-SXM4-80GB", 81920, 2), "gpu2": ("NVIDIA H100 80GB HBM3", 81559, 1)}

# Answers what the collection and the roles ask of nvidia-smi, from gpus.json.
NVIDIA_SMI = '''#!/usr/bin/python3
"""A stand-in for nvidia-smi: answers -L and --query-gpu from /etc/gpu-lab/gpus.json."""
import json
import sys

gpus = json.load(open("/etc/gpu-lab/gpus.json"))
query = [argument.partition("=")[2] for argument in sys.argv[1:] if argument.startswith("--query-gpu=")]
if sys.argv[1:] == ["-L"]:
    for gpu in gpus:
        print(f"GPU {gpu['index']}: {gpu['name']} (UUID: {gpu['uuid']})")
elif query:
    names = {"memory.total": "memory_mib", "mig.mode.current": "mig_mode"}
    for gpu in gpus:
        print(", ".join(str(gpu[names.get(field, field)]) for field in query[0].split(",")))
else:
    sys.exit("this stand-in for nvidia-smi knows -L and --query-gpu=... --format=csv,noheader,nounits")
'''

# The runtime takes what containers get from the CDI specification below.
RUNTIME_CONFIG = """[nvidia-container-runtime]
mode = "cdi"
log-level = "info"

[nvidia-container-runtime.modes.cdi]
default-kind = "nvidia.com/gpu"
spec-dirs = ["/etc/cdi", "/var/run/cdi"]
"""


def gpus(host: str) -> list[dict[str, object]]:
    """The made-up GPUs of a host; none for a host without."""
    if host not in GPUS:
        return []
    name, memory, count = GPUS[host]
    number = host.removeprefix("gpu")
    return [
        {
            "index": index,
            "uuid": f"GPU-0000000{number}-0000-4000-8000-00000000000{index}",
            "name": name,
            "memory_mib": memory,
            "driver_version": DRIVER_VERSION,
            "mig_mode": "Disabled",
            "pci_bus_id": f"00000000:0{index + 1}:00.0",
        }
        for index in range(count)
    ]


def cdi_specification(count: int) -> str:
    """A CDI specification (https://github.com/cncf-tags/container-device-interface) with devices that lead to /dev/null."""

    def device(name: str, indexes: list[int]) -> dict[str, object]:
        nodes = [{"path": f"/dev/nvidia{index}", "type": "c", "major": 1, "minor": 3} for index in indexes]
        return {"name": name, "containerEdits": {"deviceNodes": nodes}}

    devices = [device(str(index), [index]) for index in range(count)] + [device("all", list(range(count)))]
    mount = {"hostPath": "/etc/gpu-lab", "containerPath": "/etc/gpu-lab", "options": ["ro", "nosuid", "nodev", "rbind"]}
    edits = {"env": ["GPU_LAB=stand-in"], "mounts": [mount]}
    return json.dumps({"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": devices, "containerEdits": edits}, indent=2)


def files(host: str) -> dict[str, str]:
    """Content by path."""
    there = gpus(host)
    if not there:
        return {}
    return {
        "/etc/gpu-lab/gpus.json": json.dumps(there, indent=2),
        "/usr/bin/nvidia-smi": NVIDIA_SMI,
        "/etc/cdi/nvidia.json": cdi_specification(len(there)),
        "/etc/nvidia-container-runtime/config.toml": RUNTIME_CONFIG,
    }
