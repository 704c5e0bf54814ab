"""Measures what the container GPU collector costs on a host with 8 GPUs and 50 containers.

One container starts or ends every 5 s. The program runs on this machine as it runs in its container, on files as Docker
and the driver write them. NVML is not asked: what its answers cost depends on the driver. Exits with 1 if a bar is
missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".cache" / "bench"
PROGRAM = ROOT / "roles" / "container_gpu_collector" / "files"
RECORDED = ROOT / "tests" / "unit" / "roles" / "collector" / "recorded.json"
GPUS, CONTAINERS = 8, 50
CHANGE_SECONDS = 5
BARS = {"cpu_percent": 1.0, "peak_mib": 40.0}


def make_driver(folder: Path) -> None:
    """The tables of the kernel module."""
    for number in range(GPUS):
        gpu = folder / "nvidia" / "gpus" / f"0000:{number + 1:02x}:00.0"
        gpu.mkdir(parents=True)
        uuid = f"GPU-00000000-0000-4000-8000-{number:012d}"
        (gpu / "information").write_text(
            f"Model: \t NVIDIA H100 80GB HBM3\nGPU UUID: \t {uuid}\nBus Type: \t PCIe\nDevice Minor: \t {number}\n"
        )
    (folder / "nvidia-caps").mkdir()
    lines = [f"gpu{gpu}/gi{gi}/access {3 + gpu * 135 + gi * 9}\n" for gpu in range(GPUS) for gi in range(15)]
    lines += [
        f"gpu{gpu}/gi{gi}/ci{ci}/access {4 + gpu * 135 + gi * 9 + ci}\n"
        for gpu in range(GPUS)
        for gi in range(15)
        for ci in range(8)
    ]
    (folder / "nvidia-caps" / "mig-minors").write_text("".join(lines))


def put(folder: Path, number: int, recorded: dict[str, Any], running: bool) -> None:
    """A container in Docker's folder, written as Docker writes it. Every second one has a GPU."""
    identifier = f"{number:064x}"
    config, host_config = recorded["config.v2.json"], recorded["hostconfig.json"]
    state = {**config["State"], "Running": running, "Pid": 1000 + number if running else 0}
    # As long as the environment of a training job.
    environment = [*(config["Config"].get("Env") or []), *(f"VARIABLE_{index}={'x' * 60}" for index in range(40))]
    config = {
        **config,
        "ID": identifier,
        "Name": f"/job-{number}",
        "State": state,
        "Config": {**config["Config"], "Env": environment},
    }
    if number % 2:
        host_config = {
            **host_config,
            "DeviceRequests": [{"Driver": "cdi", "DeviceIDs": [f"nvidia.com/gpu={number % GPUS}"]}],
        }
    (folder / identifier).mkdir(exist_ok=True)
    for name, content in (("config.v2.json", config), ("hostconfig.json", host_config)):
        new = folder / f"{name}.new"
        new.write_text(json.dumps(content))
        new.rename(folder / identifier / name)


def cpu_seconds(pid: int) -> float:
    """What a process has used of the CPU."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int) -> float:
    """The most memory that a process has had."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def measure(seconds: int) -> dict[str, float]:
    """The figures of a run."""
    recorded = json.loads(RECORDED.read_text())["28.5"]["env"]
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        for name in ("containers", "driver", "textfile"):
            (folder / name).mkdir()
        make_driver(folder / "driver")
        for number in range(CONTAINERS):
            put(folder / "containers", number, recorded, running=True)
        command = [
            sys.executable,
            "-B",
            "-m",
            "container_gpu_collector",
            f"--containers={folder}/containers",
            f"--driver={folder}/driver",
        ]
        command += [f"--textfile={folder}/textfile/container_gpu.prom", "--nvidia-runtime=nvidia"]
        program = subprocess.Popen(command, env={"PYTHONPATH": str(PROGRAM)})
        try:
            while not (folder / "textfile" / "container_gpu.prom").exists():
                time.sleep(0.1)
            begin, used = time.monotonic(), cpu_seconds(program.pid)
            for change in range(seconds // CHANGE_SECONDS):
                time.sleep(CHANGE_SECONDS)
                put(folder / "containers", change // 2 % CONTAINERS, recorded, running=bool(change % 2))
            percent = 100 * (cpu_seconds(program.pid) - used) / (time.monotonic() - begin)
            size = (folder / "textfile" / "container_gpu.prom").stat().st_size
            return {
                "cpu_percent": round(percent, 3),
                "peak_mib": round(peak_mib(program.pid), 1),
                "file_kib": round(size / 1024, 1),
            }
        finally:
            program.terminate()
            program.wait()


def main() -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long to measure")
    figures = measure(parser.parse_args().seconds)
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "collector.json").write_text(json.dumps({**figures, "python": sys.version.split()[0]}, indent=1))
    for name, value in figures.items():
        print(f"{name:<12} {value:>8}" + (f"   bar: at most {BARS[name]:g}" if name in BARS else ""))
    return int(any(figures[name] > limit for name, limit in BARS.items()))


if __name__ == "__main__":
    sys.exit(main())
