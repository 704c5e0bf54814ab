# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Memory and disk that a Prometheus needs for a number of hosts. Pure."""

from typing import TypedDict

GIB = 1024**3
_STEP = 256 * 1024**2
# A host with 8 GPUs, 30 containers and 128 CPUs, with what the rules record of it (bench/fleet.py).
SERIES_PER_HOST = 3700
# "About 3 kB" a series in memory (https://www.robustperception.io, on Prometheus 2), and as much for garbage and
# queries.
BYTES_PER_SERIES = 2 * 3000
# Of a block with its index (bench/fleet.py). cAdvisor's samples have irregular times, so they take more than the usual
# "1-2 bytes": https://prometheus.io/docs/prometheus/latest/storage/#operational-aspects
BYTES_PER_SAMPLE = 3.1
_LEAST_MEMORY = 4 * GIB
# What Prometheus may take of the host's memory, and its data of a file system that images and logs share.
_MEMORY_SHARE = 0.75
_DISK_SHARE = 0.7


class Size(TypedDict):
    """Limits in the notation of Docker and Prometheus; empty if the time alone limits the data.

    The problems say what the host is too small for, and are empty if it is large enough.
    """

    memory: str
    memory_problem: str
    retention_size: str
    retention_problem: str


def fit(hosts: int, interval: float, retention: float, memory: int, disk: int) -> Size:
    """Limits that fit `hosts` scraped each `interval` seconds and kept for `retention` seconds.

    `memory` and `disk` are the bytes that the monitoring host has, 0 if they are not known. The limits grow in large
    steps, since each other limit restarts Prometheus.
    """
    needed = GIB + hosts * SERIES_PER_HOST * BYTES_PER_SERIES
    limit = _LEAST_MEMORY
    while limit < needed:
        limit *= 2
    if memory:
        limit = min(limit, max(_STEP, int(memory * _MEMORY_SHARE) // _STEP * _STEP))
    memory_problem = retention_size = retention_problem = ""
    if limit < needed:
        memory_problem = (
            f"Prometheus needs about {_gib(needed)} of memory for {hosts} hosts,"
            f" and gets {_gib(limit)} of the {_gib(memory)} of this host."
            " Move Prometheus to a host with more memory, or set prometheus_memory."
        )
    written = hosts * SERIES_PER_HOST / interval * BYTES_PER_SAMPLE
    allowed = _rounded(int(disk * _DISK_SHARE))
    if disk and written * retention > allowed:
        retention_size = f"{max(1, allowed // GIB)}GB"
        retention_problem = (
            f"Prometheus writes about {_gib(written * 86400)} a day for {hosts} hosts,"
            f" and the disk of this host has {_gib(disk)}. So it keeps about {allowed / written / 86400:.1f} days."
            " Use a larger disk, or set prometheus_retention_time or prometheus_retention_size."
        )
    return {
        "memory": _docker_size(limit),
        "memory_problem": memory_problem,
        "retention_size": retention_size,
        "retention_problem": retention_problem,
    }


def _rounded(size: int) -> int:
    """Down to one of eight sizes between two powers of two, since file systems such as ZFS change their size."""
    gib = size // GIB
    step = 1 << max(0, gib.bit_length() - 4)
    return gib // step * step * GIB


def _docker_size(size: int) -> str:
    return f"{size // GIB}g" if size % GIB == 0 else f"{size // 1024**2}m"


def _gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"
