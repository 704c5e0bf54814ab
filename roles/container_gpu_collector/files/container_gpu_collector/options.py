# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Where the program reads and writes, and what it cannot see of the engine by itself."""

    containers: str
    driver: str
    cdi: list[str]
    textfile: str
    labels: list[str]
    nvidia_runtimes: list[str]
    cgroup_driver: str
    cgroup_parent: str
    usage_interval: float


def parse(arguments: Sequence[str]) -> Options:
    """The options of a command line."""
    parser = argparse.ArgumentParser(
        "container_gpu_collector", description="Writes which container was given which GPU."
    )
    parser.add_argument("--containers", required=True, help="folder `containers` of Docker's data")
    parser.add_argument("--driver", default="/proc/driver", help="folder of NVIDIA's kernel module in procfs")
    parser.add_argument(
        "--cdi", action="append", default=[], help="folder of CDI specifications; the last one counts most"
    )
    parser.add_argument("--textfile", required=True, help="file to write")
    parser.add_argument("--label", dest="labels", action="append", default=[], help="label of containers to add")
    parser.add_argument(
        "--nvidia-runtime", dest="nvidia_runtimes", action="append", default=[], help="runtime that gives GPUs"
    )
    parser.add_argument(
        "--cgroup-driver", choices=("cgroupfs", "systemd"), default="systemd", help="cgroup driver of the engine"
    )
    parser.add_argument("--cgroup-parent", default="", help="parent of containers that name none")
    parser.add_argument(
        "--usage-interval", type=float, default=0, help="seconds between two questions to NVML; 0 asks nothing"
    )
    return Options(**vars(parser.parse_args(arguments)))
